//! What a power cut leaves of a disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::records::{Inode, Record, files_below};
use super::{DiskId, Disks};
use crate::engine::random::Stream;

impl Disks {
    pub(super) fn cut_power(&mut self, disk: DiskId, random: &mut Stream) {
        let disk = &mut self.all[disk.0];
        let undone = random.below(disk.names.unsynced() as u64 + 1) as usize;
        disk.names.undo(undone);
        for path in files_below(&disk.folder) {
            let Ok(metadata) = path.metadata() else { continue };
            let record = self.records.record(Inode::of(&metadata));
            cut(&path, record, random).expect("a file on a disk can be cut");
        }
    }
}

/// Undoes some of the last changes of what was synced, then takes a part of what is behind it.
fn cut(path: &Path, record: &mut Record, random: &mut Stream) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let undone = random.below(record.covered.len() as u64 + 1);
    for _ in 0..undone {
        if let Some(covered) = record.covered.pop() {
            file.write_all_at(&covered.bytes, covered.offset)?;
            record.synced = covered.synced;
        }
    }
    let size = file.metadata()?.len();
    let synced = record.synced.min(size);
    let left = match random.below(4) {
        0 => synced,
        1 => size,
        _ => random.between(synced, size),
    };
    file.set_len(left)?;
    if left > synced && random.chance(1, 4) {
        // The length came to the disk, and not all of the bytes.
        let from = random.between(synced, left);
        file.write_all_at(&vec![0; (left - from) as usize], from)?;
    }
    *record = Record { synced: left, covered: Vec::new() };
    Ok(())
}
