//! BrokerAuthorization: rules, compiled once, filled in for each principal, asked for each decision.
//!
//! ```text
//!   Rules --compile--> CompiledRules --access(principal)--> Access --publish(topic)--> Option<Source>
//! ```
//!
//! Only allowing exists; nothing that fits is a denial. A [`Source`] says which entry allows, for those who ask why.

mod access;
mod compiled;
mod glob;
mod names;
mod pattern;
mod rules;
mod token;

pub use access::{Access, Source};
pub use compiled::{CompiledRules, RuleError, RuleFault};
pub use glob::GlobError;
pub use pattern::PatternError;
pub use rules::{BrokerResource, Keys, Principals, Rule, Rules, StateStoreResource, StoreAccess};
pub use token::UnknownToken;

#[cfg(test)]
mod tests;
