//! `causeway authz explain`: which rule decides, by the resource files alone.

mod claims;
mod explain;

pub(crate) use claims::Claims;
pub(crate) use explain::{CannotSay, Decision, explain};

#[cfg(test)]
mod tests;
