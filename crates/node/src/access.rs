//! Who is let in by each port and what they may do there: from the plan to what frontend and TLS handshakes go by.
//!
//! ```text
//!   config::Plan --one file a kind--> auth's settings --compile--> Guards --policy(listener)----> frontend
//!                                                             \           --verifier(listener)--> TLS handshakes
//!                                                              \-> Problems, each with its place
//! ```
//!
//! Not here: when what becomes effective; that is in `roles`.

mod authentication;
mod authorization;
mod custom;
mod fault;
mod ground;
mod guards;
mod jwt;
mod keys;
mod service_account;
mod summary;
mod trust;
mod x509;

pub(crate) use ground::Ground;
pub(crate) use guards::{Guards, problems};
pub(crate) use summary::summary;

#[cfg(test)]
mod tests;
