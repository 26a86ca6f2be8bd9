//! Spans: what became of the operations that a client asks to be traced, by a sampled W3C `traceparent` in the user
//! properties of a CONNECT, PUBLISH, SUBSCRIBE or UNSUBSCRIBE of MQTT 5.
//!
//! An operation gets one span, from its packet to its acknowledgement, and a PUBLISH one for each receiver beside, all
//! of them children of the span that `traceparent` names; the property itself is passed on as it came. Who gets the
//! message marked as retained is no such receiver: it may be long after. Packets without properties cost nothing, others
//! one search for the name.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mqtt::ReasonCode;
use partition::PartitionSet;
use tokio::sync::mpsc;

/// The name of the user property.
const PROPERTY: &str = "traceparent";

/// Bytes of a client id, topic or filter that a span keeps.
const MAX_TEXT_BYTES: usize = 256;

/// Receivers of one PUBLISH that get a span, in each worker.
const MAX_RECEIVERS: u8 = 16;

/// What a span is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Connect,
    Publish,
    Subscribe,
    Unsubscribe,
    /// A PUBLISH was handed to one of its receivers.
    Deliver,
}

/// One operation that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub trace_id: [u8; 16],
    /// Random.
    pub span_id: [u8; 8],
    /// The client's span.
    pub parent: [u8; 8],
    pub operation: Operation,
    /// Who sent the packet, or gets the delivery; at most 256 bytes of it.
    pub client_id: Box<str>,
    /// Topic, or first topic filter, at most 256 bytes of it; empty for CONNECT.
    pub topic: Box<str>,
    /// Where the client is connected.
    pub worker: u16,
    /// Partitions that the operation concerns: the topic's home, the homes of the filters, the client's home and where
    /// its session has something. None for a delivery.
    pub partitions: PartitionSet,
    /// What the acknowledgement says, the worst of its codes. Success for QoS 0 and for deliveries.
    pub reason: ReasonCode,
    /// Nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// Until the acknowledgement was handed to the client's outbox, for QoS 0 until the message was routed. Zero for
    /// deliveries.
    pub duration: Duration,
}

/// Makes a queue of at most `capacity` (at least 1) spans. A span that finds it full is dropped and counted.
pub fn channel(capacity: usize) -> (SpanSink, mpsc::Receiver<Span>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (SpanSink { sender, dropped: Arc::default() }, receiver)
}

/// Where spans go; see [`channel`].
#[derive(Clone, Debug)]
pub struct SpanSink {
    sender: mpsc::Sender<Span>,
    dropped: Arc<AtomicU64>,
}

impl SpanSink {
    /// Spans that were dropped because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn send(&self, span: Span) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sender.try_send(span) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether the property may be among these, looking for the length of its name before the name.
fn may_hold_it(run: &[u8]) -> bool {
    // The identifier, two lengths, the name, and version, two identifiers and flags in hexadecimal.
    const LEAST_BYTES: usize = 1 + 2 + 2 + PROPERTY.len() + 55;
    run.len() >= LEAST_BYTES
        && memchr::memchr_iter(PROPERTY.len() as u8, run).any(|at| run[at + 1..].starts_with(PROPERTY.as_bytes()))
}

/// What a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    trace_id: [u8; 16],
    parent: [u8; 8],
}

impl TraceParent {
    /// Reads version 00 (<https://www.w3.org/TR/trace-context/>); `None` as well for what is not sampled.
    fn parse(text: &str) -> Option<Self> {
        const SAMPLED: u8 = 1;
        let mut fields = text.split('-');
        let (version, trace_id) = (fields.next()?, bytes_of_hex(fields.next()?)?);
        let (parent, [flags]) = (bytes_of_hex(fields.next()?)?, bytes_of_hex(fields.next()?)?);
        let valid = version == "00" && fields.next().is_none() && trace_id != [0; 16] && parent != [0; 8];
        (valid && flags & SAMPLED != 0).then_some(Self { trace_id, parent })
    }
}

/// Exactly `N` bytes, in lower case.
fn bytes_of_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// An operation under way.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    trace: TraceParent,
    pub operation: Operation,
    client_id: Box<str>,
    topic: Box<str>,
    partitions: PartitionSet,
    began: Instant,
    start_unix_ns: u64,
}

impl Traced {
    pub fn begin(trace: TraceParent, operation: Operation, client_id: &str) -> Self {
        Self {
            trace,
            operation,
            client_id: clip(client_id),
            topic: Box::default(),
            partitions: PartitionSet::default(),
            began: Instant::now(),
            start_unix_ns: unix_ns(),
        }
    }

