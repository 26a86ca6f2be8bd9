//! Messages as a client sends and receives them, and the names they go by.

use std::num::NonZeroU16;
use std::sync::Arc;

use bytes::Bytes;

use super::properties::MessageProperties;
use crate::qos::QoS;

/// Names a publish, subscribe or unsubscribe until its completion; unique within a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub(super) u64);

/// Names a received message until it is acknowledged; unique within a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub(super) u64);

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: Arc<str>,
    pub payload: Bytes,
    pub qos: QoS,
    pub retain: bool,
    /// Message expiry interval in seconds.
    pub expiry: Option<u32>,
    /// Topic alias: the first message of a connection with it carries the topic too, later ones to the same topic the
    /// alias alone.
    pub alias: Option<NonZeroU16>,
    /// Raw properties, as [`MessageProperties::encode`] or a [`Received`] gives them. Left out before version 5.
    pub properties: Bytes,
}

impl Message {
    /// A message of QoS 0 with nothing but topic and payload.
    pub fn new(topic: impl Into<Arc<str>>, payload: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            expiry: None,
            alias: None,
            properties: Bytes::new(),
        }
    }

    /// What it counts for in a queue.
    pub(super) fn weight(&self) -> usize {
        self.topic.len() + self.properties.len() + self.payload.len()
    }
}

/// A message from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub topic: Arc<str>,
    pub payload: Bytes,
    pub qos: QoS,
    pub retain: bool,
    /// The server sent it before, perhaps on an earlier connection.
    pub dup: bool,
    /// What is left of the message expiry interval, in seconds.
    pub expiry: Option<u32>,
    /// The alias it came with.
    pub alias: Option<NonZeroU16>,
    pub subscription_ids: Vec<u32>,
    /// Raw properties that go with the message wherever it goes.
    pub properties: Bytes,
    /// The packet identifier; `None` with QoS 0.
    pub packet_id: Option<u16>,
    /// To be acknowledged with; `None` with QoS 0.
    pub receipt: Option<Receipt>,
}

impl Received {
    /// Its properties, spelled out.
    pub fn message_properties(&self) -> MessageProperties {
        MessageProperties::decode(&self.properties)
    }
}
