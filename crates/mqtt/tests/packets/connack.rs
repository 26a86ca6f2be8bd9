//! CONNACK and the return codes it becomes.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;
use mqtt::{Authentication, ConnAck, Packet, Peer, ProtocolVersion, QoS, ReasonCode, encode};

use super::{one, written};

fn round(connack: &ConnAck, version: ProtocolVersion) -> ConnAck {
    let bytes = written(|out| encode::connack(out, version, connack));
    match one(&bytes, version, Peer::Server) {
        Ok(Packet::ConnAck(decoded)) => *decoded,
        other => panic!("{other:?}"),
    }
}

#[test]
fn version_5_in_full() {
    let connack = ConnAck {
        session_present: true,
        reason: ReasonCode::Success,
        session_expiry: Some(0),
        receive_maximum: NonZeroU16::new(10),
        maximum_qos: Some(QoS::AtLeastOnce),
        retain_available: Some(false),
        maximum_packet_size: NonZeroU32::new(1),
        assigned_client_id: Some("auto-1".into()),
        topic_alias_maximum: 9,
        reason_string: Some("welcome".into()),
        wildcard_subscription_available: Some(true),
        subscription_identifiers_available: Some(false),
        shared_subscription_available: Some(true),
        server_keep_alive: Some(0),
        response_information: Some("r".into()),
        server_reference: Some("s".into()),
        authentication: Some(Authentication { method: "m".into(), data: Some(Bytes::from_static(b"d")) }),
    };
    assert_eq!(round(&connack, ProtocolVersion::V5), connack);
    assert_eq!(round(&ConnAck::default(), ProtocolVersion::V5), ConnAck::default());
}

#[test]
fn maximum_qos_2_is_not_written() {
    let connack = ConnAck { maximum_qos: Some(QoS::ExactlyOnce), ..ConnAck::default() };
    let bytes = written(|out| encode::connack(out, ProtocolVersion::V5, &connack));
    assert_eq!(bytes, [0x20, 3, 0, 0, 0]);
}

#[test]
fn mqtt_3_2_2_6_a_refusal_has_no_session() {
    let connack = ConnAck { session_present: true, reason: ReasonCode::Banned, ..ConnAck::default() };
    let bytes = written(|out| encode::connack(out, ProtocolVersion::V5, &connack));
    assert_eq!(bytes, [0x20, 3, 0, 0x8A, 0]);
}

#[test]
fn before_version_5_reasons_become_return_codes() {
    let table = [
        (ReasonCode::Success, 0),
        (ReasonCode::UnsupportedProtocolVersion, 1),
        (ReasonCode::ClientIdentifierNotValid, 2),
        (ReasonCode::ServerUnavailable, 3),
        (ReasonCode::QuotaExceeded, 3),
        (ReasonCode::BadUserNameOrPassword, 4),
        (ReasonCode::NotAuthorized, 5),
    ];
    for (reason, code) in table {
        let connack = ConnAck { reason, receive_maximum: NonZeroU16::new(1), ..ConnAck::default() };
        for version in [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1] {
            let bytes = written(|out| encode::connack(out, version, &connack));
            assert_eq!(bytes, [0x20, 2, 0, code]);
        }
    }
}

#[test]
fn mqtt_3_2_2_2_session_present_exists_from_3_1_1_on() {
    let connack = ConnAck { session_present: true, ..ConnAck::default() };
    let flags = |version| written(|out| encode::connack(out, version, &connack))[2];
    assert_eq!(flags(ProtocolVersion::V3_1), 0);
    assert_eq!(flags(ProtocolVersion::V3_1_1), 1);
    assert_eq!(flags(ProtocolVersion::V5), 1);
}
