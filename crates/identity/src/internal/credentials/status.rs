//! How the certificate of this process is, for health, metrics and people.

use std::time::SystemTime;

use super::super::{Member, RootStatus};

/// How the certificate of this process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsStatus {
    /// Whose it is.
    pub member: Member,
    /// When it began, a day before it was made.
    pub not_before: SystemTime,
    /// When it ends.
    pub not_after: SystemTime,
    /// When it is renewed, or tried to be again.
    pub due: SystemTime,
    /// Renewals since the process began.
    pub renewals: u64,
    /// Renewals that failed.
    pub failures: u64,
    /// Why the last one failed, until one has not.
    pub last_failure: Option<String>,
    /// The number of the list of trusted authorities.
    pub generation: u64,
    /// Who is on it.
    pub roots: Vec<RootStatus>,
}

impl CredentialsStatus {
    /// How long the certificate is still good, in seconds; negative when it has ended.
    pub fn seconds_left(&self, now: SystemTime) -> i64 {
        match self.not_after.duration_since(now) {
            Ok(left) => i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            Err(since) => i64::try_from(since.duration().as_secs()).map_or(i64::MIN, |since| -since),
        }
    }
}
