//! What a server must not do: each ends the connection with its reason, and nothing panics.

use mqtt::client::{Breach, End, Event, Overrun, Settings};
use mqtt::{PacketType, ProtocolVersion, QoS, ReasonCode, Violation};
use proptest::prelude::*;

use super::wire::{Acknowledge, Wire};

fn breach(wire: &mut Wire, bytes: &[u8]) -> Breach {
    wire.to_server.clear();
    wire.feed(bytes);
    let [.., Event::Ended(End::Breach(breach))] = wire.events.as_slice() else { panic!("{:?}", wire.events) };
    if wire.connect.version.is_v5() {
        assert_eq!(wire.to_server[..], [0xe0, 1, breach.reason() as u8], "DISCONNECT with the reason");
    } else {
        assert!(wire.to_server.is_empty());
    }
    *breach
}

#[test]
fn packets_that_are_wrong_in_themselves() {
    for (bytes, expected) in [
        (&[0x00, 0][..], Violation::PacketType),
        (&[0x36, 7, 0, 1, b'a', 0, 1, 0, 0], Violation::PublishQoS),
        (&[0x10, 0], Violation::Direction),
        (&[0xd1, 0], Violation::FixedHeaderFlags),
        (&[0x40, 2, 0, 0], Violation::PacketIdentifierZero),
    ] {
        let mut wire = Wire::connected(ProtocolVersion::V5);
        assert_eq!(breach(&mut wire, bytes), Breach::Packet(expected), "{bytes:?}");
    }
}

#[test]
fn packets_at_the_wrong_time() {
    let connack = &[0x20, 3, 0, 0, 0][..];
    for (bytes, kind) in [
        (connack, PacketType::ConnAck),
        (&[0x90, 4, 0, 9, 0, 0], PacketType::SubAck),
        (&[0xb0, 4, 0, 9, 0, 0], PacketType::UnsubAck),
    ] {
        let mut wire = Wire::connected(ProtocolVersion::V5);
        assert_eq!(breach(&mut wire, bytes), Breach::Unexpected(kind));
    }
    let mut wire = Wire::connected(ProtocolVersion::V5);
    assert_eq!(breach(&mut wire, &[0xf0, 0]), Breach::AuthenticationMethod, "MQTT-4.12.0-6");
}

#[test]
fn acknowledgements_of_the_wrong_kind() {
    for (qos, answer, kind) in [
        (QoS::AtLeastOnce, 0x50, PacketType::PubRec),
        (QoS::AtLeastOnce, 0x70, PacketType::PubComp),
        (QoS::ExactlyOnce, 0x40, PacketType::PubAck),
        (QoS::ExactlyOnce, 0x70, PacketType::PubComp),
    ] {
        let mut wire = Wire::connected(ProtocolVersion::V3_1_1);
        wire.publish(qos, "x");
        wire.settle();
        assert_eq!(breach(&mut wire, &[answer, 2, 0, 1]), Breach::Step(kind));
    }
}

#[test]
fn acknowledgements_nobody_waits_for_do_no_harm() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    wire.feed(&[0x40, 2, 0, 9]);
    wire.feed(&[0x70, 2, 0, 9]);
    wire.feed(&[0xd0, 0]);
    assert!(wire.to_server.is_empty());
    wire.feed(&[0x50, 2, 0, 9]);
    assert_eq!(wire.to_server[..], [0x62, 3, 0, 9, 0x92], "PUBREL lets the server forget it");
    wire.to_server.clear();
    wire.feed(&[0x62, 2, 0, 9]);
    assert_eq!(wire.to_server[..], [0x70, 3, 0, 9, 0x92], "and so does PUBCOMP");
    assert_eq!(wire.events, []);
}

/// MQTT-3.3.4-9
#[test]
fn more_messages_than_the_receive_maximum() {
    let mut wire = Wire::new(ProtocolVersion::V5, Default::default());
    wire.connect.receive_maximum = std::num::NonZeroU16::new(2);
    wire.acknowledge = Acknowledge::Never;
    wire.connect();
    wire.run();
    for id in 1..=2 {
        wire.feed(&[0x32, 6, 0, 1, b'a', 0, id, 0]);
    }
    assert_eq!(wire.got.len(), 2);
    assert_eq!(breach(&mut wire, &[0x34, 6, 0, 1, b'a', 0, 3, 0]), Breach::ReceiveMaximum);
}

#[test]
fn a_server_that_sends_too_many_messages_may_be_tolerated() {
    let settings = Settings { overrun: Overrun::Tolerated, ..Settings::default() };
    let mut wire = Wire::new(ProtocolVersion::V5, settings);
    wire.connect.receive_maximum = std::num::NonZeroU16::new(2);
    wire.acknowledge = Acknowledge::Never;
    wire.connect();
    wire.run();
    for id in 1..=200 {
        wire.feed(&[0x32, 6, 0, 1, b'a', 0, id, 0]);
    }
    assert_eq!(wire.got.len(), 200);
}

