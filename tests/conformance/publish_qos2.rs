//! QoS 2 from client to broker: exactly once, whatever happens in between.

use causeway_tests::{Ack, AckKind, Broker, Client, Connect, Publish, Version, both, fresh};

fn reader(broker: &Broker, v: Version, topic: &str) -> Client {
    let mut reader = broker.client(v);
    reader.subscribe(topic, 2);
    reader
}

fn send(client: &mut Client, topic: &str, payload: &str, id: u16) {
    client.send_publish(Publish::new(topic, payload).qos(2).packet_id(id));
    client.expect_ack(AckKind::PubRec, id);
}

fn release(client: &mut Client, id: u16) {
    client.ack(AckKind::PubRel, id);
    client.expect_ack(AckKind::PubComp, id);
}

both! {
    fn mqtt_4_3_3_8_publish_is_answered_with_pubrec(v) {
        let broker = Broker::shared();
        let topic = fresh("qos2");
        let mut reader = reader(broker, v, &topic);
        let mut client = broker.client(v);
        for id in [1, 300, 65535] {
            send(&mut client, &topic, "exactly once", id);
            release(&mut client, id);
            let message = reader.take();
            assert_eq!((message.qos, message.text()), (2, "exactly once"));
        }
        reader.quiet();
    }

    fn mqtt_4_3_3_10_duplicates_before_pubrel_are_not_delivered_again(v) {
        let broker = Broker::shared();
        let topic = fresh("qos2/dup");
        let mut reader = reader(broker, v, &topic);
        let mut client = broker.client(v);
        send(&mut client, &topic, "once", 9);
        for _ in 0..3 {
            client.send_publish(Publish::new(&topic, "once").qos(2).packet_id(9).dup());
            client.expect_ack(AckKind::PubRec, 9);
        }
        // The rule does not ask for DUP: the identifier is what counts.
        send(&mut client, &topic, "once", 9);
        release(&mut client, 9);
        assert_eq!(reader.take().payload, b"once");
        reader.quiet();
    }

    fn mqtt_4_3_3_11_pubrel_is_answered_with_pubcomp(v) {
        let mut client = Broker::shared().client(v);
        send(&mut client, &fresh("qos2/rel"), "x", 3);
        release(&mut client, 3);
        // Again, as after a lost PUBCOMP.
        client.ack(AckKind::PubRel, 3);
        let again = client.expect_ack(AckKind::PubComp, 3);
        assert!([0, 0x92].contains(&again.reason));
    }

    fn mqtt_4_3_3_12_an_identifier_is_a_new_message_after_pubcomp(v) {
        let broker = Broker::shared();
        let topic = fresh("qos2/reuse");
        let mut reader = reader(broker, v, &topic);
        let mut client = broker.client(v);
        for n in 0..5 {
            send(&mut client, &topic, &n.to_string(), 11);
            release(&mut client, 11);
            assert_eq!(reader.take().text(), n.to_string());
        }
        reader.quiet();
    }

    /// Many at a time, released in another order.
    fn several_messages_in_flight(v) {
        let broker = Broker::shared();
        let topic = fresh("qos2/many");
        let mut reader = reader(broker, v, &topic);
        let mut client = broker.client(v);
        for id in 1..=50 {
            client.send_publish(Publish::new(&topic, id.to_string()).qos(2).packet_id(id));
        }
        for id in 1..=50 {
            client.expect_ack(AckKind::PubRec, id);
        }
        for id in (1..=50).rev() {
            release(&mut client, id);
        }
        let texts = reader.take_texts(50);
        assert_eq!(texts, (1..=50).map(|n| n.to_string()).collect::<Vec<_>>());
        reader.quiet();
    }

    fn mqtt_4_3_3_10_state_survives_a_reconnect(v) {
        let broker = Broker::shared();
        let (id, topic) = (fresh("qos2"), fresh("qos2/resume"));
        let mut reader = reader(broker, v, &topic);
        let connect = Connect::persistent(v, &id);
        let mut client = broker.connect(&connect);
        send(&mut client, &topic, "once", 21);
        client.vanish();
        let mut client = broker.connect(&connect);
        client.send_publish(Publish::new(&topic, "once").qos(2).packet_id(21).dup());
        client.expect_ack(AckKind::PubRec, 21);
        client.vanish();
        let mut client = broker.connect(&connect);
        release(&mut client, 21);
        client.vanish();
        // The PUBCOMP may have been lost: PUBREL comes again.
        let mut client = broker.connect(&connect);
        client.ack(AckKind::PubRel, 21);
        client.expect_ack(AckKind::PubComp, 21);
        send(&mut client, &topic, "new", 21);
        release(&mut client, 21);
        assert_eq!(reader.take_texts(2), ["once", "new"]);
        reader.quiet();
    }

    /// The state belongs to the session: a clean one knows nothing.
    fn clean_start_forgets_identifiers(v) {
        let broker = Broker::shared();
        let (id, topic) = (fresh("qos2"), fresh("qos2/clean"));
        let mut reader = reader(broker, v, &topic);
        let mut client = broker.connect(&Connect::persistent(v, &id));
        send(&mut client, &topic, "first", 5);
        client.vanish();
        let mut client = broker.connect(&Connect::new(v, &id));
        send(&mut client, &topic, "second", 5);
        release(&mut client, 5);
        // The first one was acknowledged, but a server may wait for its PUBREL (figure 4.3).
        let mut text = reader.take().text().to_string();
        if text == "first" {
            text = reader.take().text().to_string();
        }
        assert_eq!(text, "second");
        reader.quiet();
    }

    /// The same identifier in the other direction, or at another client, is another message.
    fn identifiers_of_clients_and_directions_are_apart(v) {
        let broker = Broker::shared();
        let topic = fresh("qos2/apart");
        let mut reader = reader(broker, v, &topic);
        let mut clients: Vec<Client> = (0..3).map(|_| broker.client(v)).collect();
        for (n, client) in clients.iter_mut().enumerate() {
            send(client, &topic, &n.to_string(), 1);
        }
        clients.iter_mut().for_each(|client| release(client, 1));
        // The reader publishes with the identifier of a message it has not finished.
        let first = reader.expect_publish();
        let mut texts = vec![first.text().to_string()];
        reader.publish(Publish::new(&fresh("elsewhere"), "x").qos(2).packet_id(first.packet_id));
        reader.ack(AckKind::PubRec, first.packet_id);
        reader.await_ack(AckKind::PubRel, first.packet_id);
        reader.ack(AckKind::PubComp, first.packet_id);
        texts.extend(reader.take_texts(2));
        texts.sort();
        assert_eq!(texts, ["0", "1", "2"]);
    }

    fn qos_1_and_qos_2_share_no_state(v) {
        let broker = Broker::shared();
        let topic = fresh("qos2/qos1");
        let mut reader = reader(broker, v, &topic);
        let mut client = broker.client(v);
        send(&mut client, &topic, "two", 8);
        release(&mut client, 8);
        client.send_publish(Publish::new(&topic, "one").qos(1).packet_id(8));
        client.expect_ack(AckKind::PubAck, 8);
        assert_eq!(reader.take_texts(2), ["two", "one"]);
    }
}

