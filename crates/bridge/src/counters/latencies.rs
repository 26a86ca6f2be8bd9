//! How long things took: a histogram.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Durations, sorted into buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latencies {
    /// How many were at most as long as each bound and longer than the one before; the last: longer than any bound.
    pub counts: [u64; BUCKETS],
    /// All of them together, in microseconds.
    pub sum_micros: u64,
}

const BUCKETS: usize = Latencies::BOUNDS_MS.len() + 1;

impl Latencies {
    /// Upper bounds of the buckets in milliseconds, included in them.
    pub const BOUNDS_MS: [f64; 18] = [
        0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0,
        30_000.0, 60_000.0,
    ];

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// `Latencies` that grow.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BUCKETS],
    sum_micros: AtomicU64,
}

impl Histogram {
    pub fn add(&self, took: Duration) {
        let milliseconds = took.as_secs_f64() * 1000.0;
        let bucket = Latencies::BOUNDS_MS.partition_point(|&bound| bound < milliseconds);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_micros.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
    }

    pub fn latencies(&self) -> Latencies {
        let counts = self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        Latencies { counts, sum_micros: self.sum_micros.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sorted_by_their_bounds() {
        let histogram = Histogram::default();
        for micros in [0, 100, 101, 60_000_000, 60_000_001] {
            histogram.add(Duration::from_micros(micros));
        }
        let got = histogram.latencies();
        assert_eq!((got.counts[0], got.counts[1], got.counts[17], got.counts[18]), (2, 1, 1, 1));
        assert_eq!((got.count(), got.sum_micros), (5, 120_000_202));
    }

    #[test]
    fn bounds_rise() {
        assert!(Latencies::BOUNDS_MS.is_sorted());
    }
}
