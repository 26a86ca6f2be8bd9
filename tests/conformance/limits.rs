//! Receive maximum and maximum packet size, both ways.

use causeway_tests::{
    Ack, AckKind, Broker, Connect, Packet, Props, Publish, Settings, Version, Will, both, fresh, prop,
};

const V: Version = Version::V5;

both! {
    /// A packet longer than the broker allows ends the connection; the will says it was no normal end.
    fn packets_beyond_the_brokers_maximum_close(v) {
        let broker = Broker::start(Settings::new().set("--max-packet-size", 1024));
        let topic = fresh("large/will");
        let mut witness = broker.client(v);
        witness.subscribe(&topic, 0);
        let mut client = broker.connect(&Connect::fresh(v).will(Will::new(&topic, "too large")));
        client.publish(Publish::new("small", vec![0; 900]).qos(1));
        let _ = client.try_send(&Publish::new("large", vec![0; 1100]).qos(1).packet_id(9).encode(v));
        client.expect_disconnect(0x95);
        assert_eq!(witness.take().payload, b"too large");
    }

    /// Exactly the limit is within it.
    fn packets_of_exactly_the_maximum_pass(v) {
        let broker = Broker::start(Settings::new().set("--max-packet-size", 1024));
        let mut client = broker.client(v);
        let empty = Publish::new("edge", "").qos(1).packet_id(1).encode(v).len() + 1;
        let fits = Publish::new("edge", vec![1; 1024 - empty]).qos(1).packet_id(1);
        assert_eq!(fits.encode(v).len(), 1024);
        client.send_publish(fits);
        client.expect_ack(AckKind::PubAck, 1);
    }

    /// Nothing is read, let alone reserved, beyond the header of a packet that is too large.
    fn a_huge_length_is_refused_before_its_body(v) {
        let broker = Broker::start(Settings::new().set("--max-packet-size", 100_000));
        let before = broker.resident();
        let mut clients: Vec<_> = (0..10).map(|_| broker.client(v)).collect();
        for client in &mut clients {
            client.send(&[0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b'a']);
            client.expect_disconnect(0x95);
        }
        assert!(broker.resident() < before + 50_000_000, "{} bytes more", broker.resident() - before);
    }

    fn connect_beyond_the_maximum_is_refused(v) {
        let broker = Broker::start(Settings::new().set("--max-packet-size", 1024));
        let mut client = broker.raw(v);
        let large = Connect::fresh(v).will(Will::new("w", vec![0; 2000]));
        let _ = client.try_send(&large.encode());
        for packet in client.drain_to_close() {
            assert!(matches!(&packet, Packet::ConnAck(a) if a.code == 0x95), "{packet:?}");
        }
    }
}

#[test]
fn maximum_packet_size_is_announced() {
    let broker = Broker::start(Settings::new().set("--max-packet-size", 4096));
    assert_eq!(broker.client(V).connack.props.number(prop::MAXIMUM_PACKET_SIZE), Some(4096));
}

#[test]
fn mqtt_3_1_2_24_nothing_larger_than_the_clients_maximum_is_sent() {
    let broker = Broker::shared();
    for qos in 0..3 {
        let topic = fresh("client/maximum");
        let limit = Props::new().u32(prop::MAXIMUM_PACKET_SIZE, 100);
        let mut small = broker.connect(&Connect::fresh(V).props(limit));
        small.subscribe(&topic, qos);
        let mut large = broker.client(V);
        large.subscribe(&topic, qos);
        let mut publisher = broker.client(V);
        for (n, size) in [(1, 10), (2, 200), (3, 20), (4, 5000), (5, 30)] {
            publisher.publish(Publish::new(&topic, vec![n; size]).qos(qos));
        }
        for (n, size) in [(1, 10), (3, 20), (5, 30)] {
            assert_eq!(small.take().payload, vec![n; size], "QoS {qos}");
        }
        small.quiet();
        assert_eq!((0..5).map(|_| large.take().payload.len()).sum::<usize>(), 5260);
    }
}

