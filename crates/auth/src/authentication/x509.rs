//! The method X509: who the client is stands in its certificate.
//!
//! The TLS handshake checks the chain with [`ClientTrust`], so that no stranger gets further; the method checks it again at
//! CONNECT, with the authorities and revocation lists of that moment, and goes up the path that was *verified*: what else a
//! client puts beside its certificate says nothing about it.

mod client_trust;
mod method;
mod names;
mod subject;
mod trust;

pub use client_trust::{ClientTrust, Demand};
pub(crate) use method::X509;
pub use method::{AttributeRule, X509Settings};
pub use subject::SubjectError;
pub use trust::TrustError;
