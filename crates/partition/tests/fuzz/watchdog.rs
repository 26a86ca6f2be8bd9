//! Names the case and ends the process when a case hangs or cannot be unwound.

use std::{
    io::Write,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

const ENDED: u64 = u64::MAX;
/// A case takes a millisecond.
const PATIENCE: Duration = Duration::from_secs(20);

static SEED: AtomicU64 = AtomicU64::new(0);
static CASE: AtomicU64 = AtomicU64::new(0);

pub fn start(seed: u64) {
    SEED.store(seed, Relaxed);
    thread::spawn(|| {
        let mut last = ENDED;
        loop {
            thread::sleep(PATIENCE);
            match CASE.load(Relaxed) {
                ENDED => return,
                case if case == last => give_up("a case hangs"),
                case => last = case,
            }
        }
    });
}

pub fn begin(case: u64) {
    CASE.store(case, Relaxed);
}

pub fn end() {
    CASE.store(ENDED, Relaxed);
}

/// Straight to standard error and without allocating: nothing else may work any more.
pub fn give_up(why: &str) -> ! {
    let (case, seed) = (CASE.load(Relaxed), SEED.load(Relaxed));
    let _ = writeln!(std::io::stderr(), "{why}: case {case} of seed {seed}");
    std::process::abort()
}
