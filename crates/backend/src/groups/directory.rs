//! What a partition's directory holds.

use std::io;
use std::path::{Path, PathBuf};

use replica::log::{LogError, LogSettings, LogStore};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// A replica that has been alone so far, with at least one entry.
    Alone,
    /// A member of a group, or one that wants to be.
    Member,
}

/// Looks, and changes nothing but what a recovery would.
pub(super) fn look(dir: &Path) -> Result<Found, LogError> {
    if dir.join("ballot").exists() {
        return Ok(Found::Member);
    }
    let has_snapshot = std::fs::read_dir(dir.join("snapshots")).is_ok_and(|mut files| files.next().is_some());
    if has_snapshot {
        return Ok(Found::Alone);
    }
    let log = dir.join("log");
    if !log.exists() {
        return Ok(Found::Nothing);
    }
    let (log, _) = LogStore::open(&log, LogSettings::default())?;
    Ok(if log.last() > 0 { Found::Alone } else { Found::Nothing })
}

/// Puts what is there out of the way, where the next such thing takes its place: it is no use to the broker any more.
pub(super) fn put_aside(dir: &Path) -> io::Result<()> {
    let aside = aside(dir);
    unless_absent(std::fs::remove_dir_all(&aside))?;
    unless_absent(std::fs::rename(dir, &aside))
}

fn unless_absent(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

pub(super) fn aside(dir: &Path) -> PathBuf {
    dir.with_extension("aside")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_is_replaced_by_the_next() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("3");
        assert_eq!(look(&dir).unwrap(), Found::Nothing);
        put_aside(&dir).unwrap();
        for text in ["one", "two"] {
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join("ballot"), text).unwrap();
            assert_eq!(look(&dir).unwrap(), Found::Member);
            put_aside(&dir).unwrap();
            assert_eq!(look(&dir).unwrap(), Found::Nothing);
        }
        assert_eq!(std::fs::read_to_string(aside(&dir).join("ballot")).unwrap(), "two");
    }
}
