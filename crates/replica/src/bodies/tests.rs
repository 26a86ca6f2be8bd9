//! Bodies against a model: whatever is live is found, through purges, restarts, full disks and crashes in between.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use partition::BodyRef;
use proptest::prelude::*;

use super::*;
use crate::log::{LogSettings, LogStore, SmallDisk};

fn tempdir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn open(dir: &Path) -> (LogStore, BodyStore) {
    let (mut log, recovered) = LogStore::open(&dir.join("log"), LogSettings { segment_bytes: 4 << 10 }).unwrap();
    assert_eq!(recovered.torn, None);
    let bodies = BodyStore::open(&dir.join("bodies"), &mut log, BodySettings { cache_bytes: 16 << 10 }).unwrap();
    (log, bodies)
}

/// Appends an entry of `lens.len()` bodies, each with a byte of framing before it.
fn append(log: &mut LogStore, bodies: &mut BodyStore, lens: &[u32]) -> Vec<BodyRef> {
    let index = log.last() + 1;
    let (mut parts, mut refs, mut offset) = (Vec::new(), Vec::new(), 0);
    for len in lens {
        let body = BodyRef { index, offset: offset + 1, len: *len };
        let mut part = vec![0xff];
        part.extend(bytes_of(body));
        parts.push(Bytes::from(part));
        refs.push(body);
        offset += len + 1;
    }
    let slices: Vec<&[u8]> = parts.iter().map(|p| &p[..]).collect();
    log.append(index, &slices).unwrap();
    bodies.appended(index, &parts);
    refs
}

/// Carries over what lies before the end of the log, all at once.
fn carry(bodies: &mut BodyStore, log: &mut LogStore, live: &[BodyRef]) -> Result<u64, BodyError> {
    let upto = log.last() + 1;
    bodies.carry_over(log, live, upto)
}

fn bytes_of(body: BodyRef) -> Vec<u8> {
    let seed = body.index * 31 + u64::from(body.offset);
    (0..body.len).map(|n| (seed + u64::from(n)) as u8).collect()
}

fn check(log: &LogStore, bodies: &mut BodyStore, live: &BTreeSet<BodyRef>) {
    for body in live {
        assert_eq!(bodies.get(log, *body).unwrap(), bytes_of(*body), "{body:?}");
    }
}

#[derive(Clone, Debug)]
enum Op {
    Append(Vec<u32>),
    /// Of every `modulus` live bodies the one at `residue` dies.
    Kill {
        modulus: usize,
        residue: usize,
    },
    /// All bodies of the older half die.
    KillOld,
    Carry {
        upto: u8,
        stop: Stop,
    },
    Reopen,
}

/// Where a purge is interrupted by a crash.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stop {
    Nowhere,
    AfterCopy,
    BeforeRemove,
}

fn op() -> impl Strategy<Value = Op> {
    let stop = prop_oneof![3 => Just(Stop::Nowhere), 1 => Just(Stop::AfterCopy), 1 => Just(Stop::BeforeRemove)];
    prop_oneof![
        12 => prop::collection::vec(0..700u32, 1..8).prop_map(Op::Append),
        1 => prop::collection::vec(10_000..60_000u32, 1..3).prop_map(Op::Append),
        3 => (2..6usize, 0..6usize).prop_map(|(modulus, residue)| Op::Kill { modulus, residue }),
        1 => Just(Op::KillOld),
        3 => (any::<u8>(), stop).prop_map(|(upto, stop)| Op::Carry { upto, stop }),
        2 => Just(Op::Reopen),
    ]
}

