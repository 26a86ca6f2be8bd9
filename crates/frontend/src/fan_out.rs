//! One message on its way to many receivers: encoded once per class of receiver, copied and patched for each.

use std::num::NonZeroU16;

use auth::PublishPermit;
use bytes::{Bytes, BytesMut};
use mqtt::{EncodedPublish, PacketId, ProtocolVersion, PublishHead, QoS};
use partition::{Message, Timestamp};

use crate::outbox::{Outbox, SHARE_FROM, Spares};
use crate::spans::TraceParent;

/// How a receiver gets the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner<'a> {
    pub qos: QoS,
    pub retain: bool,
    pub subscription_ids: &'a [u32],
}

/// What differs from receiver to receiver of one class.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Personal {
    pub id: Option<PacketId>,
    pub dup: bool,
    pub alias: Option<Alias>,
}

/// A topic alias the receiver has, or is told now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alias {
    pub number: NonZeroU16,
    pub known: bool,
}

/// A message in its encoded form, within what it came with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoded<'a> {
    pub body: &'a [u8],
    pub within: &'a Bytes,
}

impl<'a> Encoded<'a> {
    /// By itself.
    pub fn of(body: &'a Bytes) -> Self {
        Self { body, within: body }
    }

    /// The message in its own right.
    pub fn owned(self) -> Bytes {
        self.within.slice_ref(self.body)
    }
}

struct Class {
    v5: bool,
    qos: QoS,
    retain: bool,
    subscription_ids: Box<[u32]>,
    frame: Bytes,
    encoded: EncodedPublish,
}

/// The most encodings kept; receivers beyond that many classes are encoded one by one.
const MAX_CLASSES: usize = 8;

pub(crate) struct FanOut<'a> {
    pub topic: &'a str,
    properties: [&'a [u8]; 3],
    pub payload: &'a [u8],
    expires: Option<Timestamp>,
    now: Timestamp,
    /// Whether more than one receiver is expected, so that keeping an encoding pays.
    many: bool,
    classes: Vec<Class>,
    /// What it was read from, of a message that has been kept.
    body: Option<Encoded<'a>>,
    /// The message in its own right, for those who cannot take it now.
    owned: Option<Bytes>,
    shared_payload: Option<Bytes>,
    /// Set if its deliveries are to become spans.
    pub trace: Option<&'a TraceParent>,
}

impl<'a> FanOut<'a> {
    /// A message as it was just received, to the topic that is permitted.
    pub fn live(
        permit: PublishPermit<'a>,
        properties: [&'a [u8]; 3],
        payload: &'a [u8],
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        Self {
            topic: permit.topic(),
            properties,
            payload,
            expires,
            now,
            many: false,
            classes: Vec::new(),
            body: None,
            owned: None,
            shared_payload: None,
            trace: None,
        }
    }

    /// A message that has been kept, or has come from a partition, in its encoded form.
    #[inline]
    pub fn kept(message: &Message<'a>, body: Encoded<'a>, now: Timestamp) -> Self {
        let is_shared = message.payload.len() >= SHARE_FROM;
        Self {
            topic: PublishPermit::broker(message.topic).topic(),
            properties: [message.properties, &[], &[]],
            payload: message.payload,
            expires: message.expires,
            now,
            many: false,
            classes: Vec::new(),
            body: Some(body),
            owned: None,
            shared_payload: is_shared.then(|| body.within.slice_ref(message.payload)),
            trace: None,
        }
    }

    /// Says that the payload lies in `packet`, which is not empty: those who share it take it from there.
    pub fn lies_in(&mut self, packet: &Bytes) {
        if self.payload.len() >= SHARE_FROM {
            self.shared_payload = Some(packet.slice_ref(self.payload));
        }
    }

    /// Says that more than one receiver may come.
    pub fn expect_many(&mut self) {
        self.many = true;
    }

    /// The value of the user property `$partition`, which chooses the member of a shared group.
    pub fn partition_value(&self) -> Option<&'a [u8]> {
        self.properties.iter().find_map(|run| partition::partition_value(run))
    }

