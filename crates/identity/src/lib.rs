//! Who this process is: its keys, its certificate authority and the certificates its listeners show to clients.
//!
//! An [`Authority`] is the pair `ca.crt`, `ca.key` in one folder. [`Certificates`] owns what each listener shows:
//! *automatic* certificates, issued by the authority, kept in a folder each and renewed before they end, and *manual* ones,
//! brought by somebody and checked before they are used. What a listener needs of it is a [`ServerTls`]: at each handshake it
//! asks that for the newest TLS configuration.
//!
//! ```text
//!   tls/ca.crt, ca.key <-> Authority
//!                              |
//!   tls/<folder>/*.crt,key <-> Certificates --prepare--> Prepared --publish--> ServerTls --configuration(hello)--> handshake
//!                              ^
//!                          renewal (one thread, sleeps until the next certificate is due)
//! ```
//!
//! Whose certificates clients may show is for others to say: they bring a verifier, and this crate sees to it that nobody resumes
//! a session that another verifier let in.
//!
//! Not here: trust bundles, what a client's certificate is worth, where settings and secrets come from.

mod authority;
mod automatic;
mod certificate;
mod certificates;
mod error;
mod files;
#[cfg(test)]
mod handshake;
pub mod internal;
mod issue;
mod key;
mod leaf;
mod manual;
mod manual_error;
mod pair_folder;
mod pem;
mod registry;
mod renewal;
mod server_names;
mod server_tls;
mod source;
mod verdict;

pub use authority::{Authority, AuthorityPair};
pub use automatic::AutomaticSettings;
pub use certificates::{CertificateStatus, Certificates, Prepared};
pub use error::IdentityError;
pub use key::{KeyAlgorithm, KeyRotation};
pub use manual_error::ManualError;
pub use server_names::ServerNames;
pub use server_tls::{ApplicationProtocol, ServerTls};
pub use source::CertificateSource;
