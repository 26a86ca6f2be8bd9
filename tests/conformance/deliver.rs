//! PUBLISH from broker to client: redelivery, identifiers, DUP, order, expiry.

use std::collections::HashSet;

use causeway_tests::{Ack, AckKind, Broker, Client, Connect, Props, Publish, Version, both, fresh, prop};

/// A persistent reader of a topic and a publisher.
fn pair(v: Version, topic: &str) -> (Connect, Client, Client) {
    let connect = Connect::persistent(v, &fresh("reader"));
    let mut reader = Broker::shared().connect(&connect);
    reader.subscribe(topic, 2);
    (connect, reader, Broker::shared().client(v))
}

both! {
    fn mqtt_4_4_0_1_unacknowledged_messages_are_sent_again(v) {
        let topic = fresh("again");
        let (connect, mut reader, mut publisher) = pair(v, &topic);
        for n in 0..10 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1 + n % 2));
        }
        let first: Vec<Publish> = (0..10).map(|_| reader.expect_publish()).collect();
        reader.quiet();
        reader.vanish();
        let mut reader = Broker::shared().connect(&connect);
        assert!(reader.connack.session_present);
        for before in &first {
            let again = reader.expect_publish();
            assert!(again.dup, "[MQTT-3.3.1-1] DUP marks a redelivery");
            assert_eq!((again.packet_id, again.qos, &again.payload), (before.packet_id, before.qos, &before.payload));
            reader.complete(&again);
        }
        reader.quiet();
        reader.vanish();
        Broker::shared().connect(&connect).quiet();
    }

    fn mqtt_4_4_0_1_pubrel_is_sent_again(v) {
        let topic = fresh("again/pubrel");
        let (connect, mut reader, mut publisher) = pair(v, &topic);
        publisher.publish(Publish::new(&topic, "half done").qos(2));
        let message = reader.expect_publish();
        reader.ack(AckKind::PubRec, message.packet_id);
        reader.expect_ack(AckKind::PubRel, message.packet_id);
        for _ in 0..2 {
            reader.vanish();
            reader = Broker::shared().connect(&connect);
            // [MQTT-4.3.3-6]: the PUBLISH itself never again.
            reader.expect_ack(AckKind::PubRel, message.packet_id);
            reader.quiet();
        }
        reader.ack(AckKind::PubComp, message.packet_id);
        reader.quiet();
        reader.vanish();
        Broker::shared().connect(&connect).quiet();
    }

    fn mqtt_4_4_0_1_nothing_is_sent_again_while_connected(v) {
        let topic = fresh("again/never");
        let (_, mut reader, mut publisher) = pair(v, &topic);
        for n in 0..5 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
            reader.expect_publish();
        }
        for _ in 0..3 {
            publisher.publish(Publish::new(&fresh("elsewhere"), "x").qos(1));
            reader.quiet();
        }
    }

    /// What was sent has DUP 1, and the order is that of publication. What came later may have been on its way to the old
    /// connection when that ended, and is marked then too.
    fn mqtt_4_6_0_6_order_and_dup_after_a_resume(v) {
        let topic = fresh("again/mixed");
        let (connect, mut reader, mut publisher) = pair(v, &topic);
        for n in 0..3 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
            reader.expect_publish();
        }
        reader.vanish();
        // The end of the connection is known once a new one to the session is refused none: take over and leave.
        Broker::shared().connect(&connect).disconnect();
        for n in 3..6 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
        }
        let mut reader = Broker::shared().connect(&connect);
        for n in 0..6 {
            let message = reader.take();
            assert_eq!(message.text(), n.to_string());
            assert!(message.dup || n >= 3, "{n} was sent before");
        }
    }

    fn mqtt_2_2_1_4_identifiers_in_flight_are_unique_and_not_zero(v) {
        let topic = fresh("identifiers");
        let (_, mut reader, mut publisher) = pair(v, &topic);
        let mut in_flight = HashSet::new();
        for n in 0..200 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1 + n as u8 % 2));
            let message = reader.expect_publish();
            assert!(in_flight.insert(message.packet_id), "{} is in use", message.packet_id);
        }
    }

    /// Identifiers are used again after their acknowledgement, over more messages than there are identifiers.
    fn identifiers_wrap_around(v) {
        let topic = fresh("identifiers/wrap");
        let (_, mut reader, mut publisher) = pair(v, &topic);
        let batch = 90u16;
        for _ in 0..70_000 / u32::from(batch) {
            let mut bytes = Vec::new();
            for id in 1..=batch {
                bytes.extend(Publish::new(&topic, "x").qos(1).packet_id(id).encode(v));
            }
            publisher.send(&bytes);
            let mut acks = Vec::new();
            for _ in 0..batch {
                let message = reader.expect_publish();
                acks.extend(Ack::new(AckKind::PubAck, message.packet_id).encode(v));
            }
            reader.send(&acks);
            (1..=batch).for_each(|id| drop(publisher.await_ack(AckKind::PubAck, id)));
        }
        reader.quiet();
    }

    fn mqtt_4_3_3_4_pubrec_is_answered_with_pubrel(v) {
        let topic = fresh("pubrel");
        let (_, mut reader, mut publisher) = pair(v, &topic);
        publisher.publish(Publish::new(&topic, "x").qos(2));
        let message = reader.expect_publish();
        for _ in 0..2 {
            reader.ack(AckKind::PubRec, message.packet_id);
            reader.expect_ack(AckKind::PubRel, message.packet_id);
        }
        reader.ack(AckKind::PubComp, message.packet_id);
        reader.quiet();
    }

    fn mqtt_4_6_0_3_pubrels_follow_the_order_of_pubrecs(v) {
        let topic = fresh("pubrel/order");
        let (_, mut reader, mut publisher) = pair(v, &topic);
        for n in 0..10 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(2));
        }
        let ids: Vec<u16> = (0..10).map(|_| reader.expect_publish().packet_id).collect();
        for id in &ids {
            reader.ack(AckKind::PubRec, *id);
        }
        for id in &ids {
            reader.expect_ack(AckKind::PubRel, *id);
            reader.ack(AckKind::PubComp, *id);
        }
        reader.quiet();
    }

    /// Acknowledgements out of order leave the right messages behind.
    fn acknowledgements_out_of_order(v) {
        let topic = fresh("acks/order");
        let (connect, mut reader, mut publisher) = pair(v, &topic);
        for n in 0..6 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
        }
        let messages: Vec<Publish> = (0..6).map(|_| reader.expect_publish()).collect();
        for at in [4, 1, 5] {
            reader.ack(AckKind::PubAck, messages[at].packet_id);
        }
        reader.quiet();
        reader.vanish();
        let mut reader = Broker::shared().connect(&connect);
        assert_eq!(reader.take_texts(3), ["0", "2", "3"]);
        reader.quiet();
    }

    /// Messages of QoS 0 are not resent.
    fn mqtt_4_3_1_1_qos_0_is_sent_once(v) {
        let topic = fresh("qos0/once");
        let (connect, mut reader, mut publisher) = pair(v, &topic);
        publisher.publish(Publish::new(&topic, "zero"));
        assert_eq!(reader.expect_publish().payload, b"zero");
        reader.vanish();
        Broker::shared().connect(&connect).quiet();
    }

    /// Unsubscribing does not take back what is on its way.
    fn mqtt_3_10_4_3_in_flight_messages_are_completed_after_unsubscribe(v) {
        let topic = fresh("unsubscribe/flight");
        let (connect, mut reader, mut publisher) = pair(v, &topic);
        publisher.publish(Publish::new(&topic, "one").qos(1));
        publisher.publish(Publish::new(&topic, "two").qos(2));
        let (one, two) = (reader.expect_publish(), reader.expect_publish());
        reader.unsubscribe(&[&topic]);
        reader.vanish();
        let mut reader = Broker::shared().connect(&connect);
        for before in [one, two] {
            let again = reader.take();
            assert_eq!((again.packet_id, again.payload), (before.packet_id, before.payload));
        }
        reader.quiet();
    }
}

