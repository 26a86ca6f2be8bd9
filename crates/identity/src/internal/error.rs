//! What can go wrong with the certificates between our own processes.

use std::path::PathBuf;
use std::time::Duration;

use super::{JoinRefusal, MemberName, Refusal, Role};
use crate::IdentityError;

/// Why a process could not be given, or could not renew, its place in the cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InternalError {
    /// A name cannot stand in a certificate.
    #[error("{name:?} is no name for {what}; write {expected}")]
    Name {
        /// What it should name.
        what: &'static str,
        /// What was written.
        name: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A setting is out of range.
    #[error("{setting} is {} seconds; it must be {expected}", value.as_secs_f64())]
    Setting {
        /// Its name in the resource.
        setting: &'static str,
        /// What it is.
        value: Duration,
        /// What would be right.
        expected: String,
    },
    /// A file of ours holds something else.
    #[error("{} is damaged ({reason}); restore it, or {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// The way out when there is no copy.
        remedy: &'static str,
    },
    /// The authority of another cluster is kept there.
    #[error("{} holds the authority of cluster {found}, this is cluster {expected}", path.display())]
    OtherCluster {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Ours.
        expected: String,
    },
    /// Another process has the authority open.
    #[error("{} is in use by another process; one process of a cluster holds its authority", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// Bytes from a peer are not what they should be.
    #[error("{what} cannot be read: {reason}")]
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A request for a certificate is not to be granted.
    #[error("a request for a certificate is refused: {reason}")]
    Request {
        /// Why.
        reason: String,
    },
    /// A new certificate would be refused by peers, so it is not used.
    #[error("a new certificate is not used: {reason}")]
    Unusable {
        /// Why.
        reason: String,
    },
    /// What peers would say of a new certificate.
    #[error("a new certificate is not used, peers would refuse it: {0}")]
    Refused(#[from] Refusal),
    /// A list of roots is not one to take over.
    #[error("a list of trusted authorities is not taken over: {reason}")]
    Roots {
        /// Why.
        reason: String,
    },
    /// The authority has no time left in which a certificate could be valid.
    #[error("the internal authority cannot issue a certificate that is valid now; check this machine's clock")]
    AuthorityEnded,
    /// A rotation begins when the one before is through.
    #[error("the authority is being rotated already; wait until its old certificate is dropped")]
    RotationUnderWay,
    /// Nobody joins with this token.
    #[error("cannot join: {0}")]
    Join(#[from] JoinRefusal),
    /// Nobody of that name has a certificate.
    #[error("the authority knows no {role} {name}; causeway certs status names those it knows")]
    NoMember {
        /// What it should do.
        role: Role,
        /// Its name.
        name: MemberName,
    },
    /// There are too many tokens.
    #[error(
        "there are {0} join tokens; wait until some have ended, or delete their files in the authority's folder tokens"
    )]
    TooManyTokens(usize),
    /// The exchange that was to bring a new certificate failed.
    #[error("the exchange with the authority failed: {0}")]
    Exchange(String),
    /// Files, keys and certificates, as for listeners.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl From<rcgen::Error> for InternalError {
    fn from(error: rcgen::Error) -> Self {
        Self::Identity(error.into())
    }
}

impl From<rustls::Error> for InternalError {
    fn from(error: rustls::Error) -> Self {
        Self::Identity(error.into())
    }
}
