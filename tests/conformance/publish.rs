//! PUBLISH from client to broker: acknowledgements, duplicates, order, reason codes.

use causeway_tests::{AckKind, Broker, Client, Packet, Publish, Version, both, fresh};

fn reader(broker: &Broker, v: Version, topic: &str, qos: u8) -> Client {
    let mut reader = broker.client(v);
    reader.subscribe(topic, qos);
    reader
}

both! {
    fn mqtt_3_3_4_1_qos_0_has_no_answer(v) {
        let broker = Broker::shared();
        let topic = fresh("qos0");
        let mut reader = reader(broker, v, &topic, 2);
        let mut client = broker.client(v);
        client.send_publish(Publish::new(&topic, "zero"));
        client.quiet();
        let message = reader.take();
        assert_eq!((message.qos, message.dup, message.text()), (0, false, "zero"));
    }

    fn mqtt_4_3_2_4_qos_1_is_answered_with_puback(v) {
        let broker = Broker::shared();
        let topic = fresh("qos1");
        let mut reader = reader(broker, v, &topic, 2);
        let mut client = broker.client(v);
        for id in [1, 77, 65535] {
            client.send_publish(Publish::new(&topic, id.to_string()).qos(1).packet_id(id));
            assert_eq!(client.expect_ack(AckKind::PubAck, id).reason, 0);
            let message = reader.take();
            assert_eq!((message.qos, message.text()), (1, id.to_string().as_str()));
        }
        client.quiet();
    }

    /// Any number of unacknowledged messages may be on their way; their answers keep the order.
    fn mqtt_4_6_0_2_pubacks_come_in_order(v) {
        let broker = Broker::shared();
        let topic = fresh("order/puback");
        let mut client = broker.client(v);
        let mut bytes = Vec::new();
        for id in 1..=90 {
            bytes.extend(Publish::new(&topic, "x").qos(1).packet_id(id).encode(v));
        }
        client.send(&bytes);
        for id in 1..=90 {
            client.expect_ack(AckKind::PubAck, id);
        }
    }

    fn mqtt_4_6_0_5_order_is_kept_for_each_topic_and_qos(v) {
        let broker = Broker::shared();
        let topic = fresh("order");
        let mut reader = reader(broker, v, &format!("{topic}/#"), 2);
        let mut client = broker.client(v);
        for n in 0..40 {
            for qos in 0..3 {
                client.publish(Publish::new(&format!("{topic}/{}", n % 3), format!("{n}")).qos(qos));
            }
        }
        let mut last = std::collections::HashMap::new();
        for _ in 0..120 {
            let message = reader.take();
            let n: i32 = message.text().parse().expect("a number");
            let before = last.insert((message.topic.clone(), message.qos), n).unwrap_or(-1);
            assert!(n > before, "{} QoS {}: {n} after {before}", message.topic, message.qos);
        }
        reader.quiet();
    }

    /// A QoS 1 message sent again is a message like any other, but always answered.
    fn mqtt_4_3_2_5_qos_1_duplicates_are_acknowledged(v) {
        let broker = Broker::shared();
        let topic = fresh("dup1");
        let mut reader = reader(broker, v, &topic, 1);
        let mut client = broker.client(v);
        client.send_publish(Publish::new(&topic, "again").qos(1).packet_id(5));
        client.expect_ack(AckKind::PubAck, 5);
        client.send_publish(Publish::new(&topic, "again").qos(1).packet_id(5).dup());
        client.expect_ack(AckKind::PubAck, 5);
        let message = reader.take();
        assert!(!message.dup, "[MQTT-3.3.1-3] DUP is not handed on");
    }

    fn mqtt_3_3_1_3_dup_is_not_propagated(v) {
        let broker = Broker::shared();
        let topic = fresh("dup");
        let mut reader = reader(broker, v, &topic, 2);
        let mut client = broker.client(v);
        for qos in [1, 2] {
            client.publish(Publish::new(&topic, "flagged").qos(qos).dup());
            assert!(!reader.take().dup, "QoS {qos}");
        }
    }

    /// 4.3: the QoS of delivery is the lower of publication and subscription.
    fn mqtt_3_8_4_8_delivered_qos_is_the_minimum(v) {
        let broker = Broker::shared();
        let topic = fresh("minimum");
        let mut readers: Vec<Client> = (0..3).map(|qos| reader(broker, v, &topic, qos)).collect();
        let mut client = broker.client(v);
        for qos in 0..3u8 {
            client.publish(Publish::new(&topic, "x").qos(qos));
            for (granted, reader) in readers.iter_mut().enumerate() {
                assert_eq!(reader.take().qos, qos.min(granted as u8), "published {qos}, granted {granted}");
            }
        }
    }

    fn empty_payloads_are_messages(v) {
        let broker = Broker::shared();
        let topic = fresh("empty");
        let mut reader = reader(broker, v, &topic, 2);
        let mut client = broker.client(v);
        for qos in 0..3 {
            client.publish(Publish::new(&topic, "").qos(qos));
            assert!(reader.take().payload.is_empty());
        }
    }

    fn large_payloads_pass_whole(v) {
        let broker = Broker::shared();
        let topic = fresh("large");
        let mut reader = reader(broker, v, &topic, 2);
        let mut client = broker.client(v);
        for (qos, size) in [(0, 100_000), (1, 1_000_003), (2, 3_000_001)] {
            let payload: Vec<u8> = (0..size).map(|n: u32| (n * 31 % 251) as u8).collect();
            client.publish(Publish::new(&topic, &payload).qos(qos));
            assert!(reader.take().payload == payload, "{size} bytes arrive changed");
        }
    }

    /// Every length around the places where the header grows a byte.
    fn lengths_around_header_boundaries(v) {
        let broker = Broker::shared();
        let topic = fresh("len");
        let mut reader = reader(broker, v, &topic, 1);
        let mut client = broker.client(v);
        for size in (100..140).chain(16_360..16_390).chain(2_097_130..2_097_154) {
            let payload = vec![size as u8; size];
            client.publish(Publish::new(&topic, &payload).qos(1));
            assert!(reader.take().payload == payload, "{size} bytes");
        }
    }

    /// A message comes back to its own publisher.
    fn publishers_receive_their_own_messages(v) {
        let mut client = reader(Broker::shared(), v, &fresh("own"), 2);
        let topic = fresh("own/again");
        client.subscribe(&topic, 2);
        for qos in 0..3 {
            client.publish(Publish::new(&topic, qos.to_string()).qos(qos));
            assert_eq!(client.take().text(), qos.to_string());
        }
        client.quiet();
    }

    fn messages_without_subscribers_are_accepted(v) {
        let mut client = Broker::shared().client(v);
        for qos in 0..3 {
            client.publish(Publish::new(&fresh("nobody"), "x").qos(qos));
        }
        client.quiet();
    }

    /// Unknown acknowledgements do no harm.
    fn unknown_acknowledgements_are_ignored(v) {
        let mut client = Broker::shared().client(v);
        client.ack(AckKind::PubAck, 4711);
        client.quiet();
        client.ack(AckKind::PubComp, 4712);
        client.quiet();
    }

    /// Many packets in one write, of all kinds.
    fn a_burst_of_mixed_packets(v) {
        let broker = Broker::shared();
        let topic = fresh("burst");
        let mut reader = reader(broker, v, &topic, 2);
        let mut client = broker.client(v);
        let mut bytes = Vec::new();
        for id in 1..=60u16 {
            let qos = (id % 3) as u8;
            bytes.extend(Publish::new(&topic, id.to_string()).qos(qos).packet_id(id).encode(v));
            bytes.extend([0xc0, 0]);
        }
        client.send(&bytes);
        // A PING answer each, PUBACK for 20, PUBREC and PUBCOMP for 20.
        let mut answer = || {
            let packet = client.recv();
            if let Packet::Ack(ack) = &packet
                && ack.kind == AckKind::PubRec
            {
                client.ack(AckKind::PubRel, ack.packet_id);
            }
            packet
        };
        let answers: Vec<Packet> = (0..60 + 20 + 40).map(|_| answer()).collect();
        assert_eq!(answers.iter().filter(|p| **p == Packet::PingResp).count(), 60);
        let count = |kind| answers.iter().filter(|p| matches!(p, Packet::Ack(a) if a.kind == kind)).count();
        assert_eq!([AckKind::PubAck, AckKind::PubRec, AckKind::PubComp].map(count), [20, 20, 20]);
        let mut got: Vec<u16> = (0..60).map(|_| reader.take().text().parse().expect("a number")).collect();
        got.sort_unstable();
        assert_eq!(got, (1..=60).collect::<Vec<_>>());
    }
}

