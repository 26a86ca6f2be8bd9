//! Fuzzing of what a partition reads: batches of all commands, messages, entries applied to a state with a history, and
//! snapshots, all mutated. Nothing panics, hangs or allocates beyond a multiple of its input; what is accepted is
//! written again as the same bytes, and a state that took an entry survives its own snapshot.
//!
//! Longer: `FUZZ_SECONDS=600 FUZZ_SEED=$RANDOM cargo test -p partition --test fuzz_commands` (3 s and a fixed seed are
//! the default; a failure names its seed).

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod fuzz;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use bytes::Bytes;
use fuzz::{
    allocations::Allocations,
    corpus::{State, states},
    random::Random,
    watchdog,
};
use partition::lane::{ToPartition, ToWorker};
use partition::*;

#[global_allocator]
static ALLOCATIONS: Allocations = Allocations::new();

const DEFAULT_SEED: u64 = 0x636d_6473;
/// What may be allocated whatever the input: one step of retained messages, one window, tables that double.
const ALLOWED_BYTES: usize = 512 << 10;
/// What may be allocated for each byte of input. A vacant session slot is a byte in a snapshot.
const ALLOWED_A_BYTE: usize = 512;

#[test]
fn commands_entries_and_snapshots_survive_mutation() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let seed = number("FUZZ_SEED", DEFAULT_SEED);
    let until = Instant::now() + Duration::from_secs(number("FUZZ_SECONDS", 3));
    let mut random = Random::new(seed);
    let states = states();
    let batches: Vec<&[u8]> = states.iter().map(|state| &*state.next).collect();
    let snapshots: Vec<&[u8]> = states.iter().map(|state| &*state.snapshot).collect();
    let (mut cases, mut applied, mut restored) = (0u64, 0u64, 0u64);
    watchdog::start(seed);
    while cases < 500 || Instant::now() < until {
        watchdog::begin(cases);
        let state = &states[random.below(states.len())];
        let batch = random.mutated_batch(&batches);
        let snapshot = random.mutated_snapshot(&state.snapshot, &snapshots);
        let stamp = random.number();
        let later: Vec<&[u8]> = (0..8).map(|_| batches[random.below(batches.len())]).collect();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            read(&batch);
            applied += u64::from(apply(state, &batch, stamp));
            restored += u64::from(restore(&snapshot, &later));
        }));
        if outcome.is_err() {
            panic!("case {cases} of seed {seed}");
        }
        cases += 1;
    }
    watchdog::end();
    println!("seed {seed}: {cases} cases, {applied} entries applied, {restored} snapshots restored");
    assert!(applied * 10 > cases && restored * 20 > cases, "mutations leave too little intact");
}

/// Reads frames, commands and the messages in them.
fn read(batch: &[u8]) {
    within(batch.len(), || {
        let mut position = 0;
        for frame in Frames::new(batch).map_while(Result::ok) {
            assert_eq!((frame.position as usize, frame.bytes), (position, &batch[position..][..frame.bytes.len()]));
            position += frame.bytes.len();
            if let Ok(command) = frame.decode() {
                let mut again = command.to_frame();
                // Publishes and reads of a lane may be logged, or not, whatever they are by themselves.
                again[4] = again[4] & 0x7f | frame.bytes[4] & 0x80;
                assert_eq!(&again[..], frame.bytes, "{command:?}");
            }
        }
        let read = CommandReader::new(batch).take_while(Result::is_ok).count();
        assert!(read <= Frames::new(batch).count());
    });
    read_as_messages(batch);
    for frame in Frames::new(batch).map_while(Result::ok) {
        for start in 0..frame.bytes.len() {
            let bytes = &frame.bytes[start..];
            if let Ok(message) = Message::parse(bytes) {
                let mut again = Vec::new();
                message.encode(&mut again);
                assert_eq!((&again[..], message.encoded_len()), (bytes, bytes.len()));
            }
        }
    }
}

/// Reads the bytes as what comes over a lane, in both directions.
fn read_as_messages(bytes: &[u8]) {
    let lane = Lane { frontend: 0, worker: 0 };
    let batch = Bytes::from([&[lane::VERSION, 2], bytes].concat());
    let answers = Bytes::from([&[lane::VERSION, 4, 0, 0, 0, 0, 0, 0], bytes].concat());
    within(bytes.len(), || {
        if let Ok(ToPartition::Batch(numbered, frames)) = ToPartition::decode(lane, &batch) {
            assert_eq!((numbered.lane, &frames[..]), (lane, bytes));
        }
        if let Ok(ToWorker::Answers(read)) = ToWorker::decode(&answers)
            && !read.is_empty()
        {
            let again = ToWorker::Answers(read.clone()).encode();
            let Ok(ToWorker::Answers(second)) = ToWorker::decode(&again) else { panic!("answers are read back") };
            assert_eq!(format!("{read:?}"), format!("{second:?}"));
        }
    });
}

/// Applies the batch to a state of its own; whether that went well.
fn apply(state: &State, batch: &[u8], stamp: u64) -> bool {
    let mut partition = Partition::restore(&state.snapshot).unwrap();
    let is_logged = Frames::new(batch).all(|frame| frame.is_ok_and(|frame| frame.is_logged()));
    let payload = [&entry_header(Timestamp(stamp))[..], batch].concat();
    let index = if is_logged { state.index + 1 } else { 0 };
    let mut out = Effects::new();
    let entry = Entry { index, payload: &payload };
    let applied = within(payload.len() + state.snapshot.len(), || partition.apply(entry, &mut out));
    for effect in out.drain() {
        if let Effect::Send { command, .. } = effect {
            assert!(CommandReader::new(&command).all(|command| command.is_ok()), "{command:02x?}");
        }
    }
    if applied.is_ok() {
        let snapshot = whole(&partition);
        let again = Partition::restore(&snapshot).expect("a state that took an entry can be read again");
        assert_eq!(whole(&again), snapshot);
    }
    applied.is_ok()
}

/// Restores the snapshot; if that goes well the state takes what other states took, and a late tick.
fn restore(snapshot: &[u8], later: &[&[u8]]) -> bool {
    let Ok(mut partition) = within(snapshot.len(), || Partition::restore(snapshot)) else { return false };
    let mut out = Effects::new();
    partition.resume(&mut out);
    let tick = Command::Tick.to_frame();
    for (n, batch) in later.iter().copied().chain([&tick[..]]).enumerate() {
        let is_logged = Frames::new(batch).all(|frame| frame.is_ok_and(|frame| frame.is_logged()));
        let payload = [&entry_header(Timestamp(u64::MAX >> (2 * (later.len() - n))))[..], batch].concat();
        let index = if is_logged { 1_000_000 + n as u64 } else { 0 };
        partition.apply(Entry { index, payload: &payload }, &mut out).expect("the entry is well formed");
        out.clear();
    }
    whole(&partition);
    true
}

/// Everything that can be asked of a state.
fn whole(partition: &Partition) -> Vec<u8> {
    let mut bytes = Vec::new();
    partition.snapshot(&mut bytes);
    partition.live_bodies(u64::MAX);
    partition.live().for_each(drop);
    partition.first_live_index();
    partition.next_deadline();
    partition.counters();
    bytes
}

/// Runs `work`, which reads `len` bytes, and judges what it allocates.
fn within<T>(len: usize, work: impl FnOnce() -> T) -> T {
    let before = ALLOCATIONS.mark();
    let done = work();
    let peak = ALLOCATIONS.peak_since(before);
    assert!(peak <= ALLOWED_BYTES + ALLOWED_A_BYTE * len, "{peak} bytes were allocated for {len}");
    done
}
