//! Which file on which disk a descriptor is, and whose.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use libc::c_int;

use super::DiskId;
use super::records::Inode;
use crate::engine::machine::MachineId;

/// What was found out about descriptors when they were used first, until they are closed.
#[derive(Debug, Default)]
pub(super) struct Descriptors(BTreeMap<c_int, Descriptor>);

#[derive(Debug)]
struct Descriptor {
    owner: MachineId,
    target: Option<Target>,
}

/// An open file or folder on a disk.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Target {
    pub(in crate::engine) disk: DiskId,
    pub(super) inode: Inode,
    descriptor: c_int,
}

impl Descriptors {
    pub(super) fn target(
        &mut self,
        descriptor: c_int,
        machine: MachineId,
        disk: impl Fn(&Path) -> Option<DiskId>,
    ) -> Option<Target> {
        let find = || {
            let path = path(descriptor)?;
            let target = Target { disk: disk(&path)?, inode: Inode::of(&metadata(descriptor)?), descriptor };
            Some(target)
        };
        self.0.entry(descriptor).or_insert_with(|| Descriptor { owner: machine, target: find() }).target
    }

    pub(super) fn known(&self, descriptor: c_int) -> Option<Target> {
        self.0.get(&descriptor)?.target
    }

    pub(super) fn forget(&mut self, descriptor: c_int) {
        self.0.remove(&descriptor);
    }

    pub(super) fn close_all(&mut self, machine: MachineId) {
        let files = self.0.extract_if(.., |_, one| one.owner == machine && one.target.is_some());
        for (descriptor, _) in files {
            // SAFETY: whoever had it open never runs again. Unlocked first: a duplicate may be open that nobody has used.
            unsafe {
                libc::flock(descriptor, libc::LOCK_UN);
                libc::close(descriptor);
            }
        }
    }
}

impl Target {
    pub(super) fn size(&self) -> u64 {
        metadata(self.descriptor).map_or(0, |found| found.len())
    }

    /// Bytes of the disk that it takes.
    pub(super) fn allocated(&self) -> u64 {
        metadata(self.descriptor).map_or(0, |found| found.blocks() * 512)
    }

    pub(super) fn path(&self) -> PathBuf {
        path(self.descriptor).unwrap_or_default()
    }
}

fn path(descriptor: c_int) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()
}

fn metadata(descriptor: c_int) -> Option<Metadata> {
    // SAFETY: it is open, and not closed here.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
    file.metadata().ok()
}