/// 3.4.2.1: 0x10 says that nobody was there.
#[test]
fn no_matching_subscribers_is_said_in_puback_and_pubrec() {
    let broker = Broker::shared();
    let topic = fresh("matching");
    let mut client = broker.client(Version::V5);
    for qos in [1, 2] {
        assert_eq!(client.publish(Publish::new(&topic, "x").qos(qos)), 0x10, "QoS {qos}, nobody");
    }
    let mut reader = reader(broker, Version::V5, &topic, 0);
    for qos in [1, 2] {
        assert_eq!(client.publish(Publish::new(&topic, "x").qos(qos)), 0, "QoS {qos}, one subscriber");
        reader.take();
    }
    reader.unsubscribe(&[&topic]);
    for qos in [1, 2] {
        assert_eq!(client.publish(Publish::new(&topic, "x").qos(qos)), 0x10, "QoS {qos}, unsubscribed");
    }
}

/// A persistent session that is away is a subscriber.
#[test]
fn sessions_away_count_as_matching() {
    let broker = Broker::shared();
    let topic = fresh("matching/away");
    let mut away = broker.connect(&causeway_tests::Connect::persistent(Version::V5, &fresh("away")));
    away.subscribe(&topic, 1);
    away.disconnect();
    assert_eq!(broker.client(Version::V5).publish(Publish::new(&topic, "x").qos(1)), 0);
}
