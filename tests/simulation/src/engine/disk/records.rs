//! What is synced of each file, and what unsynced writes have covered.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::descriptors::Target;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inode {
    device: u64,
    number: u64,
}

#[derive(Debug, Default)]
pub(super) struct Records(BTreeMap<Inode, Record>);

/// A file that was written to.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// So much of its beginning is synced.
    pub(super) synced: u64,
    /// What unsynced changes of synced bytes have covered, oldest first.
    pub(super) covered: Vec<Covered>,
}

/// Synced bytes that were overwritten or cut off.
#[derive(Debug)]
pub(super) struct Covered {
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    /// How much was synced before.
    pub(super) synced: u64,
}

impl Inode {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), number: metadata.ino() }
    }
}

impl Records {
    /// Takes every file below `folder` for synced.
    pub(super) fn keep_all(&mut self, folder: &Path) {
        for path in files_below(folder) {
            if let Ok(metadata) = path.metadata() {
                self.0.insert(Inode::of(&metadata), Record { synced: metadata.len(), covered: Vec::new() });
            }
        }
    }

    /// What is known of a file; nothing of it is synced if nothing is known.
    pub(super) fn record(&mut self, inode: Inode) -> &mut Record {
        self.0.entry(inode).or_default()
    }

    pub(super) fn resize(&mut self, inode: Inode, path: &Path, length: u64) {
        let synced = self.record(inode).synced;
        if length < synced {
            self.cover(inode, path, length..synced);
            self.record(inode).synced = length;
        }
    }

    pub(super) fn sync(&mut self, target: &Target) {
        let size = target.size();
        *self.record(target.inode) = Record { synced: size, covered: Vec::new() };
    }

    pub(super) fn forget(&mut self, inode: Inode) {
        self.0.remove(&inode);
    }

    /// Remembers what is synced of a range that is about to change.
    pub(super) fn cover(&mut self, inode: Inode, path: &Path, range: Range<u64>) {
        let record = self.record(inode);
        let end = range.end.min(record.synced);
        if range.start >= end {
            return;
        }
        let mut bytes = vec![0; (end - range.start) as usize];
        // Its own descriptor may only be there for writing.
        let read = File::open(path).and_then(|file| file.read_exact_at(&mut bytes, range.start));
        if read.is_ok() {
            record.covered.push(Covered { offset: range.start, bytes, synced: record.synced });
        }
    }
}

/// Regular files below a folder, in an order that is always the same.
pub(super) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let below = |path: PathBuf| match path.symlink_metadata() {
        Ok(found) if found.is_dir() => files_below(&path),
        Ok(found) if found.is_file() => vec![path],
        _ => Vec::new(),
    };
    paths.into_iter().flat_map(below).collect()
}
