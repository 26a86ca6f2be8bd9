//! The data directory: one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const LOCK_FILE: &str = "LOCK";

/// A data directory that this process alone uses, until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    #[error("the data directory {} is in use by {holder}", path.display())]
    InUse { path: PathBuf, holder: String },
    #[error("the data directory {} cannot be made: {source}", path.display())]
    NotMade { path: PathBuf, source: io::Error },
    #[error("the data directory {} is not writable: {source}", path.display())]
    NotWritable { path: PathBuf, source: io::Error },
}

impl DataDir {
    /// Makes the directory if there is none and takes it for this process.
    pub fn lock(path: &Path) -> Result<Self, DataDirError> {
        let path = path.to_owned();
        if let Err(source) = std::fs::create_dir_all(&path) {
            return Err(DataDirError::NotMade { path, source });
        }
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(LOCK_FILE));
        let mut lock = match opened {
            Ok(file) => file,
            Err(source) => return Err(DataDirError::NotWritable { path, source }),
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut lock);
                return Err(DataDirError::InUse { path, holder });
            }
            Err(TryLockError::Error(source)) => return Err(DataDirError::NotWritable { path, source }),
        }
        // Who holds it is for the message of the next one only; on a full disk that is not worth failing for.
        let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Self { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    match lock.take(20).read_to_string(&mut text) {
        Ok(_) if text.trim().parse::<u32>().is_ok() => format!("process {}", text.trim()),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let held = DataDir::lock(&path).unwrap();
        let error = DataDir::lock(&path).unwrap_err();
        assert!(error.to_string().ends_with(&format!("is in use by process {}", std::process::id())), "{error}");
        drop(held);
        DataDir::lock(&path).unwrap();
    }

    #[test]
    fn what_is_no_directory_is_one_clear_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = DataDir::lock(&file.join("data")).unwrap_err().to_string();
        assert!(error.starts_with("the data directory ") && error.contains("cannot be made: "), "{error}");
    }

    #[test]
    fn an_unwritable_directory_is_one_clear_sentence() {
        // /proc refuses new files even to root.
        let error = DataDir::lock(Path::new("/proc/self")).unwrap_err().to_string();
        assert!(error.starts_with("the data directory /proc/self is not writable: "), "{error}");
    }
}
