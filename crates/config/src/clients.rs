//! What a client may ask for, and what it is told.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};

use crate::plan::Notice;
use crate::value::{Reading, Whole, narrow};
use crate::{MemoryProfile, Request};

/// Upper bounds for what clients ask at CONNECT. More is clamped, and CONNACK says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLimits {
    /// Seconds a session may outlive its connection; `None` has no bound. Also the expiry of a 3.1.1 session with
    /// clean session 0.
    pub max_session_expiry: Option<NonZeroU32>,
    /// Seconds a message may wait, retained ones included; `None` has no bound. A message without an expiry of its own
    /// gets this one.
    pub max_message_expiry: Option<NonZeroU32>,
    /// Bytes of the largest packet taken from a client: the smaller of the setting and the memory profile's.
    pub max_packet_size: NonZeroU32,
    /// Bound on the client's Receive Maximum, hence on the messages in flight to it.
    pub max_receive_maximum: NonZeroU16,
    /// The broker's Receive Maximum: QoS 1 and 2 publishes a client may have unacknowledged.
    ///
    /// A client publishes at most this many messages per round trip, so the default of 1,000 carries 50,000 messages a
    /// second over a 20 ms link where 100 would carry 5,000. It bounds what one client may have pending here, which
    /// is why it is not 65,535.
    pub receive_maximum: NonZeroU16,
    /// Seconds; `None` has no bound. A client that asks for more, or for none (0), is told this one as Server Keep Alive.
    pub max_keep_alive: Option<NonZeroU16>,
    /// Topic aliases a client may use towards the broker; 0 forbids them. Each costs up to one topic name of memory
    /// per connection.
    pub topic_alias_maximum: u16,
    /// Bound on the messages queued for one session, over all partitions; `None` has no bound.
    pub queue_limit: Option<QueueLimit>,
}

/// A bound on a session's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimit {
    /// Messages waiting for one session; those in flight are not counted.
    pub length: NonZeroU64,
    /// What happens to the next one.
    pub strategy: QueueStrategy,
}

/// What happens when a queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueStrategy {
    /// Nothing is dropped: the queue grows until the session expires or memory back-pressure slows publishers.
    #[default]
    None,
    /// The oldest queued message is dropped and counted.
    DropOldest,
}

const DEFAULT_RECEIVE_MAXIMUM: NonZeroU16 = NonZeroU16::new(1000).expect("not zero");
const DEFAULT_TOPIC_ALIAS_MAXIMUM: u16 = 32;
/// The largest packet MQTT can express, rounded up to the range of the resource's field.
const LARGEST_PACKET_BYTES: u64 = 268_435_456;

const STRATEGIES: &[(&str, QueueStrategy)] =
    &[("none", QueueStrategy::None), ("drop-oldest", QueueStrategy::DropOldest)];

impl ClientLimits {
    pub(crate) fn read(
        request: &Request,
        profile: MemoryProfile,
        reading: &mut Reading,
        notices: &mut Vec<Notice>,
    ) -> Self {
        let seconds = Whole { range: 1..=u64::from(u32::MAX), unit: "seconds" };
        let in_flight = Whole { range: 1..=u64::from(u16::MAX), unit: "messages" };
        let max_packet_size = packet_size(request, profile, reading, notices);
        let max_keep_alive = reading.whole(
            request.max_keep_alive.as_ref(),
            &Whole { range: 0..=u64::from(u16::MAX), unit: "seconds (0 for no bound)" },
        );
        let max_session_expiry = reading.whole(request.max_session_expiry.as_ref(), &seconds);
        let max_message_expiry = reading.whole(request.max_message_expiry.as_ref(), &seconds);
        let max_receive = reading.whole(request.max_receive_maximum.as_ref(), &in_flight);
        let receive = reading.whole(request.receive_maximum.as_ref(), &in_flight);
        let aliases = reading.whole(
            request.topic_alias_maximum.as_ref(),
            &Whole { range: 0..=u64::from(u16::MAX), unit: "aliases (0 for none)" },
        );
        Self {
            max_session_expiry: max_session_expiry.and_then(narrow).and_then(NonZeroU32::new),
            max_message_expiry: max_message_expiry.and_then(narrow).and_then(NonZeroU32::new),
            max_packet_size,
            max_receive_maximum: max_receive.and_then(narrow).and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MAX),
            receive_maximum: receive.and_then(narrow).and_then(NonZeroU16::new).unwrap_or(DEFAULT_RECEIVE_MAXIMUM),
            max_keep_alive: max_keep_alive.and_then(narrow).and_then(NonZeroU16::new),
            topic_alias_maximum: aliases.and_then(narrow).unwrap_or(DEFAULT_TOPIC_ALIAS_MAXIMUM),
            queue_limit: queue_limit(request, reading, notices),
        }
    }
}

fn packet_size(
    request: &Request,
    profile: MemoryProfile,
    reading: &mut Reading,
    notices: &mut Vec<Notice>,
) -> NonZeroU32 {
    let bytes = Whole { range: 1..=LARGEST_PACKET_BYTES, unit: "bytes" };
    let bound = NonZeroU32::new(profile.max_packet_bytes()).unwrap_or(NonZeroU32::MAX);
    let asked: Option<NonZeroU32> =
        reading.whole(request.max_packet_size.as_ref(), &bytes).and_then(narrow).and_then(NonZeroU32::new);
    match (asked, &request.max_packet_size) {
        (Some(asked), Some(given)) if asked > bound => {
            notices.push(Notice(format!(
                "{} {}: the memory profile allows packets of {bound} bytes, which is what clients are told",
                given.place, given.text
            )));
            bound
        }
        (asked, _) => asked.unwrap_or(bound),
    }
}

fn queue_limit(request: &Request, reading: &mut Reading, notices: &mut Vec<Notice>) -> Option<QueueLimit> {
    let messages = Whole { range: 1..=u64::MAX, unit: "messages" };
    let length = reading.whole(request.queue_limit.as_ref(), &messages).and_then(NonZeroU64::new);
    let strategy = reading.word(request.queue_strategy.as_ref(), STRATEGIES).unwrap_or_default();
    if let (QueueStrategy::DropOldest, None, Some(given)) = (strategy, &request.queue_limit, &request.queue_strategy) {
        reading.refuse(given, "say at what length, with --queue-limit");
    }
    let length = length?;
    if let (QueueStrategy::None, Some(given)) = (strategy, &request.queue_limit) {
        notices.push(Notice(format!(
            "{} {}: has no effect with the queue strategy none, which drops nothing",
            given.place, given.text
        )));
    }
    Some(QueueLimit { length, strategy })
}
