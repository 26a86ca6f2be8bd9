//! The running broker in figures, as the metrics are made of them.

use std::sync::Arc;

use auth::authentication::Counted;
use frontend::{CategoryTotals, Totals};
use partition::Counters;

/// All figures at one moment.
#[derive(Debug, Clone)]
pub(crate) struct BrokerFigures {
    pub(crate) place: Place,
    pub(crate) cardinality: Cardinality,
    pub(crate) totals: Totals,
    /// By the value of `metriccategory`.
    pub(crate) categories: Vec<(Arc<str>, CategoryTotals)>,
    /// Over all listeners.
    pub(crate) authentication: Counted,
    /// Of the partitions of this process, by their numbers.
    pub(crate) partitions: Vec<(u16, Counters)>,
    pub(crate) pools: Vec<Pool>,
    /// Bytes of queued messages on disk.
    pub(crate) queue_disk_bytes: u64,
    pub(crate) is_disk_full: bool,
    /// The queues hold as much on disk as they may.
    pub(crate) is_queue_disk_full: bool,
    /// How many times the process was started on its data directory, the first not counted.
    pub(crate) restarts: u64,
    /// Spans that found no room.
    pub(crate) spans_dropped: u64,
}

/// Where the broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// `metadata.namespace` of the resources.
    pub(crate) namespace: String,
    /// The machine's name.
    pub(crate) host: String,
}

/// How many of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cardinality {
    pub(crate) frontend_workers: u16,
    pub(crate) partitions: u16,
}

/// Memory for messages, and how much of it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) name: &'static str,
    pub(crate) used_bytes: u64,
    /// At 75 % of it publishes are refused or slowed.
    pub(crate) bytes: u64,
}