    pub fn is_expired(&self) -> bool {
        self.expires.is_some_and(|at| at <= self.now)
    }

    /// The message as it is kept while it waits, made once for all who wait.
    pub fn owned(&mut self) -> Bytes {
        if let Some(body) = self.body {
            return body.owned();
        }
        let Self { topic, properties, payload, expires, .. } = *self;
        let owned = self.owned.get_or_insert_with(|| {
            // QoS and retain of a waiting delivery stand beside it.
            let properties = properties.concat();
            let message =
                Message { topic, qos: QoS::AtMostOnce, retain: false, expires, properties: &properties, payload };
            let mut bytes = Vec::with_capacity(message.encoded_len());
            message.encode(&mut bytes);
            bytes.into()
        });
        owned.clone()
    }

    /// Length of the PUBLISH as this receiver would get it.
    pub fn frame_len(&self, version: ProtocolVersion, manner: Manner<'_>, personal: Personal) -> usize {
        mqtt::encode::publish_len(version, &self.head(version, manner, personal))
    }

    fn head<'s>(&'s self, version: ProtocolVersion, manner: Manner<'s>, personal: Personal) -> PublishHead<'s> {
        let expiry = match self.expires {
            Some(at) if version.is_v5() => Some(remaining_seconds(at, self.now)),
            _ => None,
        };
        PublishHead {
            topic: if personal.alias.is_some_and(|a| a.known) { "" } else { self.topic },
            qos: manner.qos,
            dup: personal.dup,
            retain: manner.retain,
            id: personal.id,
            alias: personal.alias.map(|a| a.number),
            expiry,
            subscription_ids: manner.subscription_ids,
            properties: &self.properties,
            payload: self.payload,
        }
    }

    /// Appends the PUBLISH to a receiver's outbox.
    pub fn append(
        &mut self,
        outbox: &mut Outbox,
        spares: &mut Spares,
        version: ProtocolVersion,
        manner: Manner<'_>,
        personal: Personal,
    ) {
        if self.payload.len() >= SHARE_FROM {
            let payload = self.shared_payload.get_or_insert_with(|| Bytes::copy_from_slice(self.payload)).clone();
            mqtt::encode::publish_head(outbox.buffer(spares), version, &self.head(version, manner, personal));
            outbox.push_shared(payload);
        } else if self.many && personal.alias.is_none() && self.append_copy(outbox, spares, version, manner, personal) {
            // Copied from its class.
        } else {
            mqtt::encode::publish(outbox.buffer(spares), version, &self.head(version, manner, personal));
        }
    }

    fn append_copy(
        &mut self,
        outbox: &mut Outbox,
        spares: &mut Spares,
        version: ProtocolVersion,
        manner: Manner<'_>,
        personal: Personal,
    ) -> bool {
        let found = self.classes.iter().position(|class| {
            class.v5 == version.is_v5()
                && class.qos == manner.qos
                && class.retain == manner.retain
                && *class.subscription_ids == *manner.subscription_ids
        });
        let place = match found {
            Some(place) => place,
            None if self.classes.len() == MAX_CLASSES => return false,
            None => {
                let mut frame = BytesMut::new();
                let encoded = mqtt::encode::publish(
                    &mut frame,
                    version,
                    &self.head(version, manner, Personal { id: None, dup: false, alias: None }),
                );
                self.classes.push(Class {
                    v5: version.is_v5(),
                    qos: manner.qos,
                    retain: manner.retain,
                    subscription_ids: manner.subscription_ids.into(),
                    frame: frame.freeze(),
                    encoded,
                });
                self.classes.len() - 1
            }
        };
        let class = &self.classes[place];
        if personal.id.is_none() && !personal.dup {
            outbox.push_frame(&class.frame, spares);
            return true;
        }
        let out = outbox.buffer(spares);
        let start = out.len();
        out.extend_from_slice(&class.frame);
        if let (Some(at), Some(id)) = (class.encoded.id_at, personal.id) {
            out[start + at..start + at + 2].copy_from_slice(&id.get().to_be_bytes());
        }
        if personal.dup {
            out[start] |= DUP;
        }
        true
    }
}

