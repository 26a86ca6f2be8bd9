//! Brings a log to its device from any thread, beside the thread that appends.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use partition::sabotage::{Guard, is_broken};

use super::error::LogError;

/// Handle to bring a log to its device. Clones share the work: whoever comes second finds it done.
#[derive(Clone, Debug)]
pub struct Syncer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    appended: AtomicU64,
    synced: AtomicU64,
    /// Held for the time of one sync, and while the log is cut.
    turn: Mutex<()>,
    pending: Mutex<Pending>,
    failed: OnceLock<String>,
}

#[derive(Debug, Default)]
struct Pending {
    /// Files no longer written to that the device may not hold yet.
    sealed: Vec<Arc<File>>,
    active: Option<Arc<File>>,
    /// Files were made since the directory was synced.
    directory: bool,
}

impl Syncer {
    pub(crate) fn new(dir: &Path, appended: u64, synced: u64) -> Self {
        let shared = Shared {
            dir: dir.to_owned(),
            appended: AtomicU64::new(appended),
            synced: AtomicU64::new(synced),
            turn: Mutex::default(),
            pending: Mutex::default(),
            failed: OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Waits until the device holds all that was appended before the call; returns the index of the last such entry.
    ///
    /// Does nothing when nothing was appended since the last sync. After an error every later call fails too, and so
    /// does every append: what the device holds is then unknown.
    pub fn sync(&self) -> io::Result<u64> {
        let shared = &*self.shared;
        let wanted = shared.appended.load(Ordering::Acquire);
        let _turn = lock(&shared.turn);
        if let Some(why) = self.failure() {
            return Err(io::Error::other(why.to_owned()));
        }
        if self.synced() >= wanted || is_broken(Guard::Synced) {
            return Ok(wanted);
        }
        // Entries counted here are in the files taken next, whatever the appending thread does meanwhile.
        let covered = shared.appended.load(Ordering::Acquire);
        let (sealed, active, directory) = {
            let mut pending = lock(&shared.pending);
            (std::mem::take(&mut pending.sealed), pending.active.clone(), std::mem::take(&mut pending.directory))
        };
        let result = sync_files(&sealed, active.as_deref(), directory.then_some(shared.dir.as_path()));
        match result {
            Ok(()) => {
                shared.synced.fetch_max(covered, Ordering::AcqRel);
                Ok(covered)
            }
            Err(error) => {
                let _ = shared.failed.set(error.to_string());
                Err(error)
            }
        }
    }

    /// As [`Syncer::sync`], with the error of a log.
    pub(crate) fn sync_log(&self) -> Result<u64, LogError> {
        self.sync().map_err(|e| LogError::SyncFailed { dir: self.shared.dir.clone(), why: e.to_string() })
    }

    /// Last index known to be on the device.
    pub fn synced(&self) -> u64 {
        self.shared.synced.load(Ordering::Acquire)
    }

    /// What an earlier sync failed with.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.shared.failed.get().map(String::as_str)
    }

    pub(crate) fn appended(&self, index: u64) {
        self.shared.appended.store(index, Ordering::Release);
    }

    /// `file` is written to from now on; the one before it is complete.
    pub(crate) fn started(&self, file: &Arc<File>) {
        let mut pending = lock(&self.shared.pending);
        let before = pending.active.replace(Arc::clone(file));
        pending.sealed.extend(before);
        pending.directory = true;
    }

    /// `file` is complete but the device may not hold it.
    pub(crate) fn found(&self, file: &Arc<File>) {
        lock(&self.shared.pending).sealed.push(Arc::clone(file));
    }

    /// `file` is to be removed: an open handle would hold its space.
    pub(crate) fn forget(&self, file: &Arc<File>) {
        lock(&self.shared.pending).sealed.retain(|sealed| !Arc::ptr_eq(sealed, file));
    }

    /// Runs `cut`, which shortens the log so that `last` is its last entry, while no sync is under way.
    pub(crate) fn cutting<T>(&self, last: u64, cut: impl FnOnce() -> T) -> T {
        let _turn = lock(&self.shared.turn);
        self.shared.synced.fetch_min(last, Ordering::AcqRel);
        self.shared.appended.store(last, Ordering::Release);
        cut()
    }

    /// Names the file written to from now on after a cut, whose predecessors need no sync of their own.
    pub(crate) fn resumed(&self, file: &Arc<File>) {
        let mut pending = lock(&self.shared.pending);
        pending.active = Some(Arc::clone(file));
        pending.directory = true;
    }
}

fn sync_files(sealed: &[Arc<File>], active: Option<&File>, directory: Option<&Path>) -> io::Result<()> {
    for file in sealed {
        file.sync_data()?;
    }
    if let Some(file) = active {
        file.sync_data()?;
    }
    directory.map_or(Ok(()), sync_directory)
}

/// Brings the names in a directory to the device.
pub(crate) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A panic cannot leave these half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
