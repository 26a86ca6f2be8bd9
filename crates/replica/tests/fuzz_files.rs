//! Fuzzing of what a replica finds on disk: log segments, marks, carried bodies and snapshots, mutated, cut, emptied,
//! removed or swapped, headers also with true checksums. Opening gives what was written, byte for byte, with a cut tail
//! accounted for, or says what is damaged; nothing panics or hangs. What a salvage leaves can be opened.
//!
//! Longer: `FUZZ_SECONDS=600 FUZZ_SEED=$RANDOM cargo test -p replica --test fuzz_files` (3 s and a fixed seed are the
//! default; a failure names its seed).

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod fuzz;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use fuzz::{
    directory::{Files, files_below, put_back, tempdir},
    random::Random,
    sample::{Sample, samples, settings},
};
use replica::{
    bodies::{BodyError, BodySettings, BodyStore},
    log::{LogError, LogStore, Recovered, salvage},
    snapshot::{SnapshotError, Snapshots},
};

const DEFAULT_SEED: u64 = 0x6669_6c65;
/// A case takes a few milliseconds.
const SLOW: Duration = Duration::from_secs(10);

#[test]
fn damaged_files_give_what_was_written_or_an_error() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let seed = number("FUZZ_SEED", DEFAULT_SEED);
    let until = Instant::now() + Duration::from_secs(number("FUZZ_SECONDS", 3));
    let mut random = Random::new(seed);
    let samples = samples();
    let (mut cases, mut opened, mut salvaged) = (0u64, 0u64, 0u64);
    while cases < 200 || Instant::now() < until {
        let sample = &samples[random.below(samples.len())];
        let (files, damage) = random.damaged(&sample.files);
        let started = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| judge(sample, &files))) {
            Ok(Verdict::Opened) => opened += 1,
            Ok(Verdict::Salvaged) => salvaged += 1,
            Ok(Verdict::Refused) => {}
            Err(_) => panic!("case {cases} of seed {seed}: sample {}, {damage:?}", sample.name),
        }
        assert!(started.elapsed() < SLOW, "case {cases} of seed {seed} is slow");
        cases += 1;
    }
    println!("seed {seed}: {cases} cases, {opened} opened, {salvaged} salvaged");
    assert!(opened * 20 > cases && salvaged * 20 > cases, "damage leaves too little intact");
}

enum Verdict {
    Opened,
    /// The log was corrupt, and then was not.
    Salvaged,
    Refused,
}

/// Opens everything there is in a directory with these files.
fn judge(sample: &Sample, files: &Files) -> Verdict {
    let dir = tempdir();
    put_back(files, dir.path());
    let log_dir = dir.path().join("log");
    let mut verdict = Verdict::Opened;
    let (mut log, recovered) = match LogStore::open(&log_dir, settings()) {
        Ok(opened) => opened,
        Err(error) => {
            is_clear(&error);
            assert_eq!(&files_below(dir.path()), files, "what is refused is not changed");
            match salvage(&log_dir) {
                Ok(_) => {}
                Err(error) => {
                    is_clear(&error);
                    return Verdict::Refused;
                }
            }
            verdict = Verdict::Salvaged;
            LogStore::open(&log_dir, settings()).expect("what was salvaged can be opened")
        }
    };
    check_log(sample, &log, &recovered, &log_dir);
    check_snapshots(sample, &log, dir.path());
    let refused = check_bodies(sample, &mut log, dir.path());
    go_on(sample, log, &log_dir);
    if refused { Verdict::Refused } else { verdict }
}

/// An error names what is damaged; that a read failed or a file ended says too little.
fn is_clear(error: &LogError) {
    assert!(matches!(error, LogError::Corrupt { .. }), "{error}");
}

/// Every entry that is there is the one that was written under its number, and no byte is passed over in silence.
fn check_log(sample: &Sample, log: &LogStore, recovered: &Recovered, dir: &Path) {
    assert_eq!((recovered.first, recovered.last), (log.first(), log.last()));
    let mut next = log.first();
    log.replay(log.first(), |index, payload| {
        assert_eq!((index, &*payload), (next, sample.entry(index)));
        next += 1;
        Ok::<_, LogError>(())
    })
    .unwrap();
    assert_eq!(next, log.last() + 1);
    for (index, payload) in sample.entries.iter().filter(|(index, _)| log.contains(**index)) {
        assert_eq!(log.read(*index).unwrap(), payload);
    }
    let found = files_below(dir).into_iter().filter(|(name, _)| name.ends_with(".log") && !name.contains('/'));
    assert_eq!(found.map(|(_, bytes)| bytes.len() as u64).sum::<u64>(), log.disk_bytes(), "{recovered:?}");
}

fn check_snapshots(sample: &Sample, log: &LogStore, dir: &Path) {
    let snapshots = Snapshots::open(&dir.join("snapshots")).unwrap();
    match snapshots.load(log.first()) {
        Ok(loaded) => {
            if let Some(mut reader) = loaded.snapshot {
                let mut contents = Vec::new();
                std::io::Read::read_to_end(&mut reader, &mut contents).unwrap();
                assert_eq!(sample.snapshots.get(&reader.index()), Some(&contents));
            }
        }
        Err(SnapshotError::NothingToStartFrom { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Every body that is found is the one that was written; whether the carried files were refused.
fn check_bodies(sample: &Sample, log: &mut LogStore, dir: &Path) -> bool {
    let mut bodies = match BodyStore::open(&dir.join("bodies"), log, BodySettings { cache_bytes: 4 << 10 }) {
        Ok(bodies) => bodies,
        Err(BodyError::Corrupt { .. }) => return true,
        Err(error) => panic!("{error}"),
    };
    for body in &sample.live {
        match bodies.get(log, *body) {
            Ok(bytes) => assert_eq!(bytes, sample.body(*body), "{body:?}"),
            Err(BodyError::Corrupt { .. } | BodyError::Missing { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    false
}

/// The log goes on where it ended, and is whole at the next start.
fn go_on(sample: &Sample, mut log: LogStore, dir: &Path) {
    let last = log.last();
    let entry = sample.entries.values().next().unwrap();
    for index in last + 1..=last + 3 {
        log.append(index, &[entry]).unwrap();
    }
    let first = log.first();
    log.close().unwrap();
    let (log, recovered) = LogStore::open(dir, settings()).unwrap();
    assert_eq!((recovered.first, recovered.last, recovered.torn), (first, last + 3, None));
    assert!(recovered.clean_stop);
    for index in last + 1..=last + 3 {
        assert_eq!(log.read(index).unwrap(), entry);
    }
}
