//! Files that nothing refers to any more, to be removed when and where it suits.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::LogError;

/// Files to remove. Removing large ones takes milliseconds, so a driver may do it on another thread; when the
/// process ends before, the next start finds them and they are named dead again.
#[derive(Debug, Default)]
#[must_use = "the space is given back by remove()"]
pub struct Garbage {
    files: Vec<Doomed>,
}

#[derive(Debug)]
struct Doomed {
    path: PathBuf,
    bytes: u64,
    /// Kept open so that closing it, which frees the space, happens where the file is removed.
    _file: Option<Arc<File>>,
}

impl Garbage {
    /// How many bytes of disk the files take.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.bytes).sum()
    }

    /// Removes the files; returns how many bytes that gave back.
    pub fn remove(self) -> Result<u64, LogError> {
        let mut freed = 0;
        for file in self.files {
            match std::fs::remove_file(&file.path) {
                Ok(()) => freed += file.bytes,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(LogError::io("remove", &file.path)(e)),
            }
        }
        Ok(freed)
    }

    /// Removes the files on a thread of its own: large ones take tens of milliseconds.
    pub(crate) fn remove_aside(self) {
        let work = move || {
            if let Err(error) = self.remove() {
                tracing::warn!(%error, "files of the log that are not needed any more could not be removed");
            }
        };
        if cfg!(test) {
            // A test opens the directory again in this process.
            return work();
        }
        if let Err(error) = std::thread::Builder::new().name("removal".to_owned()).spawn(work) {
            tracing::warn!(%error, "no thread for removing files; they go at the next start");
        }
    }

    pub(crate) fn add(&mut self, path: &Path, bytes: u64, file: Option<Arc<File>>) {
        self.files.push(Doomed { path: path.to_owned(), bytes, _file: file });
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.files.extend(other.files);
    }
}
