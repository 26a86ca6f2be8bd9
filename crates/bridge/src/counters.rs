//! What a dataflow has carried.

mod failures;
mod latencies;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub use failures::Failures;
pub use latencies::Latencies;

use failures::FailureCounters;
use latencies::Histogram;

/// Totals of one dataflow since it was first started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// From the source, those that came again included.
    pub received: u64,
    /// Payload bytes.
    pub received_bytes: u64,
    /// Acknowledged by the destination; with QoS 0 sent.
    pub sent: u64,
    /// Payload bytes.
    pub sent_bytes: u64,
    /// Refused for now, and sent again.
    pub retried: u64,
    /// Not sent because their expiry interval had passed here.
    pub expired: u64,
    /// Not sent because they had passed this dataflow before.
    pub loops: u64,
    /// Not sent because no filter of the dataflow matched.
    pub strays: u64,
    /// With QoS 0, and not taken because too much was held.
    pub dropped: u64,
    /// In the dead letter topic.
    pub dead_letters: u64,
    /// Among `dead_letters`, without payload because the dead letter topic did not take it.
    pub bare_letters: u64,
    /// Why the destination did not take messages, for now and for good.
    pub refused: Vec<RefusedCount>,
    /// Connections of either side that came about, and tries that did not.
    pub source_connections: u64,
    pub source_failures: Failures,
    pub destination_connections: u64,
    pub destination_failures: Failures,
    /// Connections on which the server had forgotten the session that was to go on.
    pub source_sessions_lost: u64,
    pub destination_sessions_lost: u64,
    /// Messages held now.
    pub held: u64,
    /// Among `held`, on their way to the destination or the dead letter topic.
    pub under_way: u64,
    /// From receipt to the destination's acknowledgement.
    pub processing: Latencies,
    /// From sending to the destination's acknowledgement.
    pub upload: Latencies,
}

/// How often messages were not taken for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCount {
    /// The reason code's name, or `unresolvable topic`.
    pub reason: String,
    pub count: u64,
}

/// Reasons told apart; further ones count as `other`.
const REASONS_MAX: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub received: AtomicU64,
    pub received_bytes: AtomicU64,
    pub sent: AtomicU64,
    pub sent_bytes: AtomicU64,
    pub retried: AtomicU64,
    pub expired: AtomicU64,
    pub loops: AtomicU64,
    pub strays: AtomicU64,
    pub dropped: AtomicU64,
    pub dead_letters: AtomicU64,
    pub bare_letters: AtomicU64,
    pub held: AtomicU64,
    pub under_way: AtomicU64,
    pub processing: Histogram,
    pub upload: Histogram,
    pub source: SideCounters,
    pub destination: SideCounters,
    refused: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Default)]
pub(crate) struct SideCounters {
    pub connections: AtomicU64,
    pub failures: FailureCounters,
    pub sessions_lost: AtomicU64,
}

/// Counts one.
pub(crate) fn one(counter: &AtomicU64) {
    add(counter, 1);
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Counters {
    pub fn refused(&self, reason: &str) {
        // Whoever panicked with the lock held left a whole map.
        let mut refused = self.refused.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let reason = if refused.len() < REASONS_MAX || refused.contains_key(reason) { reason } else { "other" };
        *refused.entry(reason.to_owned()).or_default() += 1;
    }

    pub fn counts(&self) -> Counts {
        let refused = self.refused.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let refused = refused.iter().map(|(reason, &count)| RefusedCount { reason: reason.clone(), count }).collect();
        Counts {
            received: read(&self.received),
            received_bytes: read(&self.received_bytes),
            sent: read(&self.sent),
            sent_bytes: read(&self.sent_bytes),
            retried: read(&self.retried),
            expired: read(&self.expired),
            loops: read(&self.loops),
            strays: read(&self.strays),
            dropped: read(&self.dropped),
            dead_letters: read(&self.dead_letters),
            bare_letters: read(&self.bare_letters),
            refused,
            source_connections: read(&self.source.connections),
            source_failures: self.source.failures.failures(),
            destination_connections: read(&self.destination.connections),
            destination_failures: self.destination.failures.failures(),
            source_sessions_lost: read(&self.source.sessions_lost),
            destination_sessions_lost: read(&self.destination.sessions_lost),
            held: read(&self.held),
            under_way: read(&self.under_way),
            processing: self.processing.latencies(),
            upload: self.upload.latencies(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_not_told_apart_without_end() {
        let counters = Counters::default();
        for number in 0..100 {
            counters.refused(&format!("reason {number}"));
        }
        counters.refused("reason 0");
        let refused = counters.counts().refused;
        let of = |reason: &str| refused.iter().find(|count| count.reason == reason).map(|count| count.count);
        assert_eq!((refused.len(), of("reason 0"), of("reason 99"), of("other")), (65, Some(2), None, Some(36)));
    }
}
