//! CONNECT and its answers.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use mqtt::client::{Breach, ConnectError, End, Event, Settings};
use mqtt::{ConnAck, ProtocolVersion, QoS, ReasonCode, encode};

use super::wire::Wire;

fn connack(wire: &mut Wire, version: ProtocolVersion, connack: &ConnAck) {
    let mut bytes = bytes::BytesMut::new();
    encode::connack(&mut bytes, version, connack);
    wire.feed(&bytes);
}

#[test]
fn connack_says_what_the_server_can_and_defaults_fill_the_rest() {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings::default());
    wire.connect.keep_alive = 60;
    wire.connect();
    let answer = ConnAck {
        receive_maximum: NonZeroU16::new(7),
        maximum_qos: Some(QoS::AtLeastOnce),
        maximum_packet_size: NonZeroU32::new(1000),
        assigned_client_id: Some("assigned".to_owned()),
        server_keep_alive: Some(20),
        shared_subscription_available: Some(false),
        response_information: Some("answers".to_owned()),
        ..ConnAck::default()
    };
    connack(&mut wire, ProtocolVersion::V5, &answer);
    let [Event::Connected(accepted)] = wire.events.as_slice() else { panic!("{:?}", wire.events) };
    assert_eq!((accepted.client_id.as_str(), accepted.keep_alive), ("assigned", 20));
    assert_eq!((accepted.session_expiry, accepted.session_present), (1000, false));
    assert_eq!(accepted.response_information.as_deref(), Some("answers"));
    let limits = &accepted.limits;
    assert_eq!((limits.receive_maximum.get(), limits.maximum_qos), (7, QoS::AtLeastOnce));
    assert_eq!((limits.maximum_packet_size, limits.topic_alias_maximum), (1000, 0));
    assert!(limits.retain_available && limits.wildcard_subscriptions && !limits.shared_subscriptions);
}

#[test]
fn a_refusal_ends_the_connection_with_its_reason() {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings::default());
    wire.connect();
    let text = Some("no entry".to_owned());
    let refusal = ConnAck { reason: ReasonCode::NotAuthorized, reason_string: text.clone(), ..ConnAck::default() };
    connack(&mut wire, ProtocolVersion::V5, &refusal);
    let end = End::Refused { reason: ReasonCode::NotAuthorized, reason_string: text, server_reference: None };
    assert_eq!(wire.events, [Event::Ended(end)]);

    let mut wire = Wire::new(ProtocolVersion::V3_1_1, Settings::default());
    wire.connect();
    wire.feed(&[0x20, 2, 0, 4]);
    let reason = ReasonCode::BadUserNameOrPassword;
    let end = End::Refused { reason, reason_string: None, server_reference: None };
    assert_eq!(wire.events, [Event::Ended(end)]);
}

/// MQTT-3.2.2-4
#[test]
fn a_session_where_a_clean_start_was_asked_for_is_a_breach() {
    let mut wire = Wire::new(ProtocolVersion::V3_1_1, Settings::default());
    wire.connect.clean_start = true;
    wire.connect();
    wire.feed(&[0x20, 2, 1, 0]);
    assert_eq!(wire.events, [Event::Ended(End::Breach(Breach::SessionPresent))]);
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings::default());
    wire.connect();
    assert_eq!(wire.machine.deadline(), Some(wire.now + Duration::from_secs(30)));
    wire.pass(Duration::from_secs(29));
    assert_eq!(wire.events, []);
    wire.pass(Duration::from_secs(1));
    assert_eq!(wire.events, [Event::Ended(End::NoAnswer)]);
    assert_eq!(wire.machine.deadline(), None);
}

/// MQTT-3.2.0-1
#[test]
fn nothing_comes_before_connack() {
    for packet in [&[0xd0, 0][..], &[0x30, 3, 0, 1, b'a'], &[0xe0, 0], &[0x40, 2, 0, 1]] {
        let mut wire = Wire::new(ProtocolVersion::V5, Settings::default());
        wire.connect();
        wire.to_server.clear();
        wire.feed(packet);
        assert!(matches!(wire.events.as_slice(), [Event::Ended(End::Breach(_))]), "{packet:?}: {:?}", wire.events);
        assert!(wire.to_server.is_empty(), "nothing is said to a server that did not accept");
    }
}

#[test]
fn there_is_one_connection_at_a_time() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    assert_eq!(wire.machine.connect(&wire.connect, wire.now), Err(ConnectError::Connected));
    wire.cut();
    wire.connect();
    wire.run();
    let [Event::Ended(End::Closed), Event::Connected(accepted)] = wire.events.as_slice() else {
        panic!("{:?}", wire.events)
    };
    assert!(accepted.session_present);
}

/// MQTT-3.1.2-20, MQTT-3.1.2-21
#[test]
fn a_quiet_connection_is_kept_alive_at_the_servers_pace() {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings::default());
    wire.connect.keep_alive = 600;
    wire.server.connack.server_keep_alive = Some(10);
    wire.connect();
    wire.run();
    wire.pass(Duration::from_secs(9));
    assert!(wire.to_server.is_empty());
    wire.pass(Duration::from_secs(1));
    assert_eq!(wire.to_server[..], [0xc0, 0]);
    wire.run();
    wire.pass(Duration::from_secs(9));
    assert!(wire.to_server.is_empty());
    wire.pass(Duration::from_secs(1));
    // The server is gone now.
    wire.to_server.clear();
    wire.events.clear();
    wire.pass(Duration::from_secs(30));
    assert_eq!(wire.events, [Event::Ended(End::KeepAlive)]);
}
