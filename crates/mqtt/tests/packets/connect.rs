//! CONNECT of all versions.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;
use mqtt::{Authentication, Connect, EncodeError, Packet, Peer, ProtocolVersion, QoS, Violation, Will, encode};

use super::{ALL_VERSIONS, one, written};

/// The version given to `decode` must not matter.
fn round(connect: &Connect) -> Connect {
    let bytes = written(|out| encode::connect(out, connect).unwrap());
    match one(&bytes, ProtocolVersion::V3_1_1, Peer::Client) {
        Ok(Packet::Connect(decoded)) => *decoded,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bare_connect_asks_for_nothing() {
    for version in ALL_VERSIONS {
        let connect = Connect::new(version, "me");
        assert_eq!(round(&connect), connect);
    }
}

fn will() -> Will {
    Will {
        topic: "last/will".into(),
        payload: Bytes::from_static(&[0, 255]),
        qos: QoS::ExactlyOnce,
        retain: true,
        delay: 0,
        expiry: None,
        properties: Vec::new(),
    }
}

#[test]
fn mqtt_3_1_3_1_will_user_name_and_password_in_order() {
    for version in ALL_VERSIONS {
        let connect = Connect {
            clean_start: false,
            keep_alive: 65_535,
            will: Some(will()),
            username: Some("ü".into()),
            password: Some(Bytes::from_static(&[0xff, 0])),
            ..Connect::new(version, "me")
        };
        assert_eq!(round(&connect), connect);
    }
}

#[test]
fn version_5_in_full() {
    let connect = Connect {
        will: Some(Will {
            delay: 5,
            expiry: Some(0),
            properties: vec![1, 1, 38, 0, 1, b'a', 0, 1, b'b', 38, 0, 1, b'a', 0, 1, b'a'],
            ..will()
        }),
        password: Some(Bytes::from_static(b"without a user name")),
        session_expiry: Some(u32::MAX),
        receive_maximum: NonZeroU16::new(1),
        maximum_packet_size: NonZeroU32::new(1),
        topic_alias_maximum: 65_535,
        request_response_information: true,
        request_problem_information: false,
        user_properties: vec![("b".into(), "1".into()), ("a".into(), String::new())],
        authentication: Some(Authentication { method: "SCRAM".into(), data: Some(Bytes::from_static(b"\0")) }),
        ..Connect::new(ProtocolVersion::V5, "")
    };
    assert_eq!(round(&connect), connect);
}

/// The reason code alone does not tell these apart.
#[test]
fn violations_name_their_clause() {
    let table: [(&[u8], Violation); 7] = [
        (b"\x10\x0d\0\x04MQTT\x05\x03\0\0\0\0\0", Violation::ConnectReservedFlag),
        (b"\x10\x0d\0\x04MQTT\x05\x0a\0\0\0\0\0", Violation::WillFlags),
        (b"\x10\x0d\0\x04MQTT\x05\x1e\0\0\0\0\0", Violation::WillQoS),
        (b"\x10\x0c\0\x04MQTT\x04\x00\0\0\0\0", Violation::ClientIdentifier),
        (b"\x10\x0c\0\x04MQTT\x04\x42\0\0\0\0", Violation::PasswordWithoutUsername),
        (b"\x10\x0c\0\x04MQTT\x07\x02\0\0\0\0", Violation::UnsupportedProtocolVersion { level: 7 }),
        (b"\x10\x0c\0\x04MQTX\x04\x02\0\0\0\0", Violation::ProtocolName),
    ];
    for (bytes, violation) in table {
        assert_eq!(one(bytes, ProtocolVersion::V5, Peer::Client), Err(violation));
    }
}

#[test]
fn the_version_of_a_refused_connect_is_known() {
    let body = b"\0\x04MQTT\x05\x03";
    assert_eq!(ProtocolVersion::of_connect(body), Ok(ProtocolVersion::V5));
    assert_eq!(ProtocolVersion::of_connect(b"\0\x06MQIsdp\x03"), Ok(ProtocolVersion::V3_1));
    assert_eq!(ProtocolVersion::of_connect(b"\0\x04MQ"), Err(Violation::Truncated));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let connect = Connect::new(ProtocolVersion::V5, "x".repeat(65_536));
    let bytes = written(|out| {
        assert_eq!(encode::connect(out, &connect), Err(EncodeError::Field));
    });
    assert!(bytes.is_empty());
}

#[test]
fn secrets_are_not_printed() {
    let connect = Connect {
        password: Some(Bytes::from_static(b"hunter2")),
        authentication: Some(Authentication { method: "m".into(), data: Some(Bytes::from_static(b"hunter2")) }),
        ..Connect::new(ProtocolVersion::V5, "me")
    };
    let printed = format!("{connect:?} {:?}", connect.authentication);
    assert!(!printed.contains("hunter2") && printed.contains("me"));
}
