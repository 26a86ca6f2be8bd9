//! What can be wrong with the certificate files; each sentence names the file and what to do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::{KeyAlgorithm, ManualError};

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
    /// A certificate cannot be kept in a folder of that name.
    #[error("{folder:?} is no name for a certificate's folder; take one without / that does not begin with a dot")]
    FolderName {
        /// The name.
        folder: String,
    },
    /// A name cannot stand in a certificate.
    #[error(
        "{name:?} is not a DNS name; write labels of letters, digits and hyphens with dots between them (the first may be *)"
    )]
    DnsName {
        /// The name.
        name: String,
    },
    /// A certificate would be good for no name at all.
    #[error("a certificate needs at least one DNS name or address")]
    NoNames,
    /// A certificate would be due for renewal as soon as it is issued.
    #[error("renewBefore is {} seconds, duration {}; renewBefore must be shorter", renew_before.as_secs(), duration.as_secs())]
    RenewBefore {
        /// How long before its end it is to be renewed.
        renew_before: Duration,
        /// How long it is to be valid.
        duration: Duration,
    },
    /// A certificate and key that somebody brought cannot be used.
    #[error("secret {secret}: {problem}")]
    Manual {
        /// The name it was brought under.
        secret: String,
        /// What is wrong with it.
        #[source]
        problem: ManualError,
    },
    /// Making a key failed.
    #[error("cannot make a key of kind {algorithm:?}; the system gave no memory or no random numbers")]
    MakeKey {
        /// The kind.
        algorithm: KeyAlgorithm,
    },
    /// Making a certificate failed.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The TLS library refused what was made.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}