    /// Says what it is about, and whom it concerns.
    pub fn about(self, topic: &str, partitions: PartitionSet) -> Self {
        Self { topic: clip(topic), partitions, ..self }
    }

    /// Says who the client turned out to be.
    pub fn of(self, client_id: &str) -> Self {
        Self { client_id: clip(client_id), ..self }
    }
}

/// One worker's side of it.
pub(crate) struct Tracer {
    worker: u16,
    sink: RefCell<Option<SpanSink>>,
    /// Of the generator of span ids.
    state: Cell<u64>,
    /// The PUBLISH whose deliveries were recorded last, and how many they were.
    delivered: Cell<(Option<TraceParent>, u8)>,
}

impl Tracer {
    pub fn new(worker: u16, sink: Option<SpanSink>) -> Self {
        let mut seed = [0; 8];
        // Without entropy the worker's number still tells the workers apart.
        let _ = getrandom::fill(&mut seed);
        Self {
            worker,
            sink: RefCell::new(sink),
            state: Cell::new(u64::from_le_bytes(seed) ^ u64::from(worker)),
            delivered: Cell::default(),
        }
    }

    pub fn set_sink(&self, sink: Option<SpanSink>) {
        self.sink.replace(sink);
    }

    /// The sampled `traceparent` in these runs of raw properties, of which those in use come first; `None` as well if no
    /// spans are recorded.
    #[inline]
    pub fn trace_of(&self, properties: &[&[u8]]) -> Option<TraceParent> {
        if properties.first().is_none_or(|first| first.is_empty()) { None } else { self.look_for(properties) }
    }

    #[inline(never)]
    fn look_for(&self, properties: &[&[u8]]) -> Option<TraceParent> {
        if self.sink.borrow().is_none() {
            return None;
        }
        let run = properties.iter().find(|run| may_hold_it(run))?;
        let (_, value) = mqtt::user_properties_of(run).find(|(key, _)| *key == PROPERTY)?;
        TraceParent::parse(value)
    }

    /// As [`Self::trace_of`], for the body of a SUBSCRIBE or UNSUBSCRIBE of MQTT 5 that has been found well-formed.
    pub fn trace_of_request(&self, body: &[u8]) -> Option<TraceParent> {
        const PACKET_ID_BYTES: usize = 2;
        let mut len = 0;
        for (place, byte) in body.get(PACKET_ID_BYTES..)?.iter().take(4).enumerate() {
            len |= usize::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                let start = PACKET_ID_BYTES + place + 1;
                return self.trace_of(&[body.get(start..start + len)?]);
            }
        }
        None
    }

    /// As [`Self::trace_of`], for the user properties of a CONNECT.
    pub fn trace_of_connect(&self, properties: &[(String, String)]) -> Option<TraceParent> {
        let (_, value) = properties.iter().find(|(key, _)| key == PROPERTY)?;
        self.sink.borrow().as_ref()?;
        TraceParent::parse(value)
    }

    /// Records the end of an operation.
    #[cold]
    pub fn end(&self, traced: Traced, reason: ReasonCode) {
        let Traced { trace, operation, client_id, topic, partitions, began, start_unix_ns } = traced;
        self.send(Span {
            trace_id: trace.trace_id,
            span_id: self.next_id(),
            parent: trace.parent,
            operation,
            client_id,
            topic,
            worker: self.worker,
            partitions,
            reason,
            start_unix_ns,
            duration: began.elapsed(),
        });
    }

    /// Records that a receiver gets a traced PUBLISH, unless enough others have.
    #[cold]
    pub fn delivered(&self, trace: TraceParent, client_id: &str, topic: &str) {
        let (last, count) = self.delivered.get();
        let count = if last == Some(trace) { count } else { 0 };
        if count >= MAX_RECEIVERS {
            return;
        }
        self.delivered.set((Some(trace), count + 1));
        self.send(Span {
            trace_id: trace.trace_id,
            span_id: self.next_id(),
            parent: trace.parent,
            operation: Operation::Deliver,
            client_id: clip(client_id),
            topic: clip(topic),
            worker: self.worker,
            partitions: PartitionSet::default(),
            reason: ReasonCode::Success,
            start_unix_ns: unix_ns(),
            duration: Duration::ZERO,
        });
    }

    fn send(&self, span: Span) {
        if let Some(sink) = &*self.sink.borrow() {
            sink.send(span);
        }
    }

    /// SplitMix64: what is asked of a span id is that no other is like it.
    fn next_id(&self) -> [u8; 8] {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // A span id of zeros is none.
        ((mixed ^ (mixed >> 31)).max(1)).to_be_bytes()
    }
}

