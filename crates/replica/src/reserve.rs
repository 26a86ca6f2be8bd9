//! Disk space kept back, so that when the disk is full small control records can still be written.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

const RESERVE_FILE: &str = "reserve";

/// A ballast file. Its owner gives it up when the disk is full, and takes it back when there is space.
#[derive(Debug)]
pub struct Reserve {
    dir: PathBuf,
    bytes: u64,
    held: u64,
}

/// Disk space, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What the file system still gives this process, the reserve not counted.
    pub free: u64,
    /// What the reserve holds back now: its full size, or 0.
    pub reserve_held: u64,
}

impl Reserve {
    /// Takes a reserve of `bytes` in `dir`; 0 keeps none. When the disk has no such space it begins as given up.
    pub fn open(dir: &Path, bytes: u64) -> io::Result<Self> {
        let mut reserve = Self { dir: dir.to_owned(), bytes, held: 0 };
        reserve.refill()?;
        Ok(reserve)
    }

    /// Free space and what is held back.
    pub fn space(&self) -> io::Result<Space> {
        Ok(Space { free: free_space(&self.dir)?, reserve_held: self.held })
    }

    /// Gives the reserve up; returns the bytes that became free.
    pub fn release(&mut self) -> io::Result<u64> {
        match std::fs::remove_file(self.path()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(std::mem::take(&mut self.held)),
        }
    }

    /// Takes the reserve back if as much again stays free after it; returns whether it is held.
    pub fn refill(&mut self) -> io::Result<bool> {
        if self.held == self.bytes {
            return Ok(true);
        }
        let found = self.path().metadata().map_or(0, |m| std::os::unix::fs::MetadataExt::blocks(&m) * 512);
        if found < self.bytes && free_space(&self.dir)?.saturating_add(found) < self.bytes.saturating_mul(2) {
            return Ok(false);
        }
        match self.allocate() {
            Ok(()) => {
                self.held = self.bytes;
                Ok(true)
            }
            Err(e) => {
                let _ = std::fs::remove_file(self.path());
                if crate::log::is_disk_full(&e) { Ok(false) } else { Err(e) }
            }
        }
    }

    fn allocate(&self) -> io::Result<()> {
        let file: File = OpenOptions::new().write(true).create(true).truncate(false).open(self.path())?;
        file.set_len(self.bytes)?;
        match fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            // A file system that cannot allocate ahead holds nothing back; the log heals without it too.
            Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            result => Ok(result?),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join(RESERVE_FILE)
    }
}

/// Bytes that a process may still write to the file system of `dir`.
pub fn free_space(dir: &Path) -> io::Result<u64> {
    let stat = statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_given_up_and_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::open(dir.path(), 1 << 20).unwrap();
        let space = reserve.space().unwrap();
        assert_eq!(space.reserve_held, 1 << 20);
        assert!(space.free > 0);
        assert_eq!(reserve.release().unwrap(), 1 << 20);
        assert_eq!(reserve.release().unwrap(), 0);
        assert_eq!(reserve.space().unwrap().reserve_held, 0);
        assert!(reserve.refill().unwrap());
        // A reserve that a killed process left is taken over.
        let again = Reserve::open(dir.path(), 1 << 20).unwrap();
        assert_eq!(again.space().unwrap().reserve_held, 1 << 20);
        assert_eq!(dir.path().join(RESERVE_FILE).metadata().unwrap().len(), 1 << 20);
    }

    #[test]
    fn more_than_the_disk_has_is_not_held() {
        let dir = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::open(dir.path(), 1 << 60).unwrap();
        assert_eq!(reserve.space().unwrap().reserve_held, 0);
        assert!(!reserve.refill().unwrap());
    }
}
