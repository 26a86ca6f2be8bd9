//! What can be wrong with the certificate files; each sentence names the file and what to do.

use std::io;
use std::path::PathBuf;

/// Why the identity of this process could not be established or renewed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file is there but cannot be read.
    #[error("cannot read {}: {source}; make it readable for the user that runs causeway", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; make the folder writable for the user that runs causeway", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something else than it should.
    #[error("{} does not hold {expected} in PEM form ({reason}); restore it, or {remedy}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// Why what it holds was not taken.
        reason: String,
        /// The way out when there is no copy to restore.
        remedy: &'static str,
    },
    /// The authority's certificate is there without its key.
    #[error(
        "{} is missing although {} is there; restore it, or delete both to get a new authority (clients then need the new ca.crt)",
        key.display(), certificate.display()
    )]
    KeyMissing {
        /// The key that is not there.
        key: PathBuf,
        /// The certificate that is.
        certificate: PathBuf,
    },
    /// A certificate and the key beside it are not a pair.
    #[error("{} does not belong to the certificate in {}; restore the right one, or {remedy}", key.display(), certificate.display())]
    NotAPair {
        /// The key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
        /// The way out when there is no copy to restore.
        remedy: &'static str,
    },
    /// The server certificate was issued by somebody else.
    #[error("{} was not issued by the authority in {} ({reason}); restore the right one, or {remedy}", leaf.display(), authority.display())]
    Foreign {
        /// The server certificate.
        leaf: PathBuf,
        /// The authority's certificate.
        authority: PathBuf,
        /// What verification said.
        reason: String,
        /// The way out when there is no copy to restore.
        remedy: &'static str,
    },
    /// The authority cannot issue a certificate that is valid now.
    #[error(
        "the authority in {} cannot issue a certificate that is valid now ({reason}); check this machine's clock, or delete ca.crt and ca.key to get a new authority (clients then need the new ca.crt)",
        path.display()
    )]
    AuthorityUnusable {
        /// The authority's certificate.
        path: PathBuf,
        /// What verification said of a certificate it just issued.
        reason: String,
    },
    /// Making a key or a certificate failed.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The TLS library refused what was made.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}