fn clip(text: &str) -> Box<str> {
    text[..text.floor_char_boundary(MAX_TEXT_BYTES)].into()
}

fn unix_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn property(key: &str, value: &str) -> Vec<u8> {
        let mut bytes = vec![0x26];
        for text in [key, value] {
            bytes.extend((text.len() as u16).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    fn tracer() -> (Tracer, mpsc::Receiver<Span>) {
        let (sink, spans) = channel(20);
        (Tracer::new(3, Some(sink)), spans)
    }

    #[test]
    fn traceparent_is_read_as_w3c_writes_it() {
        let trace = TraceParent::parse(VALID).unwrap();
        assert_eq!((trace.trace_id[0], trace.trace_id[15]), (0x0a, 0x9c));
        assert_eq!(trace.parent, [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]);
        assert!(TraceParent::parse(&VALID.replace("-01", "-03")).is_some(), "other flags may be set");
        for broken in [
            "",
            "00",
            &VALID.replace("-01", "-00"),
            &VALID.replacen("00-", "01-", 1),
            &VALID.to_uppercase(),
            &format!("{VALID}-x"),
            &VALID[..54],
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ] {
            assert_eq!(TraceParent::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn the_property_is_found_by_its_key_in_any_run() {
        let (tracer, _spans) = tracer();
        let (other, wanted) = (property("k", "traceparent"), property("traceparent", VALID));
        let expected = TraceParent::parse(VALID);
        assert_eq!(tracer.trace_of(&[&[], &[], &[]]), None);
        assert_eq!(tracer.trace_of(&[&other]), None);
        assert_eq!(tracer.trace_of(&[b"\x01\x01", &wanted]), expected);
        let both = [other.clone(), wanted.clone()].concat();
        assert_eq!(tracer.trace_of(&[&both]), expected);
        // Packet identifier, property length, a subscription identifier, the property, a filter.
        let list = [b"\x0b\x05".as_slice(), &both].concat();
        let mut body = vec![0, 1, list.len() as u8 & 0x7f | 0x80, (list.len() >> 7) as u8];
        body.extend([&list[..], b"\x00\x01#\x00"].concat());
        assert_eq!(tracer.trace_of_request(&body), expected);
        assert_eq!(tracer.trace_of_request(b"\x00\x01\x00\x00\x01#\x00"), None);
        tracer.set_sink(None);
        assert_eq!(tracer.trace_of(&[&wanted]), None);
    }

    #[test]
    fn an_operation_ends_in_one_span() {
        let (tracer, mut spans) = tracer();
        let trace = TraceParent::parse(VALID).unwrap();
        let partitions = PartitionSet(0b10);
        let traced = Traced::begin(trace, Operation::Publish, "client").about(&"ä".repeat(200), partitions);
        tracer.end(traced, ReasonCode::NoMatchingSubscribers);
        let span = spans.try_recv().unwrap();
        assert_eq!((span.worker, span.operation, span.partitions), (3, Operation::Publish, partitions));
        assert_eq!((&*span.client_id, span.topic.len()), ("client", 256));
        assert_eq!((span.trace_id, span.parent), (trace.trace_id, trace.parent));
        assert_eq!(span.reason, ReasonCode::NoMatchingSubscribers);
        assert!(spans.try_recv().is_err());
    }

    #[test]
    fn sixteen_deliveries_of_a_publish_are_recorded_and_what_finds_no_room_is_counted() {
        let (tracer, mut spans) = tracer();
        let first = TraceParent::parse(VALID).unwrap();
        let second = TraceParent { parent: [1; 8], ..first };
        for trace in [first, second] {
            for _ in 0..30 {
                tracer.delivered(trace, "c", "t");
            }
        }
        let parents: Vec<_> = std::iter::from_fn(|| spans.try_recv().ok()).map(|span| span.parent).collect();
        assert_eq!(parents, [vec![first.parent; 16], vec![second.parent; 4]].concat());
        let dropped = tracer.sink.borrow().as_ref().map(SpanSink::dropped);
        assert_eq!(dropped, Some(12));
    }
}
