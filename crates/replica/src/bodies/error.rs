//! Why a body cannot be had.

use std::io;
use std::path::{Path, PathBuf};

use partition::BodyRef;

use crate::log::{Damage, LogError};

/// Error of a [`BodyStore`](super::BodyStore).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    #[error("the body at entry {}, byte {} is gone", body.index, body.offset)]
    Missing { body: BodyRef },

    #[error(
        "carried bodies are corrupt: {} at byte {offset}: {why}; put the data directory back from a copy, or move that \
         file away and lose the bodies in it (docs/decisions/0001-log-engine.md, \"A corrupt log\")",
        file.display()
    )]
    Corrupt { file: PathBuf, offset: u64, why: Damage },

    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    #[error(transparent)]
    Log(#[from] LogError),
}

impl BodyError {
    /// Whether the disk, or the quota, is full: nothing was changed, the call may be made again.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => crate::log::is_disk_full(source),
            Self::Log(error) => error.is_disk_full(),
            Self::Missing { .. } | Self::Corrupt { .. } => false,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
