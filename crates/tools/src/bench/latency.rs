//! How long things took, as a distribution.

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest time told apart, an hour; what takes longer counts as an hour.
const MAX_NS: u64 = 3_600_000_000_000;

/// Times in nanoseconds, kept within 0.1 % or half a microsecond, whichever is more.
#[derive(Debug, Clone)]
pub(super) struct Latency {
    histogram: Histogram<u64>,
    /// The time that was recorded last, and how often in a row: messages that were sent and came together have the same.
    latest: u64,
    times: u64,
}

impl Latency {
    pub(super) fn new() -> Self {
        // Below 1 µs nothing here is told apart, and the histogram stays small enough for the processor's cache.
        let histogram = Histogram::new_with_bounds(1_000, MAX_NS, 3).expect("bounds and digits are in range");
        Self { histogram, latest: 0, times: 0 }
    }

    #[inline]
    pub(super) fn record(&mut self, nanoseconds: u64) {
        if nanoseconds != self.latest {
            self.write_down();
            self.latest = nanoseconds;
        }
        self.times += 1;
    }

    #[inline(never)]
    fn write_down(&mut self) {
        self.histogram.saturating_record_n(self.latest, std::mem::take(&mut self.times));
    }

    /// With what is not written down yet.
    fn whole(&self) -> Histogram<u64> {
        let mut whole = self.clone();
        whole.write_down();
        whole.histogram
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.histogram.add(other.whole()).expect("all histograms have the same bounds");
    }

    /// `None` when nothing was recorded.
    pub(super) fn quantile(&self, quantile: f64) -> Option<u64> {
        let whole = self.whole();
        (!whole.is_empty()).then(|| whole.value_at_quantile(quantile))
    }

    /// `None` when nothing was recorded.
    pub(super) fn summary(&self) -> Option<Percentiles> {
        let whole = self.whole();
        if whole.is_empty() {
            return None;
        }
        let us = |quantile| whole.value_at_quantile(quantile) as f64 / 1e3;
        Some(Percentiles {
            count: whole.len(),
            mean_us: whole.mean() / 1e3,
            p50_us: us(0.5),
            p90_us: us(0.9),
            p99_us: us(0.99),
            p999_us: us(0.999),
            max_us: whole.max() as f64 / 1e3,
        })
    }
}

/// A distribution in seven numbers, microseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Percentiles {
    pub(super) count: u64,
    pub(super) mean_us: f64,
    pub(super) p50_us: f64,
    pub(super) p90_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
    pub(super) max_us: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_thousandth() {
        let mut latency = Latency::new();
        for microseconds in 1..=100_000 {
            latency.record(microseconds * 1_000);
        }
        let summary = latency.summary().unwrap();
        let near = |value: f64, expected: f64| (value - expected).abs() <= expected * 0.0011;
        assert!(near(summary.p50_us, 50_000.0), "{summary:?}");
        assert!(near(summary.p99_us, 99_000.0), "{summary:?}");
        assert!(near(summary.max_us, 100_000.0), "{summary:?}");
        assert_eq!(summary.count, 100_000);
    }

    #[test]
    fn nothing_recorded_is_nothing_said() {
        assert_eq!(Latency::new().summary(), None);
        assert_eq!(Latency::new().quantile(0.5), None);
    }

    #[test]
    fn the_longest_is_kept_and_merging_adds() {
        let (mut one, mut other) = (Latency::new(), Latency::new());
        one.record(5_000);
        other.record(u64::MAX);
        one.merge(&other);
        assert_eq!(one.summary().unwrap().count, 2);
        assert!(one.summary().unwrap().max_us >= 3.6e9);
    }
}
