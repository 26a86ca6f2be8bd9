//! What the threads of a run share.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::counts::Counts;
use super::latency::Latency;
use super::poller::Waker;

/// One for a run.
#[derive(Debug)]
pub(super) struct Shared {
    interrupted: AtomicBool,
    /// Why the run cannot go on.
    failure: OnceLock<String>,
    /// Passages of all threads through all gates.
    passages: AtomicUsize,
    start: OnceLock<u64>,
    pub(super) tallies: Vec<Tally>,
    pub(super) wakers: Vec<Arc<Waker>>,
    /// By publisher: deliveries of its messages to subscribers of threads other than its own.
    pub(super) delivered: Vec<AtomicU64>,
    pub(super) live: Vec<Mutex<Live>>,
}

/// What others need to know of a thread, all the time; on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Tally {
    pub(super) sent: AtomicU64,
    /// Publishes that the broker answered, whatever it said.
    pub(super) answered: AtomicU64,
    /// Publishes that the broker refused.
    pub(super) refused: AtomicU64,
    /// Deliveries, repetitions left out.
    pub(super) received: AtomicU64,
    /// Sends no more.
    pub(super) is_finished: AtomicBool,
}

/// What the progress line is made from.
#[derive(Debug, Clone)]
pub(super) struct Live {
    /// When it was so, monotonic nanoseconds.
    pub(super) at: u64,
    pub(super) counts: Counts,
    /// The latency a person looks at in this scenario.
    pub(super) latency: Latency,
    pub(super) faults: u64,
    pub(super) connected: u64,
    pub(super) doing: Doing,
}

/// What a thread is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doing {
    Connecting,
    WarmingUp,
    Measuring,
    Queueing,
    Storing,
    Draining,
    CleaningUp,
}

impl Doing {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::WarmingUp => "warming up",
            Self::Measuring => "measuring",
            Self::Queueing => "queueing",
            Self::Storing => "storing",
            Self::Draining => "draining",
            Self::CleaningUp => "cleaning up",
        }
    }
}

/// Sums over all threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) sent: u64,
    pub(super) answered: u64,
    pub(super) refused: u64,
    pub(super) received: u64,
    pub(super) all_finished: bool,
}

impl Shared {
    /// # Errors
    /// No descriptor left.
    pub(super) fn new(threads: usize, publishers: u32) -> io::Result<Self> {
        let live = || {
            Mutex::new(Live {
                at: 0,
                counts: Counts::default(),
                latency: Latency::new(),
                faults: 0,
                connected: 0,
                doing: Doing::Connecting,
            })
        };
        let elsewhere = if threads > 1 { publishers as usize } else { 0 };
        Ok(Self {
            interrupted: AtomicBool::new(false),
            failure: OnceLock::new(),
            passages: AtomicUsize::new(0),
            start: OnceLock::new(),
            tallies: (0..threads).map(|_| Tally::default()).collect(),
            wakers: (0..threads).map(|_| Waker::new().map(Arc::new)).collect::<io::Result<_>>()?,
            delivered: (0..elsewhere).map(|_| AtomicU64::new(0)).collect(),
            live: (0..threads).map(|_| live()).collect(),
        })
    }

    /// The user wants it to end.
    pub(super) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.wake_all();
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// The run cannot go on; the first reason counts.
    pub(super) fn fail(&self, reason: String) {
        if self.failure.set(reason).is_ok() {
            self.wake_all();
        }
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    fn wake_all(&self) {
        self.wakers.iter().for_each(|waker| waker.wake());
    }

    /// A thread has come to a gate.
    pub(super) fn arrive(&self) {
        self.passages.fetch_add(1, Ordering::AcqRel);
        self.wake_all();
    }

    /// Whether all threads have come to gate `number`, counted from 1.
    pub(super) fn is_open(&self, number: usize) -> bool {
        self.passages.load(Ordering::Acquire) >= number * self.tallies.len()
    }

    /// When the load begins: the first thread that asks says so.
    pub(super) fn start(&self, now: u64) -> u64 {
        *self.start.get_or_init(|| now)
    }

    pub(super) fn sum(&self) -> Sum {
        let mut sum = Sum { sent: 0, answered: 0, refused: 0, received: 0, all_finished: true };
        for tally in &self.tallies {
            // Whether it has finished is read first: what it sent is then complete.
            sum.all_finished &= tally.is_finished.load(Ordering::Acquire);
            sum.sent += tally.sent.load(Ordering::Relaxed);
            sum.answered += tally.answered.load(Ordering::Relaxed);
            sum.refused += tally.refused.load(Ordering::Relaxed);
            sum.received += tally.received.load(Ordering::Relaxed);
        }
        sum
    }

    /// What all threads have been doing; the thread that is furthest behind says what the run is at.
    pub(super) fn all_live(&self) -> Option<Live> {
        let mut threads = self.live.iter().map(|live| live.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let mut all = threads.next()?;
        for live in threads {
            all.at = all.at.max(live.at);
            all.counts.add(&live.counts);
            all.latency.merge(&live.latency);
            all.faults += live.faults;
            all.connected += live.connected;
            all.doing = all.doing.min(live.doing);
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_opens_when_all_are_there() {
        let shared = Shared::new(2, 0).unwrap();
        shared.arrive();
        assert!(!shared.is_open(1));
        shared.arrive();
        assert!(shared.is_open(1) && !shared.is_open(2));
    }

    #[test]
    fn the_first_failure_counts() {
        let shared = Shared::new(1, 0).unwrap();
        shared.fail("first".to_owned());
        shared.fail("second".to_owned());
        assert_eq!(shared.failure(), Some("first"));
    }

    #[test]
    fn sums_are_over_all_threads() {
        let shared = Shared::new(2, 0).unwrap();
        for tally in &shared.tallies {
            tally.sent.store(5, Ordering::Relaxed);
        }
        shared.tallies[0].is_finished.store(true, Ordering::Release);
        let sum = shared.sum();
        assert_eq!((sum.sent, sum.all_finished), (10, false));
    }
}