/// The DUP bit of a PUBLISH's first byte (3.3.1.1).
const DUP: u8 = 0b1000;

/// MQTT-3.3.2-6: what is left of the expiry interval, at least a second as long as it has not passed.
fn remaining_seconds(at: Timestamp, now: Timestamp) -> u32 {
    u32::try_from(at.0.saturating_sub(now.0).div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn manner(qos: QoS) -> Manner<'static> {
        Manner { qos, retain: false, subscription_ids: &[] }
    }

    #[test]
    fn a_copied_frame_equals_one_encoded_for_the_receiver() {
        let properties: [&[u8]; 3] = [b"\x01\x01", &[], &[]];
        let alike = Personal { id: None, dup: false, alias: None };
        let personal = Personal { id: PacketId::new(0x1234), dup: true, alias: None };
        let receivers = [(QoS::AtMostOnce, alike), (QoS::AtLeastOnce, personal)];
        for (version, (qos, personal)) in
            [ProtocolVersion::V3_1_1, ProtocolVersion::V5].into_iter().flat_map(|v| receivers.map(|r| (v, r)))
        {
            for payload_len in [5, SHARE_FROM - 1, SHARE_FROM] {
                let payload = vec![7; payload_len];
                let mut outboxes = [Outbox::default(), Outbox::default()];
                let mut spares = Spares::default();
                for (many, outbox) in outboxes.iter_mut().enumerate() {
                    let mut fan_out = FanOut::live(
                        PublishPermit::broker("a/b"),
                        properties,
                        &payload,
                        Some(Timestamp(NOW.0 + 1)),
                        NOW,
                    );
                    if many == 1 {
                        fan_out.expect_many();
                    }
                    fan_out.append(outbox, &mut spares, version, manner(qos), personal);
                    assert_eq!(outbox.len(), fan_out.frame_len(version, manner(qos), personal));
                }
                let [one, many] = outboxes.map(|mut o| std::iter::from_fn(move || o.take_chunk()).flatten().collect());
                let (one, many): (Vec<u8>, Vec<u8>) = (one, many);
                assert_eq!(one, many);
            }
        }
    }

    #[test]
    fn a_payload_that_lies_in_its_packet_is_not_copied() {
        for payload_len in [SHARE_FROM - 1, SHARE_FROM] {
            let packet = Bytes::from(vec![7; payload_len + 9]);
            let mut fan_out = FanOut::live(PublishPermit::broker("a/b"), [&[]; 3], &packet[9..], None, NOW);
            fan_out.lies_in(&packet);
            let (mut outbox, mut spares) = (Outbox::default(), Spares::default());
            let personal = Personal::default();
            fan_out.append(&mut outbox, &mut spares, ProtocolVersion::V5, manner(QoS::AtMostOnce), personal);
            let last = std::iter::from_fn(|| outbox.take_chunk()).last().unwrap();
            assert!(last.ends_with(&packet[9..]));
            assert_eq!(last.as_ptr() == packet[9..].as_ptr(), payload_len >= SHARE_FROM);
        }
    }

    #[test]
    fn mqtt_3_3_2_6_the_expiry_interval_is_what_is_left_of_it() {
        assert_eq!(remaining_seconds(Timestamp(NOW.0 + 10_000), NOW), 10);
        assert_eq!(remaining_seconds(Timestamp(NOW.0 + 9_001), NOW), 10);
        assert_eq!(remaining_seconds(Timestamp(NOW.0 + 1), NOW), 1);
    }
}
