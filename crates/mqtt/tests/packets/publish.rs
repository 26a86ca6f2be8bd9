//! PUBLISH in both directions.

use std::num::NonZeroU16;

use mqtt::{Delivery, Packet, Peer, ProtocolVersion, Publish, PublishHead, QoS, Violation, encode, user_properties_of};

use super::{ALL_VERSIONS, id, one, written};

fn publish(bytes: &[u8], version: ProtocolVersion, from: Peer) -> Publish<'_> {
    match one(bytes, version, from) {
        Ok(Packet::Publish(publish)) => publish,
        other => panic!("{other:?}"),
    }
}

#[test]
fn mqtt_3_3_1_flags_and_identifier() {
    for version in ALL_VERSIONS {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            for (dup, retain) in [(false, false), (false, true), (true, false), (true, true)] {
                let head = PublishHead {
                    topic: "a/b",
                    qos,
                    dup,
                    retain,
                    id: Some(id(0x1234)),
                    payload: b"hello",
                    ..PublishHead::default()
                };
                let bytes = written(|out| {
                    encode::publish(out, version, &head);
                });
                let decoded = publish(&bytes, version, Peer::Client);
                assert_eq!(decoded.topic, "a/b");
                assert_eq!(decoded.payload, b"hello");
                assert_eq!(decoded.retain, retain);
                let expected = match qos {
                    QoS::AtMostOnce => Delivery::AtMostOnce,
                    QoS::AtLeastOnce => Delivery::AtLeastOnce { id: id(0x1234), dup },
                    QoS::ExactlyOnce => Delivery::ExactlyOnce { id: id(0x1234), dup },
                };
                assert_eq!(decoded.delivery, expected);
                assert_eq!(decoded.delivery.qos(), qos);
            }
        }
    }
}

const ALL_PROPERTIES: &[u8] = &[
    1, 1, // payload format
    35, 0, 7, // alias
    38, 0, 1, b'k', 0, 1, b'v', // user property
    2, 0, 0, 0, 60, // expiry
    3, 0, 1, b'c', 8, 0, 1, b'r', 9, 0, 1, 0, // content type, response topic, correlation data
    38, 0, 1, b'k', 0, 1, b'w', // user property
];

fn with_properties(list: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x30, (list.len() + 5) as u8, 0, 1, b't', list.len() as u8];
    bytes.extend_from_slice(list);
    bytes.push(b'!');
    bytes
}

#[test]
fn mqtt_3_3_2_17_forwarded_properties_keep_their_bytes_and_order() {
    let bytes = with_properties(ALL_PROPERTIES);
    let decoded = publish(&bytes, ProtocolVersion::V5, Peer::Client);
    assert_eq!(decoded.alias, NonZeroU16::new(7));
    assert_eq!(decoded.expiry, Some(60));
    let slices = decoded.properties.slices();
    assert_eq!(slices[0], &ALL_PROPERTIES[..2]);
    assert_eq!(slices[1], &ALL_PROPERTIES[5..12]);
    assert_eq!(slices[2], &ALL_PROPERTIES[17..]);
    assert_eq!(decoded.properties.len(), ALL_PROPERTIES.len() - 8);
    let mut copied = Vec::new();
    decoded.properties.copy_to(&mut copied);
    assert_eq!(copied, slices.concat());
    assert_eq!(decoded.properties.user_property("k"), Some("v"));
    assert_eq!(decoded.properties.user_property("x"), None);
    let all = [("k", "v"), ("k", "w")];
    assert!(decoded.properties.user_properties().eq(all));
    assert!(user_properties_of(&copied).eq(all));
    assert_eq!(decoded.payload, b"!");
}

#[test]
fn a_servers_subscription_identifiers_are_taken_out_wherever_they_stand() {
    let list = [
        11, 1, 38, 0, 1, b'a', 0, 1, b'1', 11, 2, 1, 0, 11, 0x80, 1, 38, 0, 1, b'b', 0, 1, b'2', 35, 0, 1, 3, 0, 1,
        b'c', 11, 4,
    ];
    let bytes = with_properties(&list);
    let decoded = publish(&bytes, ProtocolVersion::V5, Peer::Server);
    assert_eq!(decoded.subscription_ids[..], [1, 2, 128, 4]);
    let expected = [&list[2..9], &list[11..13], &list[16..23], &list[26..30]].concat();
    assert_eq!(decoded.properties.slices().concat(), expected);
    assert_eq!(decoded.properties.len(), expected.len());
    assert_eq!(decoded.properties.user_property("b"), Some("2"));
    assert_eq!(
        one(&bytes, ProtocolVersion::V5, Peer::Client),
        Err(Violation::SubscriptionIdentifierFromClient),
        "MQTT-3.3.4-6"
    );
}

#[test]
fn mqtt_3_3_2_8_alias_stands_for_the_topic() {
    let bytes = [0x30, 6, 0, 0, 3, 35, 0, 9];
    let decoded = publish(&bytes, ProtocolVersion::V5, Peer::Client);
    assert_eq!((decoded.topic, decoded.alias), ("", NonZeroU16::new(9)));
    assert!(decoded.properties.is_empty());
}

#[test]
fn an_encoded_publish_is_patched_and_its_length_known() {
    let properties: [&[u8]; 2] = [&[1, 1], &[3, 0, 1, b'c']];
    for version in ALL_VERSIONS {
        for payload_len in [0, 100, 200, 20_000, 3_000_000] {
            let payload = vec![b'x'; payload_len];
            let head = PublishHead {
                topic: "some/topic",
                qos: QoS::AtLeastOnce,
                expiry: Some(1),
                alias: NonZeroU16::new(3),
                subscription_ids: &[1, 300, 268_435_455],
                properties: &properties,
                payload: &payload,
                ..PublishHead::default()
            };
            let mut place = None;
            let mut bytes = written(|out| place = Some(encode::publish(out, version, &head)));
            let place = place.unwrap();
            assert_eq!(place.start, 6);
            assert_eq!(place.len, bytes.len());
            assert_eq!(place.len, encode::publish_len(version, &head));
            let id_at = place.id_at.unwrap();
            bytes[id_at..id_at + 2].copy_from_slice(&0xABCDu16.to_be_bytes());
            let decoded = publish(&bytes, version, Peer::Server);
            assert_eq!(decoded.delivery.id(), Some(id(0xABCD)));
            assert_eq!(decoded.payload.len(), payload_len);
            if version.is_v5() {
                assert_eq!(decoded.subscription_ids[..], [1, 300, 268_435_455]);
                assert_eq!(decoded.properties.slices().concat(), properties.concat());
                assert_eq!((decoded.expiry, decoded.alias), (Some(1), NonZeroU16::new(3)));
            }
        }
    }
}

#[test]
fn mqtt_3_3_1_2_dup_is_not_written_with_qos_0() {
    let head = PublishHead { topic: "t", dup: true, ..PublishHead::default() };
    let bytes = written(|out| {
        let place = encode::publish(out, ProtocolVersion::V5, &head);
        assert_eq!(place.id_at, None);
    });
    assert_eq!(bytes, [0x30, 4, 0, 1, b't', 0]);
}
