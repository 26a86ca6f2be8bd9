//! PUBLISH as received: borrowed from the read buffer, nothing copied.

use std::num::NonZeroU16;

use smallvec::SmallVec;

use crate::{
    forward::ForwardProperties,
    frame::Frame,
    packet::{Packet, Peer},
    property::{self, Value, Walk},
    qos::{PacketId, QoS},
    reader::Reader,
    text,
    version::ProtocolVersion,
    violation::Violation,
};

/// Quality of service together with what only some of them have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    AtMostOnce,
    AtLeastOnce { id: PacketId, dup: bool },
    ExactlyOnce { id: PacketId, dup: bool },
}

impl Delivery {
    pub const fn qos(self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce { .. } => QoS::AtLeastOnce,
            Self::ExactlyOnce { .. } => QoS::ExactlyOnce,
        }
    }

    pub const fn id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce { id, .. } | Self::ExactlyOnce { id, .. } => Some(id),
        }
    }
}

/// An application message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Empty only when `alias` stands for it.
    pub topic: &'a str,
    pub delivery: Delivery,
    pub retain: bool,
    pub alias: Option<NonZeroU16>,
    /// Message expiry interval in seconds.
    pub expiry: Option<u32>,
    /// Only ever sent by a server (MQTT-3.3.4-6).
    pub subscription_ids: SmallVec<[u32; 2]>,
    /// Everything that is forwarded as it came (MQTT-3.3.2-4, MQTT-3.3.2-15 to MQTT-3.3.2-20).
    pub properties: ForwardProperties<'a>,
    pub payload: &'a [u8],
}

/// Reads a PUBLISH.
#[inline]
pub(crate) fn decode<'a>(frame: Frame<'a>, version: ProtocolVersion, from: Peer) -> Result<Packet<'a>, Violation> {
    let mut reader = Reader::new(frame.body);
    let topic = text::topic_name(reader.binary()?)?;
    let delivery = delivery(frame.flags, &mut reader)?;
    let list = if version.is_v5() { reader.properties()? } else { &[] };
    let Taken { alias, expiry, subscription_ids, properties } =
        if list.is_empty() { Taken::default() } else { read_properties(list, from)? };
    if topic.is_empty() && alias.is_none() {
        return Err(if version.is_v5() { Violation::MissingTopic } else { Violation::EmptyTopic });
    }
    let retain = frame.flags & 0b0001 != 0;
    let payload = reader.rest();
    Ok(Packet::Publish(Publish { topic, delivery, retain, alias, expiry, subscription_ids, properties, payload }))
}

/// QoS and DUP from the flags, the identifier from the body (MQTT-2.2.1-2, MQTT-3.3.1-2, MQTT-3.3.1-4).
#[inline]
fn delivery(flags: u8, reader: &mut Reader<'_>) -> Result<Delivery, Violation> {
    let dup = flags & 0b1000 != 0;
    match (flags >> 1) & 0b11 {
        0 if dup => Err(Violation::DupWithQoS0),
        0 => Ok(Delivery::AtMostOnce),
        1 => Ok(Delivery::AtLeastOnce { id: reader.packet_id()?, dup }),
        2 => Ok(Delivery::ExactlyOnce { id: reader.packet_id()?, dup }),
        _ => Err(Violation::PublishQoS),
    }
}

/// A property list, taken apart.
#[derive(Default)]
struct Taken<'a> {
    alias: Option<NonZeroU16>,
    expiry: Option<u32>,
    subscription_ids: SmallVec<[u32; 2]>,
    properties: ForwardProperties<'a>,
}

/// Takes out what ends at this hop and keeps the rest as runs of raw bytes.
fn read_properties(list: &[u8], from: Peer) -> Result<Taken<'_>, Violation> {
    let mut taken = Taken::default();
    let mut walk = Walk::new(list, property::PUBLISH);
    let mut run_start = 0;
    let mut at = 0;
    while let Some((id, value)) = walk.next()? {
        let end = list.len() - walk.remaining();
        let is_taken = match (id, value) {
            (property::TOPIC_ALIAS, Value::Two(alias)) => {
                taken.alias = NonZeroU16::new(alias);
                true
            }
            (property::MESSAGE_EXPIRY_INTERVAL, Value::Four(seconds)) => {
                taken.expiry = Some(seconds);
                true
            }
            (property::SUBSCRIPTION_IDENTIFIER, Value::Variable(identifier)) => {
                if from == Peer::Client {
                    return Err(Violation::SubscriptionIdentifierFromClient);
                }
                taken.subscription_ids.push(identifier);
                true
            }
            _ => false,
        };
        if is_taken {
            taken.properties.push(&list[run_start..at]);
            run_start = end;
        }
        at = end;
    }
    taken.properties.push(&list[run_start..]);
    Ok(taken)
}