#[test]
fn mqtt_4_4_0_2_an_acknowledgement_with_an_error_is_an_acknowledgement() {
    let v = Version::V5;
    let topic = fresh("acks/error");
    let (connect, mut reader, mut publisher) = pair(v, &topic);
    for n in 0..3 {
        publisher.publish(Publish::new(&topic, n.to_string()).qos(1 + n % 2));
    }
    for kind in [AckKind::PubAck, AckKind::PubRec, AckKind::PubAck] {
        let message = reader.expect_publish();
        reader.send(&Ack::new(kind, message.packet_id).reason(0x80).encode(v));
    }
    reader.quiet();
    reader.vanish();
    Broker::shared().connect(&connect).quiet();
}

#[test]
fn mqtt_3_3_2_6_expiry_counts_down_while_a_message_waits() {
    let topic = fresh("expiry/left");
    let (connect, reader, mut publisher) = pair(Version::V5, &topic);
    reader.disconnect();
    let expiring = |seconds| Props::new().u32(prop::MESSAGE_EXPIRY, seconds);
    publisher.publish(Publish::new(&topic, "long").qos(1).props(expiring(1000)));
    wait_for_will_delay(2);
    let left = Broker::shared().connect(&connect).take().props.number(prop::MESSAGE_EXPIRY).expect("an expiry");
    assert!((900..=998).contains(&left), "{left} seconds left of 1000");
}

