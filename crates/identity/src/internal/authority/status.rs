//! How the authority is, for health, metrics and people.

use std::time::SystemTime;

/// How far a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorityPhase {
    /// One authority, nothing to do until `rotation`.
    Alone {
        /// When a successor is announced.
        rotation: SystemTime,
    },
    /// A successor is trusted and issues nothing yet.
    Announced {
        /// When it begins to.
        issues: SystemTime,
    },
    /// The successor issues; the one before is trusted until its last certificate has ended.
    Overlap {
        /// When it is dropped.
        until: SystemTime,
    },
}

/// How the authority is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityStatus {
    /// The first 16 hexadecimal digits of the SHA-256 of the certificate that issues.
    pub fingerprint: String,
    /// When that certificate ends.
    pub not_after: SystemTime,
    /// How far a rotation is.
    pub phase: AuthorityPhase,
    /// The number of the list of trusted authorities.
    pub generation: u64,
    /// Certificates issued since the process began.
    pub issued: u64,
    /// Requests refused since, to join among them.
    pub refused: u64,
    /// Steps of a rotation that failed since.
    pub failures: u64,
}
