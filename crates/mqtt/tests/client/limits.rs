//! What the server announced in CONNACK is kept.

use std::num::NonZeroU32;

use mqtt::client::{Message, RequestError, Settings};
use mqtt::{ProtocolVersion, QoS, ReasonCode};

use super::wire::Wire;

fn wire() -> Wire {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings::default());
    wire.server.connack.maximum_qos = Some(QoS::AtLeastOnce);
    wire.server.connack.retain_available = Some(false);
    wire.server.connack.maximum_packet_size = NonZeroU32::new(40);
    wire
}

#[test]
fn what_goes_beyond_fails_and_is_not_sent() {
    let mut wire = wire();
    wire.connect();
    wire.run();
    let cases = [
        (Message { qos: QoS::ExactlyOnce, ..Message::new("a", "") }, ReasonCode::QoSNotSupported),
        (Message { retain: true, ..Message::new("a", "") }, ReasonCode::RetainNotSupported),
        (Message::new("a", "x".repeat(40)), ReasonCode::PacketTooLarge),
    ];
    for (message, reason) in cases {
        let token = wire.machine.publish(message).unwrap();
        wire.settle();
        assert_eq!(wire.completed[&token], Err(RequestError::BeyondLimits(reason)));
    }
    assert!(wire.to_server.is_empty());
    let fits = wire.machine.publish(Message { qos: QoS::AtLeastOnce, ..Message::new("a", "x".repeat(32)) }).unwrap();
    wire.settle();
    assert_eq!(wire.to_server.len(), 40);
    wire.run();
    assert_eq!(wire.completed[&fits], Ok(ReasonCode::Success));
}

#[test]
fn a_server_that_comes_back_with_less_is_not_sent_more() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    let token = wire.publish(QoS::ExactlyOnce, "x");
    wire.settle();
    wire.cut();
    wire.server.connack.maximum_qos = Some(QoS::AtLeastOnce);
    wire.connect();
    wire.run();
    assert_eq!(wire.completed[&token], Err(RequestError::BeyondLimits(ReasonCode::QoSNotSupported)));
    assert!(wire.machine.is_idle());
}

/// A window that is smaller after a reconnect than what is in flight.
#[test]
fn a_smaller_window_is_kept_when_messages_are_sent_again() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    for n in 0..10 {
        wire.publish(QoS::ExactlyOnce, n.to_string());
    }
    wire.settle();
    wire.cut();
    wire.server.connack.receive_maximum = std::num::NonZeroU16::new(2);
    wire.connect();
    wire.run();
    assert_eq!(wire.server.delivered, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(wire.completed.len(), 10);
}
