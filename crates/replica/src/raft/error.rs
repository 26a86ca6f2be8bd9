//! Why a member cannot be opened or cannot go on.

use std::path::PathBuf;

use partition::DecodeError;

use super::group::MemberId;
use crate::bodies::BodyError;
use crate::log::{Damage, LogError, is_disk_full};
use crate::snapshot::SnapshotError;

/// Error of a [`Member`](super::Member).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RaftError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error("log entry {index} cannot be applied: {source}")]
    Apply { index: u64, source: DecodeError },
    #[error("log entry {index} cannot be read: {why}")]
    Record { index: u64, why: Damage },
    #[error("the snapshot of entry {index} cannot be read: {why}")]
    Restore { index: u64, why: String },
    #[error("{}: {why}", path.display())]
    Ballot { path: PathBuf, why: Damage },
    #[error("{} belongs to member {found}, not to {wanted}", dir.display())]
    AnotherMember { dir: PathBuf, found: MemberId, wanted: MemberId },
    #[error("{} does not hold a member of a group; let it join as a new one", dir.display())]
    NoMember { dir: PathBuf },
    #[error("{} holds a partition already; a member that joins begins with nothing", dir.display())]
    NotEmpty { dir: PathBuf },
    /// It may have voted or acknowledged what its disk no longer holds.
    #[error(
        "member {member} may have forgotten what it promised ({why}); remove its data and let it join as a new member"
    )]
    Forgotten { member: MemberId, why: &'static str },
    #[error("member {member} has stopped: {why}")]
    Stopped { member: MemberId, why: String },
    #[error("the members cannot be changed: {0}")]
    Membership(String),
}

impl RaftError {
    /// Whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Log(error) => error.is_disk_full(),
            Self::Body(error) => error.is_disk_full(),
            Self::Snapshot(error) => error.is_disk_full(),
            Self::Io { source, .. } => is_disk_full(source),
            _ => false,
        }
    }

    /// Whether what the directory holds can be no member any more: it is to be removed, and to join as a new one.
    pub fn needs_new_member(&self) -> bool {
        match self {
            Self::Log(error) => matches!(error, LogError::Corrupt { .. }),
            Self::Snapshot(error) => matches!(error, SnapshotError::NothingToStartFrom { .. }),
            Self::Body(_) | Self::Apply { .. } | Self::Record { .. } | Self::Restore { .. } | Self::Ballot { .. } => {
                !self.is_disk_full()
            }
            Self::NoMember { .. } | Self::Forgotten { .. } => true,
            _ => false,
        }
    }
}

impl From<RaftError> for std::io::Error {
    fn from(error: RaftError) -> Self {
        Self::other(error)
    }
}
