//! The newest spans, as many as fit.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use frontend::Span;
use tokio::sync::watch;

/// What a span takes beside its texts: itself, and its part of what holds it.
const SPAN_BYTES: u64 = size_of::<Span>() as u64 + 32;

/// The store; clones share it. Spans that would exceed its bound push out the oldest.
#[derive(Debug, Clone)]
pub(crate) struct TraceStore {
    ring: Arc<Mutex<Ring>>,
    /// Counts spans, for whoever waits for one.
    stored: watch::Sender<u64>,
}

#[derive(Debug)]
struct Ring {
    spans: VecDeque<Span>,
    bytes: u64,
    capacity: u64,
    evicted: u64,
}

/// What there is of one trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceSummary {
    pub(crate) trace_id: [u8; 16],
    pub(crate) spans: usize,
    /// Of the earliest span; nanoseconds since the Unix epoch.
    pub(crate) start_unix_ns: u64,
    /// Of the latest span.
    pub(crate) end_unix_ns: u64,
}

/// How full the store is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TraceCounts {
    pub(crate) spans: u64,
    pub(crate) bytes: u64,
    /// Pushed out by newer ones since the start.
    pub(crate) evicted: u64,
    /// Lost on their way to the store since the start, because they came too fast.
    pub(crate) dropped: u64,
}

impl TraceStore {
    /// A store that holds `capacity` bytes of spans.
    pub(crate) fn new(capacity: u64) -> Self {
        let ring = Ring { spans: VecDeque::new(), bytes: 0, capacity, evicted: 0 };
        Self { ring: Arc::new(Mutex::new(ring)), stored: watch::Sender::new(0) }
    }

    /// Changes the bound; what no longer fits goes at once.
    pub(crate) fn set_capacity(&self, capacity: u64) {
        let mut ring = self.ring();
        ring.capacity = capacity;
        ring.make_room(0);
        ring.spans.shrink_to_fit();
    }

    pub(super) fn push(&self, span: Span) {
        self.ring().push(span);
        self.stored.send_modify(|stored| *stored += 1);
    }

    /// The spans of a trace, in the order in which they ended.
    pub(crate) fn trace(&self, trace_id: [u8; 16]) -> Vec<Span> {
        self.ring().spans.iter().filter(|span| span.trace_id == trace_id).cloned().collect()
    }

    /// The newest `limit` traces, by the end of their last span, newest first.
    pub(crate) fn newest(&self, limit: usize) -> Vec<TraceSummary> {
        let ring = self.ring();
        let mut places: HashMap<[u8; 16], usize> = HashMap::new();
        let mut summaries: Vec<TraceSummary> = Vec::new();
        for span in ring.spans.iter().rev() {
            let place = match places.get(&span.trace_id) {
                Some(place) => *place,
                None if summaries.len() == limit => continue,
                None => {
                    places.insert(span.trace_id, summaries.len());
                    summaries.push(TraceSummary::of(span));
                    continue;
                }
            };
            summaries[place].add(span);
        }
        summaries
    }

    /// Changes each time a span is stored.
    pub(crate) fn stored(&self) -> watch::Receiver<u64> {
        self.stored.subscribe()
    }

    pub(super) fn counts(&self) -> TraceCounts {
        let ring = self.ring();
        TraceCounts { spans: ring.spans.len() as u64, bytes: ring.bytes, evicted: ring.evicted, dropped: 0 }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // A panic would leave a byte count that is off by a span at most.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn push(&mut self, span: Span) {
        let bytes = bytes_of(&span);
        self.make_room(bytes);
        if bytes > self.capacity {
            self.evicted += 1;
            return;
        }
        self.bytes += bytes;
        self.spans.push_back(span);
    }

    fn make_room(&mut self, bytes: u64) {
        while self.bytes + bytes > self.capacity
            && let Some(oldest) = self.spans.pop_front()
        {
            self.bytes -= bytes_of(&oldest);
            self.evicted += 1;
        }
    }
}

impl TraceSummary {
    fn of(span: &Span) -> Self {
        Self { trace_id: span.trace_id, spans: 1, start_unix_ns: span.start_unix_ns, end_unix_ns: end_unix_ns(span) }
    }

    fn add(&mut self, span: &Span) {
        self.spans += 1;
        self.start_unix_ns = self.start_unix_ns.min(span.start_unix_ns);
        self.end_unix_ns = self.end_unix_ns.max(end_unix_ns(span));
    }
}

fn end_unix_ns(span: &Span) -> u64 {
    span.start_unix_ns.saturating_add(u64::try_from(span.duration.as_nanos()).unwrap_or(u64::MAX))
}

fn bytes_of(span: &Span) -> u64 {
    SPAN_BYTES + (span.client_id.len() + span.topic.len()) as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use frontend::Operation;
    use mqtt::ReasonCode;
    use partition::PartitionSet;

    use super::*;

    fn span(trace: u8, start_unix_ns: u64) -> Span {
        Span {
            trace_id: [trace; 16],
            span_id: [1; 8],
            parent: [2; 8],
            operation: Operation::Publish,
            client_id: "client".into(),
            topic: "a/b".into(),
            worker: 0,
            partitions: PartitionSet::default(),
            reason: ReasonCode::Success,
            start_unix_ns,
            duration: Duration::from_nanos(5),
        }
    }

    #[test]
    fn the_oldest_spans_make_room_for_new_ones() {
        let room = 3 * bytes_of(&span(0, 0));
        let store = TraceStore::new(room);
        for trace in 0..5 {
            store.push(span(trace, trace.into()));
        }
        assert_eq!(store.counts(), TraceCounts { spans: 3, bytes: room, evicted: 2, dropped: 0 });
        assert!(store.trace([1; 16]).is_empty());
        assert_eq!(store.trace([2; 16]).len(), 1);
        store.set_capacity(room / 3);
        assert_eq!(store.counts().spans, 1);
        store.set_capacity(1);
        store.push(span(9, 9));
        assert_eq!((store.counts().spans, store.counts().bytes), (0, 0));
    }

    #[test]
    fn traces_are_listed_newest_first_with_all_their_spans() {
        let store = TraceStore::new(1 << 20);
        for (trace, start) in [(1, 10), (2, 20), (1, 30), (3, 25)] {
            store.push(span(trace, start));
        }
        let newest = store.newest(2);
        let seen: Vec<_> = newest.iter().map(|t| (t.trace_id[0], t.spans, t.start_unix_ns, t.end_unix_ns)).collect();
        assert_eq!(seen, [(3, 1, 25, 30), (1, 2, 10, 35)]);
        assert_eq!(store.newest(9).len(), 3);
    }
}
