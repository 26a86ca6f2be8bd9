//! What the self-check found, for health and metrics.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The newest results; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct SelfCheckResults(Arc<Mutex<SelfCheckReport>>);

/// What is known after the last round that ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SelfCheckReport {
    /// Rounds that ended while the self-check was on; 0 while there is nothing to tell.
    pub(crate) rounds: u64,
    /// What failed in the last round, as `Failed Operation CONNECT (1/8)`, one sentence an operation.
    pub(crate) failures: Vec<String>,
    /// The last round, route by route.
    pub(crate) routes: Vec<RouteResult>,
    /// Over all routes and rounds, by operation; only those that ever succeeded.
    pub(crate) latencies: Vec<(Operation, Latency)>,
    /// Messages of the delivery check, over all rounds.
    pub(crate) messages_sent: u64,
    pub(crate) messages_received: u64,
    /// Messages of the last round's delivery check that did not come in time.
    pub(crate) delivery_timeouts: u64,
}

/// What is checked. The order is that of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Connect,
    Ping,
    Subscribe,
    Publish,
    MessageDeliveryCheck,
    Unsubscribe,
}

/// Whether a subscription's filter has wildcards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wildcard {
    Yes,
    No,
}

/// One operation along one route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RouteResult {
    pub(crate) operation: Operation,
    /// The worker, from 0.
    pub(crate) frontend: u16,
    /// The partition, from 0; `None` where the operation goes to none (PING).
    pub(crate) chain: Option<u16>,
    /// Only for SUBSCRIBE and UNSUBSCRIBE.
    pub(crate) wildcard: Option<Wildcard>,
    /// Whether the answer was the right one, came in time, and the operation took the way it should.
    pub(crate) correct: bool,
    /// From the request to its answer; `None` where none came.
    pub(crate) latency_ms: Option<f64>,
}

/// How long an operation takes, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Latency {
    pub(crate) last_ms: f64,
    pub(crate) mean_ms: f64,
    /// The standard deviation.
    pub(crate) deviation_ms: f64,
}

impl fmt::Display for Operation {
    /// As people call it: `CONNECT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "CONNECT",
            Self::Ping => "PING",
            Self::Subscribe => "SUBSCRIBE",
            Self::Publish => "PUBLISH",
            Self::MessageDeliveryCheck => "MESSAGE DELIVERY",
            Self::Unsubscribe => "UNSUBSCRIBE",
        })
    }
}

impl SelfCheckResults {
    /// The newest report.
    pub(crate) fn report(&self) -> SelfCheckReport {
        self.lock().clone()
    }

    pub(crate) fn publish(&self, report: SelfCheckReport) {
        *self.lock() = report;
    }

    fn lock(&self) -> MutexGuard<'_, SelfCheckReport> {
        // A report is replaced as a whole, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
