//! Whether a traced operation went where it should have gone.

use std::time::Duration;

use frontend::{Operation as Traced, Span};
use partition::{PartitionId, PartitionSet};
use tokio::time::{Instant, timeout_at};

use super::report::{Operation, Wildcard};
use super::routes::Route;
use crate::traces::{Collector, TraceCounts};

/// From an acknowledgement to its span in the store.
const PATIENCE: Duration = Duration::from_secs(2);

/// The trace of one round.
#[derive(Debug, Clone)]
pub(super) struct Trail {
    trace_id: [u8; 16],
    collector: Collector,
    /// At the beginning of the round.
    before: TraceCounts,
}

/// The broker's account of one operation, as it should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) operation: Operation,
    pub(super) wildcard: Option<Wildcard>,
    pub(super) route: &'a Route,
    /// The span that the operation's is a child of.
    pub(super) parent: [u8; 8],
    /// Every partition there is.
    pub(super) all: PartitionSet,
}

impl Trail {
    /// Begins a trace; `None` without randomness.
    pub(super) fn begin(collector: &Collector) -> Option<Self> {
        let mut trace_id = [0; 16];
        getrandom::fill(&mut trace_id).ok()?;
        // A trace id of zeros is none.
        trace_id[0] |= 1;
        Some(Self { trace_id, collector: collector.clone(), before: collector.counts() })
    }

    /// The property that an operation with the parent span `parent` carries.
    pub(super) fn traceparent(&self, parent: [u8; 8]) -> String {
        format!("00-{:032x}-{:016x}-01", u128::from_be_bytes(self.trace_id), u64::from_be_bytes(parent))
    }

    /// Whether the broker's account of an operation is the expected one. There is none to compare with when spans were lost
    /// for want of room, or are recorded no more, which says nothing against the broker.
    pub(super) async fn confirms(&self, expected: &Expected<'_>) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut stored = self.collector.store().stored();
        loop {
            stored.borrow_and_update();
            let spans = self.collector.store().trace(self.trace_id);
            if let Some(span) = spans.iter().find(|span| expected.is_about(span)) {
                return expected.agrees_with(span);
            }
            if !matches!(timeout_at(deadline, stored.changed()).await, Ok(Ok(()))) {
                let now = self.collector.counts();
                let lost = (now.dropped, now.evicted) != (self.before.dropped, self.before.evicted);
                return lost || !self.collector.is_open();
            }
        }
    }
}

impl Expected<'_> {
    fn is_about(&self, span: &Span) -> bool {
        span.parent == self.parent && Some(span.operation) == self.traced()
    }

    fn agrees_with(&self, span: &Span) -> bool {
        let home = PartitionSet::default().with(PartitionId(self.route.chain));
        let expected = match (self.operation, self.wildcard) {
            (_, Some(Wildcard::Yes)) => self.all,
            _ => home,
        };
        // A session may have something elsewhere besides.
        let missing = expected.iter().any(|partition| !span.partitions.contains(partition));
        let exact = self.operation != Operation::Publish || span.partitions == expected;
        span.worker == self.route.frontend && !missing && exact
    }

    fn traced(&self) -> Option<Traced> {
        match self.operation {
            Operation::Connect => Some(Traced::Connect),
            Operation::Publish => Some(Traced::Publish),
            Operation::Subscribe => Some(Traced::Subscribe),
            Operation::Unsubscribe => Some(Traced::Unsubscribe),
            Operation::Ping | Operation::MessageDeliveryCheck => None,
        }
    }
}
