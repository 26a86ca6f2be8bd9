//! What a publisher has sent and may send.

use mqtt::QoS;

use super::in_flight::{InFlight, Slot, Stage};
use super::message::{Message, Outlet, Particular, Repetition};

/// One publisher.
#[derive(Debug)]
pub(super) struct Publisher {
    /// Over all threads.
    pub(super) number: u32,
    /// On its thread.
    pub(super) local: u32,
    outlets: Vec<Outlet>,
    /// Publishes so far; the next one's outlet is this modulo their number.
    pub(super) sent: u64,
    /// It sends no more than this.
    pub(super) quota: u64,
    /// What QoS 1 and 2 publishes it has in flight.
    pub(super) in_flight: InFlight,
    /// What the user allows to be in flight; the broker may allow less.
    in_flight_limit: u16,
}

/// How many more publishes may be written now, and why not more.
impl Publisher {
    pub(super) fn new(number: u32, local: u32, outlets: Vec<Outlet>, quota: u64, in_flight_limit: u16) -> Self {
        let in_flight = InFlight::new(in_flight_limit);
        Self { number, local, outlets, sent: 0, quota, in_flight, in_flight_limit }
    }

    /// What the broker's Receive Maximum leaves of the limit.
    pub(super) fn set_receive_maximum(&mut self, maximum: u16) {
        self.in_flight.set_limit(self.in_flight_limit.min(maximum));
    }

    /// Publishes that the quota and what is in flight leave room for.
    #[inline]
    pub(super) fn room(&self, qos: QoS) -> u64 {
        let left = self.quota - self.sent;
        if qos == QoS::AtMostOnce { left } else { left.min(self.in_flight.room()) }
    }

    /// Appends its next publish, which was due at `due`; says how long the payload is.
    #[inline]
    pub(super) fn push(&mut self, out: &mut Vec<u8>, message: &Message, due: u64) -> u32 {
        let topic = if self.outlets.len() == 1 { 0 } else { (self.sent % self.outlets.len() as u64) as usize };
        self.sent += 1;
        let outlet = &mut self.outlets[topic];
        let sequence = outlet.sequence;
        outlet.sequence += 1;
        let id = match message.qos {
            QoS::AtMostOnce => 0,
            QoS::AtLeastOnce | QoS::ExactlyOnce => self.in_flight.take(topic as u32, sequence, due),
        };
        outlet.append(out, message, Particular { id, repetition: Repetition::First, sequence, due })
    }

    /// Appends up to `most` publishes that are all due at `due`, until they are `bytes` or more; says how many. `None`: they
    /// differ in topic or size, so each is to be pushed.
    #[inline]
    pub(super) fn push_alike(
        &mut self,
        out: &mut Vec<u8>,
        message: &Message,
        due: u64,
        (most, bytes): (u64, usize),
    ) -> Option<u64> {
        let Self { outlets, in_flight, sent, .. } = self;
        let [outlet] = &mut outlets[..] else { return None };
        let (template, stream, next) = outlet.alike(message)?;
        let len = template.packet_len();
        let count = most.min(bytes.div_ceil(len) as u64);
        out.reserve(count as usize * len);
        for sequence in *next..*next + count {
            let id = match message.qos {
                QoS::AtMostOnce => 0,
                QoS::AtLeastOnce | QoS::ExactlyOnce => in_flight.take(0, sequence, due),
            };
            template.append(out, message, stream, Particular { id, repetition: Repetition::First, sequence, due });
        }
        *next += count;
        *sent += count;
        Some(count)
    }

    /// A connection begins: the broker knows no aliases.
    pub(super) fn forget_aliases(&mut self) {
        self.outlets.iter_mut().for_each(Outlet::forget_alias);
    }

    /// Appends again what was not acknowledged (MQTT-4.4.0-1); says how many packets that were.
    pub(super) fn resend(&mut self, out: &mut Vec<u8>, message: &Message, session: Session) -> u64 {
        let waiting = self.in_flight.waiting();
        for (id, slot) in &waiting {
            match (slot.stage, session) {
                (Stage::Released, Session::Present) => {
                    let [high, low] = id.to_be_bytes();
                    out.extend_from_slice(&[0x62, 2, high, low]);
                }
                // The broker has taken it over and forgotten the handshake's rest.
                (Stage::Released, Session::Absent) => self.in_flight.release(*id),
                (_, Session::Present) => self.again(out, message, (*id, *slot), Repetition::Dup),
                (_, Session::Absent) => self.again(out, message, (*id, *slot), Repetition::First),
            }
        }
        waiting.len() as u64
    }

    fn again(&mut self, out: &mut Vec<u8>, message: &Message, (id, slot): (u16, Slot), repetition: Repetition) {
        let particular = Particular { id, repetition, sequence: slot.sequence, due: slot.due };
        self.outlets[slot.topic as usize].append(out, message, particular);
    }

    /// The connection is gone for good, and with it what waited.
    pub(super) fn give_up(&mut self) {
        self.quota = self.sent;
    }
}

