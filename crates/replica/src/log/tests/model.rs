//! Random histories against a plain map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Append(Vec<Vec<u8>>),
    AppendLarge(usize),
    Sync,
    Purge(u8),
    Truncate(u8),
    Skip(u8),
    Reopen { clean: bool, restarted: bool },
}

fn op() -> impl Strategy<Value = Op> {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        12 => prop::collection::vec(bytes, 0..5).prop_map(Op::Append),
        1 => (1000..20_000usize).prop_map(Op::AppendLarge),
        2 => Just(Op::Sync),
        2 => any::<u8>().prop_map(Op::Purge),
        1 => any::<u8>().prop_map(Op::Truncate),
        1 => any::<u8>().prop_map(Op::Skip),
        2 => any::<(bool, bool)>().prop_map(|(clean, restarted)| Op::Reopen { clean, restarted }),
    ]
}

/// Entries as a map.
#[derive(Default)]
struct Model {
    entries: BTreeMap<u64, Vec<u8>>,
    last: u64,
    /// Below this nothing is asked for any more.
    floor: u64,
}

fn check(log: &LogStore, model: &mut Model) {
    assert_eq!(log.last(), model.last);
    // A purge frees whole segments, so the store may keep more than asked, never less.
    let first = log.first();
    model.entries.retain(|index, _| *index >= first || log.contains(*index));
    let found: BTreeMap<_, _> = contents(log).into_iter().collect();
    let expected: BTreeMap<_, _> = model.entries.range(first..).map(|(i, p)| (*i, p.clone())).collect();
    assert_eq!(found, expected);
    assert_eq!(expected.keys().next().copied().unwrap_or(model.last + 1), first);
    for (index, bytes) in model.entries.range(..first) {
        assert_eq!(log.read(*index).unwrap(), bytes, "kept below the first");
    }
}

fn run(ops: Vec<Op>) {
    let dir = tempdir();
    let (mut log, recovered) = open(dir.path()).unwrap();
    assert_eq!((recovered.first, recovered.last, recovered.torn), (1, 0, None));
    let mut model = Model::default();
    for op in ops {
        match op {
            Op::Append(parts) => {
                model.last += 1;
                let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                log.append(model.last, &slices).unwrap();
                model.entries.insert(model.last, parts.concat());
            }
            Op::AppendLarge(len) => {
                model.last += 1;
                log.append(model.last, &[&vec![7; len]]).unwrap();
                model.entries.insert(model.last, vec![7; len]);
            }
            Op::Sync => assert_eq!(log.syncer().sync().unwrap(), model.last),
            Op::Purge(n) => {
                let upto = log.first() + u64::from(n) % (model.last + 2 - log.first());
                let before = log.disk_bytes();
                let freed = log.purge_to(upto).unwrap();
                assert_eq!(log.disk_bytes(), before - freed);
                model.floor = model.floor.max(upto);
                assert!(log.first() <= model.floor);
            }
            Op::Truncate(n) => {
                let from = log.first() + u64::from(n) % (model.last + 2 - log.first());
                if from >= model.floor {
                    log.truncate_from(from).unwrap();
                    model.entries.split_off(&from);
                    model.last = from - 1;
                }
            }
            Op::Skip(n) => {
                model.last += u64::from(n) + 1;
                log.skip_to(model.last + 1).unwrap();
                model.floor = model.last + 1;
            }
            Op::Reopen { clean, restarted } => {
                // Either the process was killed, or it stopped; nothing was lost by the device.
                match clean {
                    true => log.close().unwrap(),
                    false => drop(log),
                }
                if restarted {
                    restart_machine(dir.path());
                }
                let (opened, recovered) = open(dir.path()).unwrap();
                log = opened;
                assert_eq!(recovered.torn, None);
                assert_eq!((recovered.first, recovered.last), (log.first(), log.last()));
                assert_eq!((recovered.clean_stop, recovered.machine_restarted), (clean, restarted));
            }
        }
        check(&log, &mut model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_log_behaves_as_a_map(ops in prop::collection::vec(op(), 1..60)) {
        run(ops);
    }
}

#[test]
fn entries_out_of_order_are_refused() {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    append(&mut log, 1..=3);
    for index in [0, 3, 5] {
        assert!(matches!(log.append(index, &[]), Err(LogError::OutOfOrder { last: 3, .. })));
    }
    assert!(matches!(log.read(4), Err(LogError::Missing { index: 4, first: 1, last: 3 })));
    assert!(matches!(log.read(0), Err(LogError::Missing { .. })));
    append(&mut log, 4..=4);
    assert_eq!(contents(&log), expected(1..=4));
}

#[test]
fn a_purge_gives_the_space_back() {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    append(&mut log, 1..=1000);
    let files = segment_files(dir.path()).len();
    assert!(files > 30);
    let before = log.disk_bytes();
    assert_eq!(log.purge_to(1001).unwrap(), before - log.disk_bytes());
    assert_eq!(segment_files(dir.path()).len(), 1);
    assert!(log.disk_bytes() <= SEGMENT_BYTES);
    assert_eq!(log.last(), 1000);
    drop(log);
    let (mut log, recovered) = open(dir.path()).unwrap();
    assert_eq!(recovered.last, 1000);
    append(&mut log, 1001..=1010);
}

#[test]
fn an_entry_longer_than_a_segment_has_one_of_its_own() {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    let large = vec![9; 3 << 20];
    log.append(1, &[b"x"]).unwrap();
    log.append(2, &[&large]).unwrap();
    log.append(3, &[b"y"]).unwrap();
    drop(log);
    let (log, _) = open(dir.path()).unwrap();
    assert_eq!(log.read(2).unwrap(), large);
    assert_eq!(log.segments().map(|s| s.first).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_syncer_works_beside_the_appends() {
    let dir = tempdir();
    let (mut log, _) = open(dir.path()).unwrap();
    let syncer = log.syncer();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let thread = std::thread::spawn({
        let (syncer, done) = (syncer.clone(), done.clone());
        move || {
            let mut last = 0;
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                let now = syncer.sync().unwrap();
                assert!(now >= last);
                last = now;
            }
        }
    });
    append(&mut log, 1..=3000);
    done.store(true, std::sync::atomic::Ordering::Release);
    thread.join().unwrap();
    assert_eq!(syncer.sync().unwrap(), 3000);
    assert_eq!(syncer.synced(), 3000);
    assert_eq!(contents(&log), expected(1..=3000));
}
