//! Which names were made, changed and removed without a sync of their folder.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// So many changes may be unsynced; older ones are on the disk, as a file system writes its journal at times.
const CHANGES: usize = 64;

#[derive(Debug)]
pub(super) struct Names {
    /// Beside the disk's folder: what was removed, in case that it was not.
    attic: PathBuf,
    kept: u64,
    changes: Vec<NameChange>,
}

/// A change of names in a disk's folders.
#[derive(Debug)]
pub(in crate::engine) enum NameChange {
    Created {
        path: PathBuf,
    },
    Removed {
        path: PathBuf,
        kept: Option<PathBuf>,
    },
    /// `kept` is what had the new name before.
    Renamed {
        from: PathBuf,
        to: PathBuf,
        kept: Option<PathBuf>,
    },
}

impl NameChange {
    /// How much space ends with the change; none if something else keeps it.
    pub(super) fn last_name_of(&self) -> Option<u64> {
        let gone = match self {
            Self::Created { .. } => return None,
            Self::Removed { path, .. } | Self::Renamed { to: path, .. } => path,
        };
        let found = gone.symlink_metadata().ok()?;
        (found.is_file() && found.nlink() == 1).then(|| found.blocks() * 512)
    }

    fn touches(&self, folder: &Path) -> bool {
        let inside = |path: &PathBuf| path.parent() == Some(folder);
        match self {
            // A file's own sync keeps its name too: as ext4 and XFS do.
            Self::Created { path } => inside(path) || path == folder,
            Self::Removed { path, .. } => inside(path),
            Self::Renamed { from, to, .. } => inside(from) || inside(to),
        }
    }

    fn forget(self) {
        if let Self::Removed { kept: Some(kept), .. } | Self::Renamed { kept: Some(kept), .. } = self {
            let _ = std::fs::remove_file(kept);
        }
    }

    fn undo(self) {
        let restore = |kept: Option<PathBuf>, path: &Path| kept.map(|kept| std::fs::rename(kept, path));
        match self {
            Self::Created { path } => {
                let _ = std::fs::remove_file(path);
            }
            Self::Removed { path, kept } => {
                restore(kept, &path);
            }
            Self::Renamed { from, to, kept } => {
                let _ = std::fs::rename(&to, &from);
                restore(kept, &to);
            }
        }
    }
}

impl Names {
    pub(super) fn new(folder: &Path) -> Self {
        Self { attic: folder.with_added_extension("attic"), kept: 0, changes: Vec::new() }
    }

    /// Keeps what a change is about to remove.
    pub(super) fn keep(&mut self, change: NameChange) -> NameChange {
        match change {
            NameChange::Removed { path, .. } => NameChange::Removed { kept: self.link(&path), path },
            NameChange::Renamed { from, to, .. } => NameChange::Renamed { from, kept: self.link(&to), to },
            created @ NameChange::Created { .. } => created,
        }
    }

    pub(super) fn push(&mut self, change: NameChange) {
        self.changes.push(change);
        if self.changes.len() > CHANGES {
            self.changes.remove(0).forget();
        }
    }

    /// A folder, or a file, is synced.
    pub(super) fn sync(&mut self, path: &Path) {
        self.changes.extract_if(.., |change| change.touches(path)).for_each(NameChange::forget);
    }

    pub(super) fn unsynced(&self) -> usize {
        self.changes.len()
    }

    /// Undoes the last `count` changes; the others stay for good.
    pub(super) fn undo(&mut self, count: usize) {
        let undone = self.changes.split_off(self.changes.len() - count);
        undone.into_iter().rev().for_each(NameChange::undo);
        self.changes.drain(..).for_each(NameChange::forget);
    }

    fn link(&mut self, path: &Path) -> Option<PathBuf> {
        if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            return None;
        }
        std::fs::create_dir_all(&self.attic).ok()?;
        self.kept += 1;
        let kept = self.attic.join(self.kept.to_string());
        std::fs::hard_link(path, &kept).ok().map(|()| kept)
    }
}