/// Whether the broker still had the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    Present,
    Absent,
}

#[cfg(test)]
mod tests {
    use mqtt::{Delivery, Packet, Peer, ProtocolVersion, Split, decode, split};

    use super::super::sizes::Sizes;
    use super::super::stamp::Stamp;
    use super::*;

    fn message(qos: QoS) -> Message {
        Message::new(1, ProtocolVersion::V5, qos, Sizes::Fixed(40), 0)
    }

    fn publisher(message: &Message) -> Publisher {
        let outlets = (0..2).map(|topic| Outlet::new(message, topic, &format!("t/{topic}"), None)).collect();
        Publisher::new(0, 0, outlets, 100, 3)
    }

    /// Topic, sequence, packet identifier, DUP of each PUBLISH, and the identifier of each PUBREL.
    fn packets(mut bytes: &[u8]) -> Vec<(String, u64, u16, bool)> {
        let mut packets = Vec::new();
        while let Ok(Split::Whole { frame, len }) = split(bytes, u32::MAX) {
            packets.push(match decode(frame, ProtocolVersion::V5, Peer::Client) {
                Ok(Packet::Publish(publish)) => {
                    let dup = matches!(
                        publish.delivery,
                        Delivery::AtLeastOnce { dup: true, .. } | Delivery::ExactlyOnce { dup: true, .. }
                    );
                    let id = publish.delivery.id().map_or(0, mqtt::PacketId::get);
                    (publish.topic.to_owned(), Stamp::read(publish.payload).unwrap().sequence, id, dup)
                }
                Ok(Packet::PubRel(ack)) => ("PUBREL".to_owned(), 0, ack.id.get(), false),
                other => panic!("{other:?}"),
            });
            bytes = &bytes[len..];
        }
        assert!(bytes.is_empty());
        packets
    }

    #[test]
    fn topics_are_taken_in_turn_each_with_its_own_numbers() {
        let message = message(QoS::AtMostOnce);
        let (mut publisher, mut out) = (publisher(&message), Vec::new());
        for _ in 0..4 {
            publisher.push(&mut out, &message, 0);
        }
        let expected = [("t/0", 0), ("t/1", 0), ("t/0", 1), ("t/1", 1)];
        assert_eq!(packets(&out), expected.map(|(topic, sequence)| (topic.to_owned(), sequence, 0, false)));
        assert_eq!(publisher.room(QoS::AtMostOnce), 96);
    }

    #[test]
    fn publishes_that_are_alike_are_those_that_are_pushed() {
        let message = message(QoS::AtLeastOnce);
        let publisher = |topics| {
            let outlets = (0..topics).map(|topic| Outlet::new(&message, topic, "t", None)).collect();
            Publisher::new(0, 0, outlets, 100, 10)
        };
        let (mut one, mut other, mut out, mut expected) = (publisher(1), publisher(1), Vec::new(), Vec::new());
        for (most, bytes, count) in [(3, 1000, 3), (5, 1, 1), (5, 0, 0)] {
            assert_eq!(one.push_alike(&mut out, &message, 7, (most, bytes)), Some(count));
            for _ in 0..count {
                other.push(&mut expected, &message, 7);
            }
        }
        assert_eq!((packets(&out), one.sent, one.in_flight.len()), (packets(&expected), 4, 4));
        assert_eq!(publisher(2).push_alike(&mut out, &message, 7, (1, 1)), None);
    }

    #[test]
    fn what_was_not_acknowledged_is_sent_again_in_order() {
        let message = message(QoS::ExactlyOnce);
        let (mut publisher, mut out) = (publisher(&message), Vec::new());
        for _ in 0..3 {
            publisher.push(&mut out, &message, 0);
        }
        assert_eq!(publisher.room(QoS::ExactlyOnce), 0);
        publisher.in_flight.slot(2).unwrap().stage = Stage::Released;
        out.clear();
        assert_eq!(publisher.resend(&mut out, &message, Session::Present), 3);
        let expected = [("t/0", 0, 1, true), ("PUBREL", 0, 2, false), ("t/0", 1, 3, true)];
        assert_eq!(packets(&out), expected.map(|(topic, sequence, id, dup)| (topic.to_owned(), sequence, id, dup)));
        out.clear();
        publisher.resend(&mut out, &message, Session::Absent);
        let expected = [("t/0", 0, 1, false), ("t/0", 1, 3, false)];
        assert_eq!(packets(&out), expected.map(|(topic, sequence, id, dup)| (topic.to_owned(), sequence, id, dup)));
        assert_eq!(publisher.in_flight.len(), 2);
    }

    #[test]
    fn the_broker_bounds_what_is_in_flight() {
        let message = message(QoS::AtLeastOnce);
        let mut publisher = publisher(&message);
        publisher.set_receive_maximum(2);
        assert_eq!(publisher.room(QoS::AtLeastOnce), 2);
        publisher.set_receive_maximum(65_535);
        assert_eq!(publisher.room(QoS::AtLeastOnce), 3);
    }
}