fn run(ops: Vec<Op>) {
    let dir = tempdir();
    let (mut log, mut bodies) = open(dir.path());
    let mut live = BTreeSet::new();
    for op in ops {
        let mut reopen = false;
        match op {
            Op::Append(lens) => live.extend(append(&mut log, &mut bodies, &lens)),
            Op::Kill { modulus, residue } => {
                let mut n = 0;
                live.retain(|_| {
                    n += 1;
                    n % modulus != residue % modulus
                });
            }
            Op::KillOld => {
                let middle = log.last() / 2;
                live.retain(|body| body.index > middle);
            }
            Op::Carry { upto, stop } => {
                let upto = 1 + u64::from(upto) * (log.last() + 1) / 255;
                let mut refs: Vec<BodyRef> = live.iter().filter(|b| b.index < upto).copied().collect();
                // Two sessions may refer to one body.
                refs.extend(refs.clone().iter().step_by(3));
                refs.sort_unstable();
                if let Some(job) = bodies.plan_carry(&log, &refs, upto) {
                    let done = std::thread::spawn(|| job.run()).join().unwrap().unwrap();
                    match stop {
                        Stop::Nowhere => drop(bodies.install(&mut log, done).unwrap().remove().unwrap()),
                        Stop::AfterCopy => reopen = true,
                        Stop::BeforeRemove => {
                            let _ = bodies.install(&mut log, done).unwrap();
                            reopen = true;
                        }
                    }
                }
            }
            Op::Reopen => reopen = true,
        }
        if reopen {
            drop((log, bodies));
            (log, bodies) = open(dir.path());
        }
        check(&log, &mut bodies, &live);
    }
    // Dead bodies are not kept for ever: one more purge brings the disk down to about twice what is live.
    let refs: Vec<BodyRef> = live.iter().copied().collect();
    carry(&mut bodies, &mut log, &refs).unwrap();
    check(&log, &mut bodies, &live);
    let live_bytes: u64 = live.iter().map(|b| u64::from(b.len)).sum();
    let on_disk = log.disk_bytes() - log.segments().last().unwrap().bytes + bodies.disk_bytes();
    assert!(on_disk <= live_bytes * 2 + live.len() as u64 * 44 + 2000, "{on_disk} for {live_bytes}");
    let files: u64 =
        std::fs::read_dir(dir.path().join("bodies")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(files, bodies.disk_bytes(), "no file is forgotten");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_live_is_found(ops in prop::collection::vec(op(), 1..50)) {
        run(ops);
    }
}

#[test]
fn a_segment_that_is_mostly_live_is_not_copied() {
    let dir = tempdir();
    let (mut log, mut bodies) = open(dir.path());
    let refs: Vec<BodyRef> = (0..200).flat_map(|_| append(&mut log, &mut bodies, &[100, 100])).collect();
    let before = log.disk_bytes();
    assert_eq!(carry(&mut bodies, &mut log, &refs).unwrap(), 0);
    assert_eq!((log.disk_bytes(), bodies.disk_bytes()), (before, 0));
    // A tenth of it lives: it is copied, in one file.
    let tenth: Vec<BodyRef> = refs.iter().copied().step_by(10).collect();
    let freed = carry(&mut bodies, &mut log, &tenth).unwrap();
    assert!(freed > before * 8 / 10 && bodies.disk_bytes() < before / 5);
    assert_eq!(std::fs::read_dir(dir.path().join("bodies")).unwrap().count(), 1);
    assert!(matches!(bodies.get(&log, refs[1]), Err(BodyError::Missing { .. })));
    check(&log, &mut bodies, &tenth.iter().copied().collect());
    // None lives: all is given back.
    carry(&mut bodies, &mut log, &[]).unwrap();
    assert_eq!(bodies.disk_bytes(), 0);
    assert_eq!(log.segments().len(), 1);
}

#[test]
fn a_flipped_bit_in_carried_bodies_is_noticed() {
    let dir = tempdir();
    let (mut log, mut bodies) = open(dir.path());
    let refs: Vec<BodyRef> = (0..60).flat_map(|_| append(&mut log, &mut bodies, &[5, 300])).step_by(2).collect();
    carry(&mut bodies, &mut log, &refs).unwrap();
    assert!(bodies.disk_bytes() > 0);
    let carried: BTreeSet<BodyRef> = refs.iter().filter(|r| !log.contains(r.index)).copied().collect();
    drop((log, bodies));
    let file = std::fs::read_dir(dir.path().join("bodies")).unwrap().next().unwrap().unwrap().path();
    let sound = std::fs::read(&file).unwrap();
    for byte in (0..sound.len()).filter(|byte| !(44..48).contains(byte)) {
        let mut flipped = sound.clone();
        flipped[byte] ^= 0x10;
        std::fs::write(&file, flipped).unwrap();
        let (mut log, _) = LogStore::open(&dir.path().join("log"), LogSettings { segment_bytes: 4 << 10 }).unwrap();
        match BodyStore::open(&dir.path().join("bodies"), &mut log, BodySettings::default()) {
            Err(BodyError::Corrupt { file: named, .. }) => assert_eq!(named, file),
            Err(error) => panic!("{error}"),
            Ok(mut bodies) => {
                let read = |body: &BodyRef| bodies.get(&log, *body).map(|bytes| assert_eq!(bytes, bytes_of(*body)));
                let failed = carried.iter().map(read).filter(|r| matches!(r, Err(BodyError::Corrupt { .. }))).count();
                assert!(failed > 0, "byte {byte}");
            }
        }
    }
    for len in 0..sound.len() {
        std::fs::write(&file, &sound[..len]).unwrap();
        let (mut log, _) = LogStore::open(&dir.path().join("log"), LogSettings::default()).unwrap();
        let opened = BodyStore::open(&dir.path().join("bodies"), &mut log, BodySettings::default());
        assert!(matches!(opened, Err(BodyError::Corrupt { .. })) || len == 48, "{len}");
    }
}

#[test]
fn a_full_disk_stops_the_copying_only() {
    let Some(disk) = SmallDisk::mount(400) else { return };
    let (mut log, mut bodies) = open(disk.path());
    let mut refs = Vec::new();
    while log.disk_bytes() < 220 << 10 {
        refs.extend(append(&mut log, &mut bodies, &[700, 700, 700, 700]));
    }
    // The first half is dead, of the second a quarter lives.
    let live: Vec<BodyRef> = refs[refs.len() / 2..].iter().copied().step_by(4).collect();
    std::fs::write(disk.path().join("ballast"), vec![0; 40 << 10]).unwrap();
    let mut free = vec![0; 1 << 10];
    while std::fs::write(disk.path().join(format!("b{}", free.len())), &free).is_ok() {
        free.push(0);
    }
    std::fs::remove_file(disk.path().join("b1024")).unwrap();
    let before = log.disk_bytes();
    let error = carry(&mut bodies, &mut log, &live).unwrap_err();
    assert!(error.is_disk_full(), "{error}");
    assert!(log.disk_bytes() < before * 2 / 3, "what is dead is gone");
    check(&log, &mut bodies, &live.iter().copied().collect());
    let before = log.disk_bytes() + bodies.disk_bytes();
    carry(&mut bodies, &mut log, &live).unwrap();
    assert!(log.disk_bytes() + bodies.disk_bytes() < before / 2, "and now the rest, too");
    check(&log, &mut bodies, &live.iter().copied().collect());
}

#[test]
fn the_caches_stay_within_their_budget() {
    let dir = tempdir();
    let (mut log, mut bodies) = open(dir.path());
    let refs: Vec<BodyRef> = (0..500).flat_map(|_| append(&mut log, &mut bodies, &[300])).collect();
    for body in refs.iter().chain(refs.iter().rev()) {
        bodies.get(&log, *body).unwrap();
    }
    assert!(bodies.cached_bytes() <= 16 << 10);
    bodies.truncated_from(490);
    log.truncate_from(490).unwrap();
    let again = append(&mut log, &mut bodies, &[40]);
    assert_eq!(bodies.get(&log, again[0]).unwrap(), bytes_of(again[0]));
    assert!(matches!(bodies.get(&log, refs[495]), Err(BodyError::Missing { .. })));
}
