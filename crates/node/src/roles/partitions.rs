//! The partitions of this process, out of the plan.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use backend::{Backend, Hosting};
use config::Plan;

/// Commands that may wait for one partition before publishers are slowed.
const INBOX_BYTES: usize = 16 << 20;

/// Why partitions do not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartitionsError {
    #[error("cannot make {}: {source}", dir.display())]
    StateDirectory { dir: PathBuf, source: io::Error },
    #[error(transparent)]
    Backend(#[from] backend::StartError),
}

/// Starts those that `hosting` says, and waits until their state is complete. It is in `state_dir`, a folder of the data directory that
/// is made here.
pub(super) fn start(plan: &Plan, state_dir: &Path, hosting: Hosting) -> Result<Backend, PartitionsError> {
    // Messages are nobody else's to read.
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir);
    made.map_err(|source| PartitionsError::StateDirectory { dir: state_dir.to_owned(), source })?;
    let backend = Backend::start(backend::Settings {
        dir: state_dir.to_owned(),
        partitions: plan.partitions.get(),
        durability: match plan.durability {
            config::Durability::Async => backend::Durability::Async,
            config::Durability::Fsync => backend::Durability::Fsync,
        },
        hosting,
        inbox_bytes: INBOX_BYTES,
    })?;
    backend.set_queue_disk_bytes(plan.queue_disk_bytes);
    Ok(backend)
}
