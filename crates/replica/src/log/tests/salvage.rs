//! The way out of a corrupt log.

use super::*;

#[test]
fn what_precedes_the_damage_is_kept_and_the_rest_moved_aside() {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    append(&mut log, 1..=60);
    let file = log.segment_of(30).unwrap().path().to_owned();
    let (start, end) = log.segment_of(30).unwrap().span(30).unwrap();
    log.close().unwrap();
    assert_eq!(salvage(dir.path()).unwrap(), Salvaged { last: 60, ..Salvaged::default() });

    let mut bytes = std::fs::read(&file).unwrap();
    bytes[end as usize - 1] ^= 4;
    std::fs::write(&file, &bytes).unwrap();
    assert!(open(dir.path()).is_err());
    let files = segment_files(dir.path());
    let salvaged = salvage(dir.path()).unwrap();
    assert_eq!((salvaged.last, salvaged.entries_lost), (29, 30));
    assert_eq!(salvaged.damage, [(file.clone(), start, 30, Damage::Payload)]);
    let aside = salvaged.moved_to.unwrap();
    let position = files.iter().position(|f| *f == file).unwrap();
    for moved in &files[position..] {
        assert!(aside.join(moved.file_name().unwrap()).exists());
    }
    assert_eq!(std::fs::read(aside.join(file.file_name().unwrap())).unwrap(), bytes, "the damaged file, whole");

    let (mut log, recovered) = open(dir.path()).unwrap();
    assert_eq!((recovered.last, recovered.torn), (29, None));
    append(&mut log, 30..=40);
    assert_eq!(contents(&log), expected(1..=40));
}

#[test]
fn a_damaged_segment_kept_for_its_bodies_goes_alone() {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    append(&mut log, 1..=100);
    let spans: Vec<_> = log.segments().collect();
    let garbage = log.retire(spans[3].first, |s| s.first == spans[1].first).unwrap();
    garbage.remove().unwrap();
    let kept = log.segment_of(1).unwrap().path().to_owned();
    drop(log);
    let mut bytes = std::fs::read(&kept).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&kept, bytes).unwrap();
    assert!(open(dir.path()).is_err());
    let salvaged = salvage(dir.path()).unwrap();
    assert_eq!(salvaged.last, 100);
    let (log, recovered) = open(dir.path()).unwrap();
    assert_eq!(recovered.first, spans[2].first);
    assert!(!log.contains(1));
}

#[test]
fn a_damaged_floor_is_restored_from_the_segments() {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    append(&mut log, 1..=100);
    let spans: Vec<_> = log.segments().collect();
    log.retire(spans[3].first, |s| s.first == spans[1].first).unwrap().remove().unwrap();
    drop(log);
    let mut bytes = std::fs::read(dir.path().join("floor")).unwrap();
    bytes[9] ^= 1;
    std::fs::write(dir.path().join("floor"), bytes).unwrap();
    assert!(matches!(open(dir.path()), Err(LogError::Corrupt { why: Damage::Header, .. })));
    let salvaged = salvage(dir.path()).unwrap();
    assert_eq!((salvaged.last, salvaged.entries_lost), (100, 0));
    let (log, recovered) = open(dir.path()).unwrap();
    assert_eq!((recovered.first, recovered.last), (spans[2].first, 100));
    assert!(log.contains(1), "what is kept for its bodies stays");
}
