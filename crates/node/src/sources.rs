//! What is written down for the broker on disk: the paths of `--resources` and `--broker-config-file`.
//!
//! ```text
//!   paths -> Found (which files there are) -> Signature (whether they are the same as before)
//!                                          -> Content (what they say), which becomes a config::Input
//! ```

mod content;
mod found;
mod signature;
mod watch;

pub(crate) use content::Content;
pub(crate) use found::Sources;
pub(crate) use signature::Signature;
pub(crate) use watch::{Look, Watch};

#[cfg(test)]
mod tests;
