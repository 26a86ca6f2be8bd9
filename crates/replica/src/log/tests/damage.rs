//! Torn tails are cut; damage anywhere else is refused, and nothing is changed.

use super::*;

/// A log of a few segments, its directory, and the bytes of its last one.
fn sample(last: u64) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    append(&mut log, 1..=last);
    drop(log);
    let file = segment_files(dir.path()).pop().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    (dir, file, bytes)
}

#[test]
fn a_tail_cut_at_any_byte_leaves_the_entries_before_it() {
    let (dir, file, bytes) = sample(40);
    let (log, _) = open(dir.path()).unwrap();
    let last_segment = log.segments().last().unwrap();
    let spans: Vec<_> = (last_segment.first..=40).map(|i| log.segment_of(i).unwrap().span(i).unwrap()).collect();
    drop(log);
    assert!(spans.len() > 3);
    for restarted in [false, true] {
        for len in 0..bytes.len() {
            let copy = tempdir();
            copy_dir(dir.path(), copy.path());
            let cut_file = copy.path().join(file.file_name().unwrap());
            std::fs::write(&cut_file, &bytes[..len]).unwrap();
            if restarted {
                restart_machine(copy.path());
            }
            let whole = spans.iter().filter(|(_, end)| *end <= len as u64).count() as u64;
            let last = last_segment.first - 1 + whole;
            let (mut log, recovered) = open(copy.path()).unwrap();
            assert_eq!(recovered.last, last, "cut at {len}");
            let good = spans[..whole as usize].last().map_or(frame::FILE_HEADER_BYTES as u64, |(_, end)| *end);
            match recovered.torn {
                None => assert_eq!(len as u64, good, "cut at {len}"),
                Some(torn) => {
                    let offset = if len < frame::FILE_HEADER_BYTES { 0 } else { good };
                    let expected = TornTail { file: cut_file, offset, index: last + 1, bytes: len as u64 - offset };
                    assert_eq!(torn, expected);
                }
            }
            append(&mut log, last + 1..=last + 2);
            assert_eq!(contents(&log), expected(1..=last + 2), "cut at {len}");
        }
    }
}

#[test]
fn a_flipped_bit_is_refused_and_named_while_the_machine_runs() {
    let (dir, file, bytes) = sample(14);
    for bit in (0..bytes.len() * 8).filter(|bit| !(44 * 8..48 * 8).contains(bit)) {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&file, &flipped).unwrap();
        match open(dir.path()) {
            Err(LogError::Corrupt { file: named, offset, .. }) => {
                assert_eq!(named, file);
                assert!(offset <= (bit / 8) as u64, "bit {bit}: {offset}");
            }
            other => panic!("bit {bit}: {other:?}"),
        }
        assert_eq!(std::fs::read(&file).unwrap(), flipped, "nothing is changed");
    }
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(contents(&open(dir.path()).unwrap().0), expected(1..=14));
}

#[test]
fn a_flipped_bit_in_an_earlier_segment_is_refused() {
    let (dir, ..) = sample(60);
    let file = segment_files(dir.path()).swap_remove(1);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let error = open(dir.path()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(file.to_str().unwrap()) && text.contains("at byte"), "{text}");
    assert!(text.contains("A corrupt log"), "the way out is named: {text}");
}

#[test]
fn a_cut_in_an_earlier_segment_is_refused() {
    let (dir, ..) = sample(60);
    let file = segment_files(dir.path()).swap_remove(1);
    let bytes = std::fs::read(&file).unwrap();
    for len in [0, 20, 100, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..len]).unwrap();
        assert!(matches!(open(dir.path()), Err(LogError::Corrupt { .. })), "{len}");
    }
}

#[test]
fn a_missing_segment_is_refused() {
    for gone in [0, 1] {
        let (dir, ..) = sample(60);
        std::fs::remove_file(&segment_files(dir.path())[gone]).unwrap();
        assert!(matches!(open(dir.path()), Err(LogError::Corrupt { why: Damage::Missing, .. })));
    }
}

#[test]
fn after_a_power_cut_damage_beyond_the_sync_is_a_torn_tail() {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    append(&mut log, 1..=30);
    log.syncer().sync().unwrap();
    append(&mut log, 31..=90);
    let file = log.segment_of(40).unwrap().path().to_owned();
    let (start, _) = log.segment_of(40).unwrap().span(40).unwrap();
    assert!(log.segments().last().unwrap().first > 41, "later segments go too");
    drop(log);
    // The device took later pages and not this one.
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[start as usize..start as usize + 40].fill(0);
    std::fs::write(&file, bytes).unwrap();
    assert!(matches!(open(dir.path()), Err(LogError::Corrupt { index: 40, .. })), "not while the machine runs");
    restart_machine(dir.path());
    let (mut log, recovered) = open(dir.path()).unwrap();
    let torn = recovered.torn.unwrap();
    assert_eq!((torn.index, torn.offset, recovered.last), (40, start, 39));
    assert!(recovered.machine_restarted && !recovered.clean_stop);
    append(&mut log, 40..=50);
    assert_eq!(contents(&log), expected(1..=50));
}

#[test]
fn after_a_power_cut_damage_before_the_sync_is_refused() {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    append(&mut log, 1..=30);
    log.syncer().sync().unwrap();
    append(&mut log, 31..=32);
    let file = log.segment_of(25).unwrap().path().to_owned();
    let (start, _) = log.segment_of(25).unwrap().span(25).unwrap();
    drop(log);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[start as usize + 5] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    restart_machine(dir.path());
    assert!(matches!(open(dir.path()), Err(LogError::Corrupt { index: 25, .. })));
}

#[test]
fn after_a_clean_stop_no_tail_is_torn() {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    append(&mut log, 1..=5);
    let file = log.segment_of(5).unwrap().path().to_owned();
    log.close().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    restart_machine(dir.path());
    assert!(matches!(open(dir.path()), Err(LogError::Corrupt { index: 5, .. })));
}

#[test]
fn bytes_of_a_client_do_not_pass_for_a_record() {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    // A record as this log would write it, but for the salt, saying that everything was synced.
    let forged = frame::RecordHeader { payload_crc: 0, len: 0, index: 9, synced: 8 }.encode(0);
    log.append(1, &[&forged, &[0; 500]]).unwrap();
    let file = segment_files(dir.path()).pop().unwrap();
    drop(log);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[frame::FILE_HEADER_BYTES..][..8].fill(0);
    std::fs::write(&file, bytes).unwrap();
    restart_machine(dir.path());
    let (_, recovered) = open(dir.path()).unwrap();
    assert_eq!(recovered.torn.unwrap().index, 1);
}
