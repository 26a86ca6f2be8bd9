//! What can go wrong with a log, in words an operator can act on.

use std::io;
use std::path::{Path, PathBuf};

use super::frame::Damage;

/// Error of a [`LogStore`](super::LogStore).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    /// The partition must not go on: what follows the damaged record cannot be applied without it.
    #[error(
        "the log is corrupt: {} at byte {offset}, entry {index}: {why}; {}",
        file.display(),
        way_out(*why)
    )]
    Corrupt { file: PathBuf, offset: u64, index: u64, why: Damage },

    #[error("entry {index} is not in the log, which holds {first} to {last}")]
    Missing { index: u64, first: u64, last: u64 },

    #[error("entry {index} cannot be appended after entry {last}")]
    OutOfOrder { index: u64, last: u64 },

    #[error("an entry of {bytes} bytes is longer than {limit} bytes")]
    TooLong { bytes: u64, limit: u64 },

    /// After a failed sync nobody knows what the device holds, so nothing more is acknowledged.
    #[error("the log in {} could not be synced to its device ({why}); check the device, then start again", dir.display())]
    SyncFailed { dir: PathBuf, why: String },
}

impl LogError {
    /// Whether the disk, or the quota, is full: the log is as it was before the call and works again when space is back.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_disk_full(source))
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

fn way_out(why: Damage) -> &'static str {
    match why {
        Damage::Version(_) => "start the version of the program that wrote it, or a newer one",
        _ => {
            "put the data directory back from a copy, or give up what follows that entry with \
             `causeway salvage --data-dir DIR` (docs/decisions/0001-log-engine.md, \"A corrupt log\")"
        }
    }
}

/// Whether `error` says that the disk, or the quota, is full.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(why: Damage) -> String {
        LogError::Corrupt { file: "/d/log/1.log".into(), offset: 48, index: 7, why }.to_string()
    }

    #[test]
    fn a_corrupt_log_names_the_place_and_the_way_out() {
        let said = sentence(Damage::Payload);
        for word in
            ["/d/log/1.log at byte 48, entry 7", "a record fails its checksum", "`causeway salvage --data-dir DIR`"]
        {
            assert!(said.contains(word), "{word}: {said}");
        }
    }

    #[test]
    fn a_newer_format_is_not_to_be_salvaged() {
        let said = sentence(Damage::Version(9));
        assert!(said.contains("format version 9") && !said.contains("salvage"), "{said}");
    }
}
