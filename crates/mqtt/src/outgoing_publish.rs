//! PUBLISH as sent: encoded once, copied per receiver, its packet identifier patched.

use std::num::NonZeroU16;

use bytes::{BufMut, BytesMut};

use crate::{
    property,
    qos::{PacketId, QoS},
    version::ProtocolVersion,
    writer::{put_variable, variable_len},
};

/// Everything that goes into an outgoing PUBLISH.
#[derive(Debug, Clone, Copy, Default)]
pub struct PublishHead<'a> {
    /// Empty only together with `alias`; at most 65,535 bytes.
    pub topic: &'a str,
    pub qos: QoS,
    pub dup: bool,
    pub retain: bool,
    /// With QoS 1 and 2; `None` leaves a zero to be patched.
    pub id: Option<PacketId>,
    pub alias: Option<NonZeroU16>,
    /// Message expiry interval in seconds.
    pub expiry: Option<u32>,
    pub subscription_ids: &'a [u32],
    /// Raw forwardable properties, as `ForwardProperties::slices` gives them.
    pub properties: &'a [&'a [u8]],
    pub payload: &'a [u8],
}

/// Where an encoded PUBLISH stands in its buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodedPublish {
    /// Offset of its first byte in the buffer.
    pub start: usize,
    /// Its length, fixed header included.
    pub len: usize,
    /// Offset of the two bytes of the packet identifier from `start`; `None` with QoS 0.
    pub id_at: Option<usize>,
}

/// The two lengths a PUBLISH writes down.
struct Lengths {
    properties: usize,
    remaining: usize,
}

impl Lengths {
    fn of(version: ProtocolVersion, head: &PublishHead<'_>) -> Self {
        let mut remaining = 2 + head.topic.len() + head.payload.len();
        if head.qos != QoS::AtMostOnce {
            remaining += 2;
        }
        let mut properties = 0;
        if version.is_v5() {
            properties = properties_len(head);
            remaining += variable_len(properties) + properties;
        }
        Self { properties, remaining }
    }

    /// The packet with its fixed header.
    fn whole(&self) -> usize {
        1 + variable_len(self.remaining) + self.remaining
    }
}

fn properties_len(head: &PublishHead<'_>) -> usize {
    let mut len = 0;
    if head.alias.is_some() {
        len += 3;
    }
    if head.expiry.is_some() {
        len += 5;
    }
    for &identifier in head.subscription_ids {
        len += 1 + variable_len(identifier as usize);
    }
    for run in head.properties {
        len += run.len();
    }
    len
}

/// Appends a PUBLISH; before version 5 everything MQTT 5 is left out. What `encoded_len` says must not exceed the
/// largest packet, 268,435,460 bytes.
pub fn encode(out: &mut BytesMut, version: ProtocolVersion, head: &PublishHead<'_>) -> EncodedPublish {
    let lengths = Lengths::of(version, head);
    out.reserve(lengths.whole());
    let encoded = put_head(out, version, head, &lengths);
    out.put_slice(head.payload);
    debug_assert_eq!(out.len() - encoded.start, encoded.len);
    encoded
}

/// As `encode`, without the payload, which the caller sends after it.
pub fn encode_head(out: &mut BytesMut, version: ProtocolVersion, head: &PublishHead<'_>) -> EncodedPublish {
    let lengths = Lengths::of(version, head);
    out.reserve(lengths.whole() - head.payload.len());
    put_head(out, version, head, &lengths)
}

fn put_head(out: &mut BytesMut, version: ProtocolVersion, head: &PublishHead<'_>, lengths: &Lengths) -> EncodedPublish {
    debug_assert!(head.topic.len() <= usize::from(u16::MAX));
    let start = out.len();
    // DUP has no meaning with QoS 0 (MQTT-3.3.1-2).
    let dup = head.dup && head.qos != QoS::AtMostOnce;
    out.put_u8(0x30 | u8::from(dup) << 3 | (head.qos as u8) << 1 | u8::from(head.retain));
    put_variable(out, lengths.remaining);
    out.put_u16(head.topic.len() as u16);
    out.put_slice(head.topic.as_bytes());
    let mut id_at = None;
    if head.qos != QoS::AtMostOnce {
        id_at = Some(out.len() - start);
        out.put_u16(head.id.map_or(0, PacketId::get));
    }
    if version.is_v5() {
        put_variable(out, lengths.properties);
        if lengths.properties > 0 {
            put_properties(out, head);
        }
    }
    EncodedPublish { start, len: lengths.whole(), id_at }
}

fn put_properties(out: &mut BytesMut, head: &PublishHead<'_>) {
    if let Some(alias) = head.alias {
        out.put_u8(property::TOPIC_ALIAS);
        out.put_u16(alias.get());
    }
    if let Some(seconds) = head.expiry {
        out.put_u8(property::MESSAGE_EXPIRY_INTERVAL);
        out.put_u32(seconds);
    }
    for &identifier in head.subscription_ids {
        out.put_u8(property::SUBSCRIPTION_IDENTIFIER);
        put_variable(out, identifier as usize);
    }
    for run in head.properties {
        out.put_slice(run);
    }
}

/// The exact number of bytes `encode` appends.
pub fn encoded_len(version: ProtocolVersion, head: &PublishHead<'_>) -> usize {
    Lengths::of(version, head).whole()
}