#[test]
fn pubrel_of_an_unknown_identifier() {
    let broker = Broker::shared();
    let mut client = broker.client(Version::V5);
    client.ack(AckKind::PubRel, 99);
    assert_eq!(client.expect_ack(AckKind::PubComp, 99).reason, 0x92);
    let mut client = broker.client(Version::V311);
    client.ack(AckKind::PubRel, 99);
    client.expect_ack(AckKind::PubComp, 99);
}

#[test]
fn pubrec_of_an_unknown_identifier() {
    let mut client = Broker::shared().client(Version::V5);
    client.ack(AckKind::PubRec, 99);
    assert_eq!(client.expect_ack(AckKind::PubRel, 99).reason, 0x92);
    client.send(&Ack::new(AckKind::PubRec, 98).reason(0x80).encode(Version::V5));
    client.quiet();
}

/// 0x10 in PUBREC is success: the flow goes on, and a duplicate gets an answer.
#[test]
fn mqtt_4_3_3_9_pubrec_below_0x80_continues_the_flow() {
    let mut client = Broker::shared().client(Version::V5);
    let topic = fresh("qos2/nobody");
    client.send_publish(Publish::new(&topic, "x").qos(2).packet_id(4));
    assert_eq!(client.expect_ack(AckKind::PubRec, 4).reason, 0x10);
    client.send_publish(Publish::new(&topic, "x").qos(2).packet_id(4).dup());
    client.expect_ack(AckKind::PubRec, 4);
    client.ack(AckKind::PubRel, 4);
    assert_eq!(client.expect_ack(AckKind::PubComp, 4).reason, 0);
}
