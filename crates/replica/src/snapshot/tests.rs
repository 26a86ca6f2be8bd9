//! Snapshots: whole or not there, the newest sound one, and only if the log goes on from it.

use std::io::{Read, Write};

use super::*;

fn contents(loaded: &mut Loaded) -> Option<(u64, Vec<u8>)> {
    let reader = loaded.snapshot.as_mut()?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    Some((reader.index(), bytes))
}

#[test]
fn a_snapshot_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(&dir.path().join("s")).unwrap();
    assert!(contents(&mut snapshots.load(1).unwrap()).is_none());
    let large: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
    for (index, bytes) in [(5, &b""[..]), (7, &large[..writer::CHUNK_BYTES]), (9, &large[..])] {
        snapshots.write(index, bytes).unwrap();
        assert_eq!(contents(&mut snapshots.load(1).unwrap()), Some((index, bytes.to_vec())));
    }
    assert_eq!(snapshots.list().unwrap().iter().map(|s| s.index).collect::<Vec<_>>(), [5, 7, 9]);
    assert!(snapshots.remove_before(9).unwrap() > writer::CHUNK_BYTES as u64);
    assert_eq!(snapshots.list().unwrap().len(), 1);
}

#[test]
fn an_unfinished_snapshot_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    let mut writer = snapshots.writer(3).unwrap();
    writer.write_all(&[1; 1 << 20]).unwrap();
    assert!(snapshots.list().unwrap().is_empty());
    drop(writer);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    // As after a kill.
    std::fs::write(dir.path().join("00000000000000000003.snap.tmp"), b"x").unwrap();
    Snapshots::open(dir.path()).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn every_flip_and_cut_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    snapshots.write(4, b"older").unwrap();
    snapshots.write(8, &[7; 100]).unwrap();
    let path = snapshots.list().unwrap()[1].path.clone();
    let bytes = std::fs::read(&path).unwrap();
    let damaged = (0..bytes.len()).map(|len| bytes[..len].to_vec()).chain(
        (0..bytes.len() * 8).filter(|bit| !(44 * 8..48 * 8).contains(bit)).map(|bit| {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            flipped
        }),
    );
    for damaged in damaged {
        std::fs::write(&path, damaged).unwrap();
        let mut loaded = snapshots.load(5).unwrap();
        assert_eq!(contents(&mut loaded), Some((4, b"older".to_vec())));
        assert_eq!(loaded.rejected.len(), 1);
        assert_eq!(loaded.rejected[0].path, path);
    }
}

#[test]
fn an_older_snapshot_counts_only_if_the_log_goes_on_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    snapshots.write(4, b"older").unwrap();
    snapshots.write(8, b"newer").unwrap();
    let newer = snapshots.list().unwrap()[1].path.clone();
    std::fs::write(&newer, b"damaged").unwrap();
    assert_eq!(contents(&mut snapshots.load(5).unwrap()), Some((4, b"older".to_vec())));
    let error = snapshots.load(6).unwrap_err().to_string();
    assert!(error.contains("begins at entry 6") && error.contains("ends at entry 4"), "{error}");
    assert!(error.contains(newer.to_str().unwrap()), "{error}");
    snapshots.remove_before(8).unwrap();
    let error = snapshots.load(2).unwrap_err().to_string();
    assert!(error.contains("there is no sound snapshot"), "{error}");
    assert!(snapshots.load(1).unwrap().snapshot.is_none(), "the whole log is there");
}

#[test]
fn a_full_disk_leaves_the_earlier_snapshot() {
    let Some(disk) = crate::log::SmallDisk::mount(512) else { return };
    let snapshots = Snapshots::open(disk.path()).unwrap();
    snapshots.write(1, &[1; 100 << 10]).unwrap();
    let error = snapshots.write(2, &vec![2; 1 << 20]).unwrap_err();
    assert!(error.is_disk_full(), "{error}");
    assert_eq!(snapshots.list().unwrap().len(), 1);
    snapshots.write(2, &[2; 100 << 10]).unwrap();
}