#[test]
fn mqtt_3_3_2_5_expired_messages_are_not_delivered() {
    let topic = fresh("expiry/over");
    let (connect, reader, mut publisher) = pair(Version::V5, &topic);
    reader.disconnect();
    let expiring = |seconds| Props::new().u32(prop::MESSAGE_EXPIRY, seconds);
    for n in 0..3 {
        publisher.publish(Publish::new(&topic, "short").qos(1 + n % 2).props(expiring(1)));
        publisher.publish(Publish::new(&topic, format!("kept {n}")).qos(1).props(expiring(600)));
    }
    publisher.publish(Publish::new(&topic, "for ever").qos(1));
    wait_for_will_delay(2);
    let mut reader = Broker::shared().connect(&connect);
    assert_eq!(reader.take_texts(4), ["kept 0", "kept 1", "kept 2", "for ever"]);
    reader.quiet();
}

/// A 3.1.1 session does not see the property, but the expiry holds for it.
#[test]
fn expiry_holds_for_311_sessions() {
    let topic = fresh("expiry/311");
    let connect = Connect::persistent(Version::V311, &fresh("reader"));
    let mut reader = Broker::shared().connect(&connect);
    reader.subscribe(&topic, 1);
    reader.disconnect();
    let mut publisher = Broker::shared().client(Version::V5);
    let short = Props::new().u32(prop::MESSAGE_EXPIRY, 1);
    publisher.publish(Publish::new(&topic, "short").qos(1).props(short));
    publisher.publish(Publish::new(&topic, "long").qos(1));
    wait_for_will_delay(2);
    let mut reader = Broker::shared().connect(&connect);
    assert_eq!(reader.take().payload, b"long");
    reader.quiet();
}

/// Lets that many seconds go by on the broker's own clock: a delayed will arrives when they have.
pub(crate) fn wait_for_will_delay(seconds: u32) {
    let broker = Broker::shared();
    let topic = fresh("clock");
    let mut clock = broker.client(Version::V5);
    clock.subscribe(&topic, 1);
    let will = causeway_tests::Will::new(&topic, "now").qos(1).props(Props::new().u32(prop::WILL_DELAY, seconds));
    broker.connect(&Connect::persistent(Version::V5, &fresh("clock")).will(will)).vanish();
    clock.take();
}
