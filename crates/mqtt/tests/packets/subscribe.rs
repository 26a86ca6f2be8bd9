//! SUBSCRIBE, UNSUBSCRIBE and their answers.

use mqtt::{
    EncodeError, Packet, Peer, ProtocolVersion, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, SubscribeOptions,
    UnsubAck, Unsubscribe, encode,
};

use super::{ALL_VERSIONS, id, one, written};

fn options(qos: QoS) -> SubscribeOptions {
    SubscribeOptions { qos, ..SubscribeOptions::default() }
}

#[test]
fn filters_keep_their_order_and_qos() {
    for version in ALL_VERSIONS {
        let subscribe = Subscribe {
            id: id(10),
            filters: vec![
                ("b/#".into(), options(QoS::ExactlyOnce)),
                ("$share/g/+".into(), options(QoS::AtLeastOnce)),
                ("b/#".into(), options(QoS::AtMostOnce)),
            ],
            identifier: None,
        };
        let bytes = written(|out| encode::subscribe(out, version, &subscribe).unwrap());
        let decoded = one(&bytes, version, Peer::Client);
        assert_eq!(decoded, Ok(Packet::Subscribe(subscribe)));
    }
}

#[test]
fn section_3_8_3_1_every_option() {
    for (bits, no_local, retain_as_published, retain_handling) in [
        (0b0000_0110, true, false, RetainHandling::SendAtSubscribe),
        (0b0001_1010, false, true, RetainHandling::SendIfNew),
        (0b0010_1110, true, true, RetainHandling::DoNotSend),
    ] {
        let subscribe = Subscribe {
            id: id(1),
            filters: vec![(
                "a".into(),
                SubscribeOptions { qos: QoS::ExactlyOnce, no_local, retain_as_published, retain_handling },
            )],
            identifier: Some(128),
        };
        let bytes = written(|out| encode::subscribe(out, ProtocolVersion::V5, &subscribe).unwrap());
        assert_eq!(bytes, [0x82, 10, 0, 1, 3, 11, 0x80, 1, 0, 1, b'a', bits]);
        let decoded = one(&bytes, ProtocolVersion::V5, Peer::Client);
        assert_eq!(decoded, Ok(Packet::Subscribe(subscribe)));
    }
}

#[test]
fn unsubscribe_keeps_its_filters() {
    for version in ALL_VERSIONS {
        let unsubscribe = Unsubscribe { id: id(65_535), filters: vec!["a/+".into(), "$share/g/b".into()] };
        let bytes = written(|out| encode::unsubscribe(out, version, &unsubscribe).unwrap());
        let decoded = one(&bytes, version, Peer::Client);
        assert_eq!(decoded, Ok(Packet::Unsubscribe(unsubscribe)));
    }
}

#[test]
fn mqtt_3_8_3_2_an_empty_list_is_not_written() {
    for version in ALL_VERSIONS {
        let subscribe = Subscribe { id: id(1), filters: Vec::new(), identifier: None };
        let unsubscribe = Unsubscribe { id: id(1), filters: Vec::new() };
        let bytes = written(|out| {
            assert_eq!(encode::subscribe(out, version, &subscribe), Err(EncodeError::EmptyList));
            assert_eq!(encode::unsubscribe(out, version, &unsubscribe), Err(EncodeError::EmptyList));
        });
        assert!(bytes.is_empty());
    }
}

const CODES: [ReasonCode; 4] =
    [ReasonCode::Success, ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized, ReasonCode::GrantedQoS1];

#[test]
fn mqtt_3_9_3_1_suback_has_a_code_per_filter() {
    let bytes = written(|out| encode::suback(out, ProtocolVersion::V5, id(3), &CODES, Some("no")));
    let expected = SubAck { id: id(3), codes: CODES.to_vec(), reason_string: Some("no".into()) };
    let decoded = one(&bytes, ProtocolVersion::V5, Peer::Server);
    assert_eq!(decoded, Ok(Packet::SubAck(expected)));
}

#[test]
fn mqtt_3_9_3_2_before_version_5_a_failure_is_0x80() {
    for version in [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1] {
        let bytes = written(|out| encode::suback(out, version, id(3), &CODES, Some("no")));
        assert_eq!(bytes, [0x90, 6, 0, 3, 0, 2, 0x80, 1]);
    }
}

#[test]
fn mqtt_3_11_3_1_unsuback_has_a_code_per_filter() {
    let codes = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
    let bytes = written(|out| encode::unsuback(out, ProtocolVersion::V5, id(3), &codes, None));
    assert_eq!(bytes, [0xB0, 5, 0, 3, 0, 0, 0x11]);
    let expected = UnsubAck { id: id(3), codes: codes.to_vec(), reason_string: None };
    let decoded = one(&bytes, ProtocolVersion::V5, Peer::Server);
    assert_eq!(decoded, Ok(Packet::UnsubAck(expected)));
    for version in [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1] {
        let bytes = written(|out| encode::unsuback(out, version, id(3), &codes, Some("no")));
        assert_eq!(bytes, [0xB0, 2, 0, 3]);
    }
}

#[test]
fn mqtt_3_9_3_2_a_foreign_code_is_sent_as_unspecified() {
    let codes = [ReasonCode::SessionTakenOver];
    let suback = written(|out| encode::suback(out, ProtocolVersion::V5, id(1), &codes, None));
    assert_eq!(suback.last(), Some(&0x80));
    let unsuback = written(|out| encode::unsuback(out, ProtocolVersion::V5, id(1), &codes, None));
    assert_eq!(unsuback.last(), Some(&0x80));
}

#[test]
fn a_reason_string_too_long_is_clipped_at_a_character() {
    let long = "ü".repeat(40_000);
    let bytes = written(|out| {
        encode::suback(out, ProtocolVersion::V5, id(1), &[ReasonCode::Success], Some(&long));
    });
    match one(&bytes, ProtocolVersion::V5, Peer::Server) {
        Ok(Packet::SubAck(suback)) => assert_eq!(suback.reason_string.unwrap().len(), 65_534),
        other => panic!("{other:?}"),
    }
}

#[test]
fn more_than_a_packet_holds_is_not_written() {
    let long = "x".repeat(65_000);
    let unsubscribe = Unsubscribe { id: id(1), filters: vec![long; 4200] };
    let bytes = written(|out| {
        assert_eq!(encode::unsubscribe(out, ProtocolVersion::V5, &unsubscribe), Err(EncodeError::PacketTooLarge));
    });
    assert!(bytes.is_empty());
}