#[test]
fn topic_aliases_that_stand_for_nothing() {
    let publish = |alias: u8, topic: &[u8]| {
        let mut packet = vec![0x30, 6 + topic.len() as u8, 0, topic.len() as u8];
        packet.extend_from_slice(topic);
        packet.extend_from_slice(&[3, 0x23, 0, alias]);
        packet
    };
    for (first, second) in
        [(None, publish(1, b"")), (None, publish(3, b"a")), (Some(publish(1, b"a")), publish(2, b""))]
    {
        let mut wire = Wire::new(ProtocolVersion::V5, Default::default());
        wire.connect.topic_alias_maximum = 2;
        wire.connect();
        wire.run();
        first.iter().for_each(|packet| wire.feed(packet));
        assert_eq!(breach(&mut wire, &second), Breach::TopicAlias);
    }
}

#[test]
fn topic_aliases_stand_for_the_last_topic_they_came_with() {
    let mut wire = Wire::new(ProtocolVersion::V5, Default::default());
    wire.connect.topic_alias_maximum = 2;
    wire.connect();
    wire.run();
    for packet in [
        &[0x30, 7, 0, 1, b'a', 3, 0x23, 0, 2][..],
        &[0x30, 6, 0, 0, 3, 0x23, 0, 2],
        &[0x30, 7, 0, 1, b'b', 3, 0x23, 0, 2],
        &[0x30, 6, 0, 0, 3, 0x23, 0, 2],
    ] {
        wire.feed(packet);
    }
    let topics: Vec<&str> = wire.got.iter().map(|received| &*received.topic).collect();
    assert_eq!(topics, ["a", "a", "b", "b"]);
    wire.cut();
    wire.connect();
    wire.run();
    assert_eq!(breach(&mut wire, &[0x30, 6, 0, 0, 3, 0x23, 0, 2]), Breach::TopicAlias, "MQTT-3.3.2-7");
}

/// PUBREL for a message whose PUBREC has not gone out.
#[test]
fn pubrel_before_pubrec() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    wire.acknowledge = Acknowledge::Never;
    wire.feed(&[0x34, 6, 0, 1, b'a', 0, 3, 0]);
    assert_eq!(breach(&mut wire, &[0x62, 2, 0, 3]), Breach::Step(PacketType::PubRel));
}

#[test]
fn a_packet_larger_than_announced_is_refused_by_its_header() {
    let mut wire = Wire::new(ProtocolVersion::V5, Default::default());
    wire.connect.maximum_packet_size = std::num::NonZeroU32::new(20);
    wire.connect();
    wire.run();
    let found = breach(&mut wire, &[0x30, 19]);
    assert_eq!(found, Breach::Packet(Violation::PacketTooLarge));
    assert_eq!(found.reason(), ReasonCode::PacketTooLarge);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Whatever a server sends, at any time, in any pieces: an end or not, and no panic.
    #[test]
    fn any_bytes_at_any_time(
        version in prop_oneof![Just(ProtocolVersion::V3_1_1), Just(ProtocolVersion::V5)],
        pieces in prop::collection::vec(piece(), 1..12),
        handshaken in any::<bool>(),
    ) {
        let mut wire = Wire::new(version, Default::default());
        wire.connect.topic_alias_maximum = 2;
        wire.connect();
        if handshaken {
            wire.run();
            wire.publish(QoS::AtLeastOnce, "one");
            wire.publish(QoS::ExactlyOnce, "two");
        }
        let mut buffer = bytes::BytesMut::new();
        for piece in pieces {
            buffer.extend_from_slice(&piece);
            wire.machine.receive(&mut buffer, wire.now);
            wire.settle();
        }
        let ends = wire.events.iter().filter(|event| matches!(event, Event::Ended(_))).count();
        prop_assert!(ends <= 1);
    }
}

/// Random bytes, and packets that are nearly right.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let id = 0u8..4;
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        (prop_oneof![Just(0x40u8), Just(0x50), Just(0x62), Just(0x70)], id.clone())
            .prop_map(|(kind, id)| vec![kind, 2, 0, id]),
        (prop_oneof![Just(0x32u8), Just(0x34), Just(0x3a), Just(0x3c)], id.clone())
            .prop_map(|(kind, id)| vec![kind, 6, 0, 1, b'a', 0, id, 0]),
        (prop_oneof![Just(0x90u8), Just(0xb0)], id).prop_map(|(kind, id)| vec![kind, 4, 0, id, 0, 0]),
        Just(vec![0x20, 3, 0, 0, 0]),
        Just(vec![0x20, 2, 0, 0]),
        Just(vec![0xd0, 0]),
        Just(vec![0xe0, 0]),
    ]
}
