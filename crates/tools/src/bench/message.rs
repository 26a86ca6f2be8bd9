//! What every publish of a run has in common, and what is published to one topic.

use std::num::NonZeroU16;

use mqtt::{ProtocolVersion, QoS};

use super::sizes::Sizes;
use super::stamp::STAMP_LEN;
use super::template::Template;

/// What every publish has in common.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) run: u32,
    pub(super) version: ProtocolVersion,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) sizes: Sizes,
    /// Whether every payload has room for a stamp.
    pub(super) stamped: bool,
    /// Raw user properties.
    pub(super) properties: Vec<u8>,
    /// As long as the longest payload.
    pub(super) filler: Vec<u8>,
    /// What makes monotonic nanoseconds those since 1970.
    pub(super) since_1970: u64,
}

/// What differs from publish to publish.
#[derive(Debug, Clone, Copy)]
pub(super) struct Particular {
    /// 0 with QoS 0.
    pub(super) id: u16,
    pub(super) repetition: Repetition,
    pub(super) sequence: u64,
    /// Monotonic nanoseconds.
    pub(super) due: u64,
}

/// Whether the DUP flag is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repetition {
    First,
    Dup,
}

impl Message {
    pub(super) fn new(run: u32, version: ProtocolVersion, qos: QoS, sizes: Sizes, since_1970: u64) -> Self {
        Self {
            run,
            version,
            qos,
            retain: false,
            stamped: sizes.least() as usize >= STAMP_LEN,
            properties: Vec::new(),
            filler: vec![b'.'; sizes.most() as usize],
            sizes,
            since_1970,
        }
    }

    pub(super) fn retained(mut self) -> Self {
        self.retain = true;
        self
    }

    /// Bytes of the largest payload and the properties beside it.
    pub(super) fn least_packet_len(&self) -> u64 {
        (self.filler.len() + self.properties.len()) as u64
    }

    /// With `count` user properties `key-N: value-N`.
    pub(super) fn with_user_properties(mut self, count: u32) -> Self {
        for number in 0..count {
            self.properties.push(0x26);
            for text in [format!("key-{number}"), format!("value-{number}")] {
                self.properties.extend_from_slice(&(text.len() as u16).to_be_bytes());
                self.properties.extend_from_slice(text.as_bytes());
            }
        }
        self
    }
}

/// Everything that goes to one topic of one publisher.
#[derive(Debug)]
pub(super) struct Outlet {
    /// Number of the publisher and topic over the run.
    pub(super) stream: u32,
    /// Of the next message.
    pub(super) sequence: u64,
    named: Template,
    /// Takes over once the broker has been told the alias.
    aliased: Option<Template>,
    alias_told: bool,
}

impl Outlet {
    pub(super) fn new(message: &Message, stream: u32, topic: &str, alias: Option<NonZeroU16>) -> Self {
        let aliased = alias.map(|alias| Template::new(message, stream, "", Some(alias)));
        Self { stream, sequence: 0, named: Template::new(message, stream, topic, alias), aliased, alias_told: false }
    }

    /// Aliases last as long as a connection.
    pub(super) fn forget_alias(&mut self) {
        self.alias_told = false;
    }

    /// What all further packets are made of, with the stream and the next one's number; `None` where they differ in size, or
    /// the next one in its topic.
    #[inline]
    pub(super) fn alike(&mut self, message: &Message) -> Option<(&Template, u32, &mut u64)> {
        let template = match &self.aliased {
            Some(_) if !self.alias_told => return None,
            Some(aliased) => aliased,
            None => &self.named,
        };
        matches!(message.sizes, Sizes::Fixed(size) if size == template.size).then_some((
            template,
            self.stream,
            &mut self.sequence,
        ))
    }

    /// Appends a whole PUBLISH; says how long its payload is.
    #[inline]
    pub(super) fn append(&mut self, out: &mut Vec<u8>, message: &Message, particular: Particular) -> u32 {
        let size = message.sizes.of(self.stream, particular.sequence);
        let template = match &mut self.aliased {
            Some(aliased) if self.alias_told => aliased,
            _ => &mut self.named,
        };
        self.alias_told = true;
        if template.size != size {
            template.resize(message, self.stream, size);
        }
        template.append(out, message, self.stream, particular);
        size
    }
}

