//! Disks: a folder whose files run out of space, are slow, and lose in a power cut what was not synced.
//!
//! The files are real ones; what the engine adds is who may write, when a call returns, and what a power cut leaves.

mod descriptors;
mod names;
mod power;
mod records;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libc::c_int;

use self::descriptors::Descriptors;
use self::names::Names;
use self::records::{Inode, Records};
use super::machine::MachineId;
use super::turn::Turn;

pub(super) use self::descriptors::Target;
pub(super) use self::names::NameChange;

/// What a disk has free when it is not full, in bytes.
const PLENTY: u64 = 64 << 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DiskId(usize);

/// A machine's disk.
#[derive(Clone, Copy, Debug)]
pub struct Disk(pub(super) DiskId);

/// Whether a disk takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// As much as anybody wants.
    Free,
    /// Nothing but what is removed from it from now on.
    Full,
}

#[derive(Debug, Default)]
pub(super) struct Disks {
    all: Vec<DiskRecord>,
    records: Records,
    descriptors: Descriptors,
}

#[derive(Debug)]
struct DiskRecord {
    folder: PathBuf,
    /// Bytes left; none: plenty.
    room: Option<u64>,
    delay: Duration,
    names: Names,
}

impl Disk {
    /// Fills the disk up, or makes it free.
    pub fn set_space(self, space: Space) {
        let turn = Turn::expect();
        turn.scheduler().disks.disk(self.0).room = match space {
            Space::Free => None,
            Space::Full => Some(0),
        };
    }

    /// How long each write and each sync takes; it begins with no time.
    pub fn set_delay(self, delay: Duration) {
        Turn::expect().scheduler().disks.disk(self.0).delay = delay;
    }

    /// Takes from every file what a power cut may take: bytes, lengths, names, renames and removals that were not synced,
    /// a part of them that the seed decides. Only after the machine was killed.
    pub fn power_cut(self) {
        let turn = Turn::expect();
        let mut guard = turn.scheduler();
        let scheduler = &mut *guard;
        let used = scheduler.machines.iter().find(|machine| machine.disk == Some(self.0) && machine.lives());
        assert!(used.is_none(), "a power cut comes after a kill");
        scheduler.disks.cut_power(self.0, &mut scheduler.random.disk);
    }
}

impl Disks {
    /// The disk with this folder, which becomes one if it is not; panics when there is no such folder.
    pub(super) fn add(&mut self, folder: &Path) -> DiskId {
        let folder = folder.canonicalize().expect("a disk's folder exists");
        if let Some(known) = self.all.iter().position(|disk| disk.folder == folder) {
            return DiskId(known);
        }
        self.records.keep_all(&folder);
        self.all.push(DiskRecord { names: Names::new(&folder), folder, room: None, delay: Duration::ZERO });
        DiskId(self.all.len() - 1)
    }

    /// The file on a disk that a descriptor is; none for everything else.
    pub(super) fn target(&mut self, descriptor: c_int, machine: MachineId) -> Option<Target> {
        let folders = &self.all;
        self.descriptors.target(descriptor, machine, |path| disk_of(folders, path))
    }

    /// A descriptor was opened by `machine`.
    pub(super) fn opened(&mut self, descriptor: c_int, machine: MachineId) {
        self.descriptors.forget(descriptor);
        self.target(descriptor, machine);
    }

    pub(super) fn closed(&mut self, descriptor: c_int) {
        self.descriptors.forget(descriptor);
    }

    /// Closes what a killed machine had open; its locks on files go with it.
    pub(super) fn close_files(&mut self, machine: MachineId) {
        self.descriptors.close_all(machine);
    }

    /// The disk that a path lies on.
    pub(super) fn on_disk(&self, path: &Path) -> Option<DiskId> {
        disk_of(&self.all, path)
    }

    pub(super) fn delay(&self, disk: DiskId) -> Duration {
        self.all[disk.0].delay
    }

    /// Bytes that a disk has left.
    pub(super) fn free(&self, disk: DiskId) -> u64 {
        self.all[disk.0].room.unwrap_or(PLENTY)
    }

    /// How many of `count` bytes at `offset` may be written, which they are then; a full disk takes what it has room for.
    pub(super) fn write(&mut self, target: &Target, offset: u64, count: u64) -> Result<u64, c_int> {
        let size = target.size();
        let beyond = (offset + count).saturating_sub(size.max(offset));
        let granted = self.take_room(target.disk, beyond);
        let count = count - beyond + granted;
        if count == 0 && beyond > 0 {
            return Err(libc::ENOSPC);
        }
        self.records.cover(target.inode, &target.path(), offset..offset + count);
        Ok(count)
    }

    /// `bytes` more are used: all, or an error.
    pub(super) fn allocate(&mut self, target: &Target, bytes: u64) -> Result<(), c_int> {
        let wanted = bytes.saturating_sub(target.allocated());
        match self.all[target.disk.0].room {
            Some(room) if room < wanted => Err(libc::ENOSPC),
            _ => {
                self.take_room(target.disk, wanted);
                Ok(())
            }
        }
    }

    /// A file is about to get another length.
    pub(super) fn resize(&mut self, target: &Target, length: u64) {
        self.give_room(target.disk, target.allocated().saturating_sub(length));
        self.records.resize(target.inode, &target.path(), length);
    }

    /// A file that is there is about to be opened with nothing in it.
    pub(super) fn truncate(&mut self, disk: DiskId, path: &Path) {
        if let Ok(metadata) = path.metadata() {
            self.give_room(disk, metadata.blocks() * 512);
            self.records.resize(Inode::of(&metadata), path, 0);
        }
    }

    /// A file is new; the kernel may have given it the number of one that is gone.
    pub(super) fn created(&mut self, disk: DiskId, descriptor: c_int, path: PathBuf) {
        if let Some(target) = self.descriptors.known(descriptor) {
            self.records.forget(target.inode);
        }
        self.changed(disk, NameChange::Created { path });
    }

    /// A file or a folder is synced.
    pub(super) fn sync(&mut self, target: &Target) {
        self.records.sync(target);
        self.all[target.disk.0].names.sync(&target.path());
    }

    /// Names are about to change; returns what goes into [`Self::changed`] when they have.
    pub(super) fn change(&mut self, disk: DiskId, change: NameChange) -> NameChange {
        if let Some(removed) = change.last_name_of() {
            self.give_room(disk, removed);
        }
        self.all[disk.0].names.keep(change)
    }

    pub(super) fn changed(&mut self, disk: DiskId, change: NameChange) {
        self.all[disk.0].names.push(change);
    }

    fn disk(&mut self, disk: DiskId) -> &mut DiskRecord {
        &mut self.all[disk.0]
    }

    fn take_room(&mut self, disk: DiskId, wanted: u64) -> u64 {
        let Some(room) = &mut self.all[disk.0].room else { return wanted };
        let taken = wanted.min(*room);
        *room -= taken;
        taken
    }

    fn give_room(&mut self, disk: DiskId, bytes: u64) {
        if let Some(room) = &mut self.all[disk.0].room {
            *room += bytes;
        }
    }
}

fn disk_of(disks: &[DiskRecord], path: &Path) -> Option<DiskId> {
    disks.iter().position(|disk| path.starts_with(&disk.folder)).map(DiskId)
}
