//! Messages and their acknowledgements while a connection stands.

use mqtt::client::{Acknowledged, End, Event, Taken};
use mqtt::{Disconnect, ProtocolVersion, QoS, ReasonCode};

use super::wire::{Acknowledge, Wire};

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::V3_1_1, ProtocolVersion::V5];

#[test]
fn every_quality_arrives_once_and_is_acknowledged() {
    for version in VERSIONS {
        for acknowledge in [Acknowledge::AtOnce, Acknowledge::LateAndBackwards] {
            let mut wire = Wire::connected(version);
            wire.acknowledge = acknowledge;
            for n in 0..12u8 {
                wire.server.publish(QoS::try_from(n % 3).unwrap(), n.to_string());
            }
            wire.run();
            assert_eq!(wire.got_bodies(), (0..12).map(|n| n.to_string()).collect::<Vec<_>>());
            assert!(wire.server.is_idle());
            assert!(wire.got.iter().all(|got| got.receipt.is_some() == (got.qos != QoS::AtMostOnce)));
        }
    }
}

/// MQTT-4.6.0-2, MQTT-4.6.0-3
#[test]
fn acknowledgements_leave_in_the_order_of_receipt() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    wire.acknowledge = Acknowledge::Never;
    for (first, id) in [(0x32, 1), (0x34, 2), (0x32, 3), (0x34, 4)] {
        wire.feed(&[first, 6, 0, 1, b'a', 0, id, 0]);
    }
    let receipts: Vec<_> = wire.got.iter().map(|got| got.receipt.unwrap()).collect();
    for late in [3, 1, 2] {
        assert_eq!(wire.machine.acknowledge(receipts[late], ReasonCode::Success), Acknowledged::Taken);
        wire.settle();
        assert!(wire.to_server.is_empty(), "the first one is not done");
    }
    wire.machine.acknowledge(receipts[0], ReasonCode::Success);
    wire.settle();
    assert_eq!(wire.to_server[..], [0x40, 2, 0, 1, 0x50, 2, 0, 2, 0x40, 2, 0, 3, 0x50, 2, 0, 4]);
    assert_eq!(wire.machine.acknowledge(receipts[0], ReasonCode::Success), Acknowledged::Stale);
}

#[test]
fn a_message_can_be_refused() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    wire.acknowledge = Acknowledge::Never;
    wire.feed(&[0x32, 6, 0, 1, b'a', 0, 1, 0]);
    wire.feed(&[0x34, 6, 0, 1, b'a', 0, 2, 0]);
    for got in wire.got.clone() {
        wire.machine.acknowledge(got.receipt.unwrap(), ReasonCode::QuotaExceeded);
    }
    wire.settle();
    assert_eq!(wire.to_server[..], [0x40, 3, 0, 1, 0x97, 0x50, 3, 0, 2, 0x97]);
    // The identifier is free at once (section 4.3.3).
    wire.feed(&[0x34, 6, 0, 1, b'a', 0, 2, 0]);
    assert_eq!(wire.got.len(), 3);
}

/// MQTT-4.3.3-10
#[test]
fn a_repeated_qos_2_message_is_the_same_message() {
    let mut wire = Wire::connected(ProtocolVersion::V3_1_1);
    wire.feed(&[0x34, 5, 0, 1, b'a', 0, 2]);
    wire.feed(&[0x3c, 5, 0, 1, b'a', 0, 2]);
    assert_eq!(wire.got.len(), 1);
    assert_eq!(wire.to_server[..], [0x50, 2, 0, 2, 0x50, 2, 0, 2]);
    wire.feed(&[0x62, 2, 0, 2]);
    wire.feed(&[0x34, 5, 0, 1, b'a', 0, 2]);
    assert_eq!(wire.got.len(), 2, "after PUBREL the identifier names a new one");
}

#[test]
fn the_servers_last_words_are_kept() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    wire.feed(&[0xe0, 9, 0x8e, 7, 0x1f, 0, 4, b'g', b'o', b'n', b'e']);
    let packet = Disconnect {
        reason: ReasonCode::SessionTakenOver,
        reason_string: Some("gone".to_owned()),
        ..Disconnect::default()
    };
    assert_eq!(wire.events, [Event::Ended(End::ByServer(packet))]);
    assert!(wire.to_server.is_empty());
}

#[test]
fn packets_come_in_any_pieces() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    let mut buffer = bytes::BytesMut::new();
    let large = [&[0x30, 0x84, 0x4e, 0, 1, b'a', 0][..], &[7; 9984]].concat();
    for byte in [&[0x30, 5, 0, 1, b'a', 0, b'x'][..], &large, &[0x30, 5, 0, 1, b'b', 0, b'y']].concat() {
        buffer.extend_from_slice(&[byte]);
        assert_eq!(wire.machine.receive(&mut buffer, wire.now), Taken::All);
    }
    wire.settle();
    assert_eq!(wire.got.iter().map(|got| got.payload.len()).collect::<Vec<_>>(), [1, 9984, 1]);
}

/// Neither events nor answers pile up without a bound when nobody takes them.
#[test]
fn input_is_taken_as_far_as_there_is_room() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    let mut buffer = bytes::BytesMut::new();
    (0..1000).for_each(|_| buffer.extend_from_slice(&[0x30, 5, 0, 1, b'a', 0, b'x']));
    let before = buffer.len();
    assert_eq!(wire.machine.receive(&mut buffer, wire.now), Taken::Rest);
    assert_eq!(before - buffer.len(), 256 * 7);
    assert_eq!(wire.machine.receive(&mut buffer, wire.now), Taken::Rest);
    assert_eq!(before - buffer.len(), 256 * 7, "nothing more until events are taken");
    wire.settle();
    while wire.machine.receive(&mut buffer, wire.now) == Taken::Rest {
        wire.settle();
    }
    wire.settle();
    assert_eq!(wire.got.len(), 1000);
}
