//! The file on disk: read, and replaced as a whole.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Of a file that was not there.
const OWNER_ONLY: u32 = 0o600;
/// Another `causeway passwd` computes a hash meanwhile, which takes less.
const LOCK_DEADLINE: Duration = Duration::from_secs(60);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A file of users, which nobody else changes by `causeway passwd` while this is held.
pub(super) struct UserFile {
    /// Behind links: what is replaced is what they lead to.
    path: PathBuf,
    folder: File,
}

/// Why the file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("cannot {tried} {}: {source}", path.display())]
    Io { tried: &'static str, path: PathBuf, source: io::Error },
    #[error("another program has held {} for {} seconds; try again when it has ended", path.display(), LOCK_DEADLINE.as_secs())]
    Held { path: PathBuf },
    #[error("{} is no regular file", path.display())]
    NoFile { path: PathBuf },
}

impl UserFile {
    /// Takes the file at `path`, which need not be there; its folder must.
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        let path = match fs::canonicalize(path) {
            Ok(path) if !path.is_file() => return Err(FileError::NoFile { path }),
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(failed("find", path)(error)),
        };
        let folder_path = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let folder = File::open(&folder_path).map_err(failed("open the folder", &folder_path))?;
        hold(&folder, &folder_path)?;
        Ok(Self { path, folder })
    }

    /// What is in it; `None` if there is no such file.
    pub(super) fn text(&self) -> Result<Option<String>, FileError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &self.path)(error)),
        }
    }

    /// Replaces it as a whole: whoever reads it, also after a crash, finds the old text or the new one. Owner and mode stay;
    /// a new file is its owner's only.
    pub(super) fn replace(&self, text: &str) -> Result<(), FileError> {
        let before = match fs::metadata(&self.path) {
            Ok(before) => Some(before),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("read", &self.path)(error)),
        };
        let draft = self.draft();
        let written = write(&draft, text, before.as_ref()).and_then(|()| fs::rename(&draft, &self.path));
        if let Err(error) = written {
            // It is ours, and of no use to anybody.
            let _ = fs::remove_file(&draft);
            return Err(failed("write", &self.path)(error));
        }
        self.folder.sync_all().map_err(failed("sync the folder of", &self.path))
    }

    /// Hidden, so that a folder that is read as a Secret has no second key meanwhile.
    fn draft(&self) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!(".{name}.new"))
    }
}

fn hold(folder: &File, path: &Path) -> Result<(), FileError> {
    let deadline = Instant::now() + LOCK_DEADLINE;
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(FileError::Held { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
        }
    }
}

fn write(draft: &Path, text: &str, before: Option<&fs::Metadata>) -> io::Result<()> {
    // Left by a run that was killed; the folder is locked.
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(draft)?;
    if let Some(before) = before {
        let ours = file.metadata()?;
        if (ours.uid(), ours.gid()) != (before.uid(), before.gid()) {
            fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(before.mode() & 0o7777))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn failed(tried: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    move |source| FileError::Io { tried, path: path.to_owned(), source }
}
