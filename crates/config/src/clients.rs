//! What a client may ask for, and what it is told.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Seconds; `None` has no bound. A client that asks for more, or for none (0), is told this one as Server Keep
    /// Alive.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum QueueStrategy {
    /// Nothing is dropped: the queue grows until the session expires or memory back-pressure slows publishers.
    #[default]
    None,
    /// The oldest queued message is dropped and counted.
    DropOldest,
}