/// The message counts as delivered: it does not block the window, nor come back after a reconnect.
#[test]
fn mqtt_3_1_2_25_a_message_too_large_is_treated_as_sent() {
    let broker = Broker::shared();
    let (id, topic) = (fresh("small"), fresh("client/maximum"));
    let limit = Props::new().u32(prop::MAXIMUM_PACKET_SIZE, 100);
    let connect = Connect::persistent(V, &id).props(limit).receive_maximum(1);
    let mut small = broker.connect(&connect);
    small.subscribe(&topic, 2);
    small.disconnect();
    let mut publisher = broker.client(V);
    for n in 0..5 {
        publisher.publish(Publish::new(&topic, vec![n; 500]).qos(1));
        publisher.publish(Publish::new(&topic, vec![n; 500]).qos(2));
    }
    publisher.publish(Publish::new(&topic, "fits").qos(1));
    publisher.publish(Publish::new(&topic, "fits").qos(2));
    let mut small = broker.connect(&connect);
    assert_eq!((small.take().payload, small.take().payload), (b"fits".to_vec(), b"fits".to_vec()));
    small.quiet();
    small.disconnect();
    broker.connect(&Connect::persistent(V, &id)).quiet();
}

/// Reason strings and user properties give way where they do not fit.
#[test]
fn mqtt_3_2_2_19_acknowledgements_fit_the_clients_maximum() {
    let broker = Broker::shared();
    let limit = Props::new().u32(prop::MAXIMUM_PACKET_SIZE, 20);
    let mut client = broker.raw(V);
    client.send_connect(&Connect::fresh(V).props(limit));
    // CONNACK itself may not fit; then the connection ends without one.
    let events = [client.event()];
    for event in events {
        if let causeway_tests::client::Event::Packet(Packet::ConnAck(answer)) = event {
            assert_eq!(answer.code, 0);
            client.send_publish(Publish::new(&fresh("nobody"), "x").qos(1).packet_id(1));
            client.expect_ack(AckKind::PubAck, 1);
        }
    }
}

#[test]
fn mqtt_3_3_4_9_never_more_than_the_receive_maximum_in_flight() {
    let broker = Broker::shared();
    for qos in [1, 2] {
        let topic = fresh("window");
        let mut reader = broker.connect(&Connect::fresh(V).receive_maximum(3));
        reader.subscribe(&topic, 2);
        let mut publisher = broker.client(V);
        for n in 0..10 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(qos));
        }
        let mut window: Vec<Publish> = (0..3).map(|_| reader.expect_publish()).collect();
        reader.quiet();
        for n in 3..10 {
            let done = window.remove(0);
            if qos == 2 {
                // PUBREC alone frees nothing.
                reader.ack(AckKind::PubRec, done.packet_id);
                reader.expect_ack(AckKind::PubRel, done.packet_id);
                reader.quiet();
                reader.ack(AckKind::PubComp, done.packet_id);
            } else {
                reader.ack(AckKind::PubAck, done.packet_id);
            }
            let next = reader.expect_publish();
            assert_eq!(next.text(), n.to_string());
            window.push(next);
            reader.quiet();
        }
    }
}

#[test]
fn mqtt_4_9_0_2_pubrec_with_an_error_frees_the_window() {
    let broker = Broker::shared();
    let topic = fresh("window/error");
    let mut reader = broker.connect(&Connect::fresh(V).receive_maximum(1));
    reader.subscribe(&topic, 2);
    let mut publisher = broker.client(V);
    publisher.publish(Publish::new(&topic, "refused").qos(2));
    publisher.publish(Publish::new(&topic, "next").qos(2));
    let first = reader.expect_publish();
    reader.quiet();
    reader.send(&Ack::new(AckKind::PubRec, first.packet_id).reason(0x83).encode(V));
    assert_eq!(reader.take().payload, b"next");
    reader.quiet();
}

/// QoS 0 does not need a place in the window.
#[test]
fn mqtt_3_3_4_10_qos_0_passes_a_full_window() {
    let broker = Broker::shared();
    let topic = fresh("window/qos0");
    let mut reader = broker.connect(&Connect::fresh(V).receive_maximum(1));
    reader.subscribe(&format!("{topic}/+"), 1);
    let mut publisher = broker.client(V);
    publisher.publish(Publish::new(&format!("{topic}/a"), "holds the window").qos(1));
    let held = reader.expect_publish();
    publisher.publish(Publish::new(&format!("{topic}/b"), "waits").qos(1));
    publisher.publish(Publish::new(&format!("{topic}/c"), "passes"));
    assert_eq!(reader.expect_publish().payload, b"passes");
    reader.subscribe(&fresh("other/packets/pass/too"), 1);
    reader.quiet();
    reader.ack(AckKind::PubAck, held.packet_id);
    assert_eq!(reader.take().payload, b"waits");
}