#[cfg(test)]
mod tests {
    use mqtt::{Delivery, Packet, Peer, Publish, Split, decode, split};

    use super::super::stamp::Stamp;
    use super::*;

    fn first(sequence: u64) -> Particular {
        Particular { id: 7, repetition: Repetition::First, sequence, due: 1_000 }
    }

    fn read(bytes: &[u8], version: ProtocolVersion) -> Publish<'_> {
        let Ok(Split::Whole { frame, len }) = split(bytes, u32::MAX) else { panic!("not one packet") };
        assert_eq!(len, bytes.len());
        let Ok(Packet::Publish(publish)) = decode(frame, version, Peer::Client) else { panic!("not a PUBLISH") };
        publish
    }

    #[test]
    fn a_publish_is_read_as_it_was_meant() {
        for version in [ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
            let message = Message::new(9, version, QoS::AtLeastOnce, Sizes::Fixed(64), 5).retained();
            let mut outlet = Outlet::new(&message, 3, "a/b", None);
            let mut out = Vec::new();
            assert_eq!(outlet.append(&mut out, &message, first(11)), 64);
            let publish = read(&out, version);
            assert_eq!((publish.topic, publish.retain, publish.payload.len()), ("a/b", true, 64));
            assert!(matches!(publish.delivery, Delivery::AtLeastOnce { id, dup: false } if id.get() == 7));
            let stamp = Stamp::read(publish.payload).unwrap();
            assert_eq!(stamp, Stamp { run: 9, stream: 3, sequence: 11, due: 1_005 });

            out.clear();
            outlet.append(&mut out, &message, Particular { repetition: Repetition::Dup, ..first(11) });
            assert!(matches!(read(&out, version).delivery, Delivery::AtLeastOnce { dup: true, .. }));
        }
    }

    #[test]
    fn sizes_change_from_message_to_message() {
        let sizes = Sizes::List(vec![28, 100, 127, 128, 320, 321, 20_000, 3_000_000]);
        let message = Message::new(1, ProtocolVersion::V5, QoS::AtMostOnce, sizes.clone(), 0);
        let mut outlet = Outlet::new(&message, 0, "topic", None);
        for sequence in (0..12).chain([5, 0, 4]) {
            let mut out = Vec::new();
            let size = outlet.append(&mut out, &message, first(sequence));
            assert_eq!(size, sizes.of(0, sequence));
            let publish = read(&out, ProtocolVersion::V5);
            assert_eq!(publish.payload.len(), size as usize);
            assert_eq!(Stamp::read(publish.payload).unwrap().sequence, sequence);
        }
    }

    #[test]
    fn short_payloads_carry_no_stamp() {
        let message = Message::new(1, ProtocolVersion::V5, QoS::AtMostOnce, Sizes::List(vec![0, 64]), 0);
        let mut outlet = Outlet::new(&message, 0, "t", None);
        let mut out = Vec::new();
        outlet.append(&mut out, &message, first(1));
        assert_eq!(Stamp::read(read(&out, ProtocolVersion::V5).payload), None);
    }

    #[test]
    fn an_alias_replaces_the_topic_once_it_is_told() {
        let message =
            Message::new(1, ProtocolVersion::V5, QoS::AtMostOnce, Sizes::Fixed(30), 0).with_user_properties(2);
        let mut outlet = Outlet::new(&message, 0, "long/topic", NonZeroU16::new(4));
        let topic = |outlet: &mut Outlet| {
            let mut out = Vec::new();
            outlet.append(&mut out, &message, first(0));
            let publish = read(&out, ProtocolVersion::V5);
            assert_eq!(publish.alias, NonZeroU16::new(4));
            assert_eq!(publish.properties.user_property("key-1"), Some("value-1"));
            publish.topic.to_owned()
        };
        assert_eq!((topic(&mut outlet), topic(&mut outlet)), ("long/topic".to_owned(), String::new()));
        outlet.forget_alias();
        assert_eq!(topic(&mut outlet), "long/topic");
    }
}
