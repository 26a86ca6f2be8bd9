//! Clients that want to hurt: they are refused, and nobody else notices.

use crate::broker::Broker;
use crate::wire::{CONNACK, PUBREL, SUBACK, SUBSCRIBE, Socket, connect, field, packet};

fn connected(broker: &Broker, client_id: &str) -> Socket {
    let mut socket = Socket::open(broker);
    socket.send(&connect(client_id, &[]));
    let (kind, body) = socket.packet();
    assert_eq!((kind, body[1]), (CONNACK, 0));
    socket
}

fn subscribe(filters: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut body = vec![0, 1, 0];
    for filter in filters {
        body.extend(field(&filter));
        body.push(0);
    }
    packet(SUBSCRIBE, &body)
}

/// The exchange is counted once, whatever order its packets come in.
#[test]
fn a_pubrel_before_its_pubrec_ends_the_connection() {
    let broker = Broker::start(None);
    for _ in 0..20 {
        let mut socket = connected(&broker, "early");
        // Retained, so that PUBREC waits for a partition.
        let mut bytes = packet(0x35, b"\x00\x01t\x00\x01\x00x");
        bytes.extend(packet(PUBREL, &[0, 1]));
        socket.send(&bytes);
        socket.expect_disconnect(0x82);
    }
    connected(&broker, "other").expect_ping();
}

/// More QoS 0 publishes wait for a partition than a request has numbers.
#[test]
fn a_flood_of_retained_qos_0_mixes_with_requests() {
    let broker = Broker::start(None);
    let mut socket = connected(&broker, "flood");
    let publish = packet(0x31, b"\x00\x01t\x00x");
    for _ in 0..5 {
        let mut bytes = publish.repeat(40_000);
        bytes.extend(subscribe([b"s".to_vec()].into_iter()));
        socket.send(&bytes);
        let (kind, body) = socket.packet();
        assert_eq!((kind, body), (SUBACK, vec![0, 1, 0, 0]));
    }
    socket.expect_ping();
}

/// Each filter makes a command with the client id in it, at each partition.
#[test]
fn a_long_client_id_and_many_filters_are_refused_for_their_product() {
    let broker = Broker::start(None);
    let mut socket = connected(&broker, &"c".repeat(65_535));
    socket.send(&subscribe((0..1000).map(|n| format!("{n}/#").into_bytes())));
    let (kind, body) = socket.packet();
    assert_eq!((kind, body.len()), (SUBACK, 3 + 1000));
    assert!(body[3..].iter().all(|code| *code == 0x97), "{:02x?}", &body[..10]);
    socket.send(&subscribe((0..10).map(|n| format!("{n}/#").into_bytes())));
    assert_eq!(socket.packet(), (SUBACK, [vec![0, 1, 0], vec![0; 10]].concat()));
}

#[test]
fn more_filters_than_a_request_has_parts_end_the_connection() {
    let broker = Broker::start(None);
    let mut socket = connected(&broker, "many");
    socket.send(&subscribe((0..65_536).map(|_| b"f".to_vec())));
    let (kind, body) = socket.packet();
    assert_eq!((kind, body.len()), (SUBACK, 3 + 65_536));
    socket.send(&subscribe((0..65_537).map(|_| b"f".to_vec())));
    socket.expect_disconnect(0x97);
}

/// MQTT-3.1.2-24: a client that takes no more than 20 bytes gets no longer answer.
#[test]
fn an_answer_longer_than_the_client_takes_is_not_sent() {
    let broker = Broker::start(None);
    let mut socket = Socket::open(&broker);
    socket.send(&connect("s", b"\x27\x00\x00\x00\x14"));
    assert_eq!(socket.packet().0, CONNACK);
    socket.send(&subscribe((0..15).map(|n| format!("{n}").into_bytes())));
    assert_eq!(socket.packet().1.len(), 18);
    socket.send(&subscribe((0..16).map(|n| format!("{n}").into_bytes())));
    socket.expect_disconnect(0x95);
}

/// What is unread when the server closes does not take its last packet away.
#[test]
fn the_reason_arrives_although_the_client_goes_on_sending() {
    let broker = Broker::start(None);
    for _ in 0..20 {
        let mut socket = connected(&broker, "stubborn");
        let mut bytes = packet(0x30, b"\x00\x01#\x00");
        bytes.extend(packet(0x30, b"\x00\x01t\x00x").repeat(20_000));
        socket.send(&bytes);
        socket.expect_disconnect(0x90);
    }
}