/// The window holds after a resume as well: what is sent again counts.
#[test]
fn mqtt_4_9_0_1_window_holds_after_a_resume() {
    let broker = Broker::shared();
    let (id, topic) = (fresh("window"), fresh("window/resume"));
    let mut reader = broker.connect(&Connect::persistent(V, &id).receive_maximum(5));
    reader.subscribe(&topic, 1);
    let mut publisher = broker.client(V);
    for n in 0..10 {
        publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
    }
    (0..5).for_each(|_| drop(reader.expect_publish()));
    reader.vanish();
    let mut reader = broker.connect(&Connect::persistent(V, &id).receive_maximum(2));
    let mut held = Vec::new();
    for n in 0..10 {
        let message = reader.expect_publish();
        assert_eq!((message.text(), message.dup), (n.to_string().as_str(), n < 5));
        held.push(message.packet_id);
        if held.len() == 2 {
            reader.quiet();
            held.drain(..).for_each(|id| reader.ack(AckKind::PubAck, id));
        }
    }
    reader.quiet();
}

/// The broker's own window, announced and enforced.
#[test]
fn receive_maximum_of_the_broker_is_announced_and_enforced() {
    let broker = Broker::start(Settings::new().set("--receive-maximum", 5));
    let mut client = broker.client(V);
    assert_eq!(client.connack.props.number(prop::RECEIVE_MAXIMUM), Some(5));
    // Five unfinished QoS 2 messages fill it.
    for id in 1..=5 {
        client.send_publish(Publish::new("window", "x").qos(2).packet_id(id));
        client.expect_ack(AckKind::PubRec, id);
    }
    // Sending one of them again takes no further place.
    client.send_publish(Publish::new("window", "x").qos(2).packet_id(3).dup());
    client.expect_ack(AckKind::PubRec, 3);
    client.send_publish(Publish::new("window", "x").qos(2).packet_id(6));
    client.expect_disconnect(0x93);
}

#[test]
fn receive_maximum_frees_with_pubcomp() {
    let broker = Broker::start(Settings::new().set("--receive-maximum", 2));
    let mut client = broker.client(V);
    for round in 0..20 {
        let (a, b) = (round * 2 + 1, round * 2 + 2);
        for id in [a, b] {
            client.send_publish(Publish::new("window", "x").qos(2).packet_id(id));
            client.expect_ack(AckKind::PubRec, id);
        }
        for id in [a, b] {
            client.ack(AckKind::PubRel, id);
            client.expect_ack(AckKind::PubComp, id);
        }
    }
    client.quiet();
}

/// 3.1.1 knows no receive maximum: nothing is ever closed for it.
#[test]
fn receive_maximum_does_not_bind_311_clients() {
    let broker = Broker::start(Settings::new().set("--receive-maximum", 5));
    let mut client = broker.client(Version::V311);
    for id in 1..=50 {
        client.send_publish(Publish::new("window", "x").qos(2).packet_id(id));
        client.expect_ack(AckKind::PubRec, id);
    }
    client.quiet();
}

/// `--max-receive-maximum` caps what a client may ask for.
#[test]
fn receive_maximum_of_the_client_is_capped() {
    let broker = Broker::start(Settings::new().set("--max-receive-maximum", 4));
    for connect in [Connect::fresh(V), Connect::fresh(V).receive_maximum(1000)] {
        let topic = fresh("capped");
        let mut reader = broker.connect(&connect);
        reader.subscribe(&topic, 1);
        let mut publisher = broker.client(V);
        for n in 0..8 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
        }
        let first: Vec<Publish> = (0..4).map(|_| reader.expect_publish()).collect();
        reader.quiet();
        first.iter().for_each(|m| reader.ack(AckKind::PubAck, m.packet_id));
        assert_eq!(reader.take_texts(4), ["4", "5", "6", "7"]);
    }
}

/// Without a stated maximum the window is 65,535; the broker serves that many identifiers.
#[test]
fn a_client_without_receive_maximum_gets_many_in_flight() {
    let broker = Broker::shared();
    let topic = fresh("window/wide");
    let mut reader = broker.client(V);
    reader.subscribe(&topic, 1);
    let mut publisher = broker.client(V);
    for n in 0..1000 {
        publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
    }
    let mut ids: Vec<u16> = (0..1000).map(|_| reader.expect_publish().packet_id).collect();
    reader.quiet();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1000, "[MQTT-2.2.1-4] identifiers in use are not used again");
}
