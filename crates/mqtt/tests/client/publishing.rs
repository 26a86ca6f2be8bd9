//! Publishes and their completions while a connection stands.

use std::num::NonZeroU16;

use bytes::Bytes;
use mqtt::client::{Event, Message, MessageProperties, NotTaken, PayloadFormat, RequestError, Settings};
use mqtt::{ProtocolVersion, QoS, ReasonCode, TopicError};

use super::wire::{Direction, Wire};

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::V3_1_1, ProtocolVersion::V5];

#[test]
fn every_quality_completes_when_its_handshake_does() {
    for version in VERSIONS {
        let mut wire = Wire::connected(version);
        let tokens =
            [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce].map(|qos| wire.publish(qos, format!("{qos:?}")));
        wire.settle();
        assert_eq!(wire.completed.keys().copied().collect::<Vec<_>>(), tokens[..1], "QoS 0 is complete when sent");
        while wire.carry(Direction::ToServer) {}
        assert_eq!(wire.completed.len(), 1);
        wire.run();
        assert_eq!(wire.completed.len(), 3);
        assert!(wire.completed.values().all(|outcome| *outcome == Ok(ReasonCode::Success)));
        assert_eq!(wire.server.delivered, ["AtMostOnce", "AtLeastOnce", "ExactlyOnce"]);
        assert!(wire.machine.is_idle());
        assert!(wire.server.unreleased().is_empty());
    }
}

#[test]
fn a_refusal_carries_reason_and_text() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    let first = wire.publish(QoS::AtLeastOnce, "x");
    let second = wire.publish(QoS::ExactlyOnce, "y");
    wire.settle();
    wire.feed(&[0x40, 9, 0, 1, 0x97, 5, 0x1f, 0, 2, b'n', b'o']);
    wire.feed(&[0x50, 3, 0, 2, 0x87]);
    let refused =
        |reason, text: Option<&str>| Err(RequestError::Refused { reason, reason_string: text.map(str::to_owned) });
    assert_eq!(wire.completed[&first], refused(ReasonCode::QuotaExceeded, Some("no")));
    assert_eq!(wire.completed[&second], refused(ReasonCode::NotAuthorized, None));
    assert!(wire.machine.is_idle());
}

#[test]
fn nobody_subscribed_is_a_success() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    let token = wire.publish(QoS::AtLeastOnce, "x");
    wire.settle();
    wire.feed(&[0x40, 3, 0, 1, 0x10]);
    assert_eq!(wire.completed[&token], Ok(ReasonCode::NoMatchingSubscribers));
}

/// MQTT-3.3.4-7: the smaller of the server's window and the client's own counts.
#[test]
fn the_window_is_kept() {
    for (server, own, expected) in [(3, 10, 3), (10, 3, 3), (u16::MAX, 5, 5)] {
        let settings = Settings { in_flight: NonZeroU16::new(own).unwrap(), ..Settings::default() };
        let mut wire = Wire::new(ProtocolVersion::V5, settings);
        wire.server.connack.receive_maximum = NonZeroU16::new(server);
        wire.connect();
        wire.run();
        for n in 0..20 {
            wire.publish(if n % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce }, n.to_string());
        }
        wire.settle();
        let mut sent = 0;
        while wire.carry(Direction::ToServer) {
            sent += 1;
        }
        assert_eq!(sent, expected);
        wire.run();
        assert_eq!(wire.server.delivered, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn queues_are_bounded_in_number_and_bytes() {
    let settings = Settings { queue_messages: 3, ..Settings::default() };
    let mut wire = Wire::new(ProtocolVersion::V5, settings);
    for _ in 0..3 {
        wire.publish(QoS::AtLeastOnce, "x");
    }
    assert!(!wire.machine.has_room());
    assert_eq!(wire.machine.publish(Message::new("a", "x")), Err(NotTaken::Full));
    wire.connect();
    wire.run();
    assert!(wire.machine.has_room());

    let settings = Settings { queue_bytes: 100, ..Settings::default() };
    let mut wire = Wire::new(ProtocolVersion::V5, settings);
    wire.publish(QoS::AtLeastOnce, "x".repeat(1000));
    assert!(!wire.machine.has_room(), "one is taken whatever its size");
    wire.connect();
    wire.run();
    assert!(wire.machine.has_room());
}

/// A message that the server has taken over (PUBREC) takes no room any more.
#[test]
fn bytes_are_counted_as_long_as_they_are_kept() {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings { queue_bytes: 100, ..Settings::default() });
    wire.connect();
    wire.run();
    for _ in 0..10 {
        wire.publish(QoS::ExactlyOnce, "x".repeat(1000));
        wire.settle();
        assert!(!wire.machine.has_room());
        while wire.carry(Direction::ToServer) {}
        assert!(wire.carry(Direction::ToClient));
        assert!(wire.machine.has_room());
        wire.run();
        assert!(wire.machine.has_room() && wire.machine.is_idle());
    }
}

#[test]
fn what_is_queued_before_there_is_a_connection_goes_out_in_order() {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings::default());
    for n in 0..9u8 {
        wire.publish(QoS::try_from(n % 3).unwrap(), n.to_string());
    }
    wire.connect();
    assert!(wire.completed.is_empty());
    wire.run();
    assert_eq!(wire.server.delivered, (0..9).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(wire.completed.len(), 9);
}

#[test]
fn a_topic_that_is_none_is_refused_at_once() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    for (topic, expected) in [("", TopicError::Empty), ("a/#", TopicError::Wildcard), ("a\0", TopicError::Nul)] {
        assert_eq!(wire.machine.publish(Message::new(topic, "")), Err(NotTaken::Topic(expected)));
    }
}

