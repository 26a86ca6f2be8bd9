//! BrokerAuthorization: rules, compiled once, filled in for each principal, asked for each decision.
//!
//! ```text
//!   Rules --compile--> CompiledRules --access(principal)--> Access --publish(topic)--> Option<Source>
//! ```
//!
//! Only allowing exists; nothing that fits is a denial. A [`Source`] says which entry allows, for those who ask why.

mod access;
mod compiled;
mod explanation;
mod glob;
mod named;
mod names;
mod pattern;
mod recent;
mod rules;
mod token;
mod topics;

pub use access::{Access, Source};
pub use compiled::{CompiledRules, RuleError, RuleFault};
pub use explanation::{Action, Because, Explanation};
pub use glob::GlobError;
pub use named::{Authorization, DecisionCache, DeniedPublish};
pub use pattern::PatternError;
pub use rules::{BrokerResource, Keys, Principals, Rule, Rules, StateStoreResource, StoreAccess};
pub use token::UnknownToken;

pub(crate) use recent::Recent;

#[cfg(test)]
mod tests;
