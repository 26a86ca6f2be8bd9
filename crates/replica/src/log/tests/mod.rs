//! Tests of the log: against a model, and under every fault a disk or a kill can bring.

mod damage;
pub(crate) mod full_disk;
mod fuzz;
mod model;
mod salvage;

use std::path::{Path, PathBuf};

use super::*;

/// Small segments, so that a test has many.
const SEGMENT_BYTES: u64 = 4 << 10;

/// A directory in memory where there is one: these tests are about bytes, not about devices.
fn tempdir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn open(dir: &Path) -> Result<(LogStore, Recovered), LogError> {
    LogStore::open(dir, LogSettings { segment_bytes: SEGMENT_BYTES })
}

/// A payload that tells its index and has a length of its own.
fn payload(index: u64, seed: u64) -> Vec<u8> {
    let len = (index.wrapping_mul(0x9e37_79b9).wrapping_add(seed) % 400) as usize;
    index.to_le_bytes().iter().copied().cycle().take(len).collect()
}

fn append(log: &mut LogStore, range: std::ops::RangeInclusive<u64>) {
    for index in range {
        let payload = payload(index, 0);
        let (a, b) = payload.split_at(payload.len() / 3);
        log.append(index, &[a, b"", b]).unwrap();
    }
}

/// Every entry, by replay and by single reads.
fn contents(log: &LogStore) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    log.replay(log.first(), |index, bytes| {
        found.push((index, bytes.to_vec()));
        Ok::<_, LogError>(())
    })
    .unwrap();
    for (index, bytes) in &found {
        assert_eq!(log.read(*index).unwrap(), bytes);
    }
    found
}

fn expected(range: std::ops::RangeInclusive<u64>) -> Vec<(u64, Vec<u8>)> {
    range.map(|index| (index, payload(index, 0))).collect()
}

fn segment_files(dir: &Path) -> Vec<PathBuf> {
    segment::list_segments(dir).unwrap().into_iter().map(|(_, path)| path).collect()
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// Makes the log look as if the machine had been started anew since.
fn restart_machine(dir: &Path) {
    let text = std::fs::read_to_string(dir.join("run")).unwrap();
    let (_, rest) = text.split_once(' ').unwrap();
    std::fs::write(dir.join("run"), format!("another-boot {rest}")).unwrap();
}