/// Bytes wait in the machine for as long as nobody takes them, and no more than a bound of them.
#[test]
fn output_is_bounded() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    for _ in 0..1000 {
        wire.machine.publish(Message::new("a", vec![0; 10_000])).unwrap();
    }
    let first = wire.machine.output(wire.now);
    assert!((64 * 1024..80_000).contains(&first.len()), "{}", first.len());
    let mut total = first.len();
    loop {
        while wire.machine.event().is_some() {}
        let more = wire.machine.output(wire.now).len();
        if more == 0 {
            break;
        }
        total += more;
    }
    assert!(total > 10_000_000);
}

#[test]
fn an_alias_goes_with_its_topic_once() {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings::default());
    wire.server.connack.topic_alias_maximum = 2;
    wire.connect();
    wire.run();
    let aliased = |topic: &'static str, alias| Message { alias: NonZeroU16::new(alias), ..Message::new(topic, "x") };
    for message in [aliased("aa", 1), aliased("aa", 1), aliased("bb", 1), aliased("bb", 2), aliased("aa", 3)] {
        wire.machine.publish(message).unwrap();
    }
    wire.settle();
    let expected = [
        &[0x30, 9, 0, 2, b'a', b'a', 3, 0x23, 0, 1, b'x'][..],
        &[0x30, 7, 0, 0, 3, 0x23, 0, 1, b'x'],
        &[0x30, 9, 0, 2, b'b', b'b', 3, 0x23, 0, 1, b'x'],
        &[0x30, 9, 0, 2, b'b', b'b', 3, 0x23, 0, 2, b'x'],
    ];
    assert_eq!(wire.to_server[..], expected.concat());
    let beyond = Err(RequestError::BeyondLimits(ReasonCode::TopicAliasInvalid));
    assert_eq!(wire.completed.values().filter(|outcome| **outcome == beyond).count(), 1);
}

#[test]
fn properties_arrive_as_they_were_given() {
    let properties = MessageProperties {
        payload_format: Some(PayloadFormat::Utf8),
        content_type: Some("text/plain".to_owned()),
        response_topic: Some("answers".to_owned()),
        correlation_data: Some(Bytes::from_static(&[0, 1, 2])),
        user: vec![("k".to_owned(), "1".to_owned()), ("k".to_owned(), "2".to_owned())],
    };
    let raw = properties.encode().unwrap();
    assert_eq!(MessageProperties::decode(&raw), properties);
    // What one machine sends, another receives: PUBLISH looks the same in both directions.
    let mut wire = Wire::connected(ProtocolVersion::V5);
    let message = Message { expiry: Some(9), properties: raw.clone(), retain: true, ..Message::new("a", "body") };
    wire.machine.publish(message).unwrap();
    wire.settle();
    let bytes = wire.to_server.split();
    wire.feed(&bytes);
    let [received] = wire.got.as_slice() else { panic!("{:?}", wire.got) };
    assert_eq!((&*received.topic, &received.payload[..]), ("a", &b"body"[..]));
    assert_eq!((received.expiry, received.retain, received.properties.clone()), (Some(9), true, raw));
    assert_eq!(received.message_properties(), properties);
    for wrong in [
        MessageProperties { response_topic: Some("a/#".to_owned()), ..MessageProperties::default() },
        MessageProperties { content_type: Some("\0".to_owned()), ..MessageProperties::default() },
        MessageProperties { content_type: Some("x".repeat(65_536)), ..MessageProperties::default() },
    ] {
        wrong.encode().unwrap_err();
    }
}

#[test]
fn disconnect_is_the_last_thing_sent() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    wire.publish(QoS::AtLeastOnce, "x");
    wire.settle();
    wire.to_server.clear();
    let packet = mqtt::Disconnect { reason: ReasonCode::DisconnectWithWill, ..Default::default() };
    wire.machine.disconnect(&packet).unwrap();
    wire.publish(QoS::AtLeastOnce, "y");
    wire.settle();
    assert_eq!(wire.to_server[..], [0xe0, 1, 4]);
    assert_eq!(wire.events, [Event::Ended(mqtt::client::End::ByClient)]);
    assert_eq!(wire.machine.disconnect(&packet), Err(NotTaken::NotConnected));
    // The session goes on.
    wire.server.disconnected();
    wire.to_server.clear();
    wire.connect();
    wire.run();
    assert_eq!(wire.server.delivered, ["x", "y"]);
}

/// Section 3.14.2.2.2
#[test]
fn a_session_that_was_to_end_cannot_be_kept_at_the_end() {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings::default());
    wire.connect.session_expiry = None;
    wire.connect();
    wire.run();
    let packet = mqtt::Disconnect { session_expiry: Some(5), ..Default::default() };
    assert_eq!(wire.machine.disconnect(&packet), Err(NotTaken::SessionExpiry));
}
