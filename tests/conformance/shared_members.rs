//! Members of a shared subscription that are slow, leave, or come back.

use std::collections::BTreeSet;

use causeway_tests::{Broker, Client, Connect, Packet, Publish, Settings, Version, both, eventually, fresh};

fn member(broker: &Broker, connect: &Connect, filter: &str) -> Client {
    let mut member = broker.connect(connect);
    member.subscribe(filter, 2);
    member
}

/// Takes and acknowledges until every number below `count` has been seen at least once.
fn take_all(member: &mut Client, count: usize) -> usize {
    let mut seen = BTreeSet::new();
    let mut taken = 0;
    while seen.len() < count {
        seen.insert(member.take().text().to_string());
        taken += 1;
    }
    taken
}

both! {
    /// 4.8.2 and the rule here: what a member that leaves has not acknowledged goes to another.
    fn mqtt_4_8_2_5_unacknowledged_messages_of_a_leaving_member_go_to_another(v) {
        let broker = Broker::shared();
        let topic = fresh("leaving");
        let filter = format!("$share/leaving/{topic}");
        let mut first = member(broker, &Connect::fresh(v), &filter);
        let mut publisher = broker.client(v);
        for n in 0..6 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
        }
        (0..6).for_each(|_| drop(first.expect_publish()));
        let mut second = member(broker, &Connect::fresh(v), &filter);
        second.quiet();
        first.vanish();
        assert_eq!(take_all(&mut second, 6), 6);
        second.quiet();
    }

    /// The same when the member says DISCONNECT, or is the last and another comes later.
    fn messages_of_a_member_that_disconnects_go_to_another(v) {
        let broker = Broker::shared();
        let topic = fresh("leaving");
        let filter = format!("$share/leaving/{topic}");
        let mut first = member(broker, &Connect::fresh(v), &filter);
        let mut second = member(broker, &Connect::fresh(v), &filter);
        let mut publisher = broker.client(v);
        for n in 0..8 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
        }
        (0..4).for_each(|_| drop(first.expect_publish()));
        first.disconnect();
        assert_eq!(take_all(&mut second, 8), 8);
        second.quiet();
    }

    /// QoS 0 is not resent.
    fn members_that_left_get_nothing(v) {
        let broker = Broker::shared();
        let topic = fresh("left");
        let filter = format!("$share/left/{topic}");
        let first = member(broker, &Connect::fresh(v), &filter);
        let mut second = member(broker, &Connect::fresh(v), &filter);
        first.disconnect();
        let mut publisher = broker.client(v);
        for n in 0..10 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
            assert_eq!(second.take().text(), n.to_string());
        }
    }

    /// A group with a persistent member keeps messages while nobody is there.
    fn persistent_members_are_queued_for(v) {
        let broker = Broker::shared();
        let topic = fresh("queued");
        let filter = format!("$share/queued/{topic}");
        let connect = Connect::persistent(v, &fresh("member"));
        member(broker, &connect, &filter).disconnect();
        let mut publisher = broker.client(v);
        for n in 0..10 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
        }
        let mut back = broker.connect(&connect);
        assert!(back.connack.session_present);
        assert_eq!(back.take_texts(10), (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
        back.quiet();
    }

    /// Members that are there come before members that are away.
    fn members_online_are_preferred(v) {
        if causeway_tests::broker::is_reference() {
            return;
        }
        let broker = Broker::shared();
        let topic = fresh("preferred");
        let filter = format!("$share/preferred/{topic}");
        let away = Connect::persistent(v, &fresh("away"));
        member(broker, &away, &filter).disconnect();
        let mut here = member(broker, &Connect::persistent(v, &fresh("here")), &filter);
        let mut publisher = broker.client(v);
        for n in 0..10 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
            assert_eq!(here.take().text(), n.to_string());
        }
        broker.connect(&away).quiet();
    }

    /// Joining and leaving while messages flow loses nothing.
    fn membership_changes_lose_nothing(v) {
        let broker = Broker::start(Settings::new().set("--workers", 2).set("--partitions", 2));
        let filter = "$share/churn/topic";
        let anchor = Connect::persistent(v, "anchor");
        let mut steady = member(&broker, &anchor, filter);
        let mut publisher = broker.client(v);
        let mut seen = BTreeSet::new();
        for round in 0..10 {
            let mut guest = member(&broker, &Connect::fresh(v), filter);
            for n in 0..10 {
                publisher.publish(Publish::new("topic", format!("{}", round * 10 + n)).qos(1));
            }
            // The guest acknowledges one and goes with the rest.
            let first = guest.take();
            seen.insert(first.text().to_string());
            guest.vanish();
        }
        eventually("all messages", || {
            steady.settle();
            while let Some(causeway_tests::client::Event::Packet(packet)) = steady.poll(std::time::Duration::ZERO) {
                if let Packet::Publish(message) = packet {
                    steady.complete(&message);
                    seen.insert(message.text().to_string());
                }
            }
            (seen.len() == 100).then_some(())
        });
    }
}

/// A member whose window is full takes no more; the next message goes to one that can.
#[test]
fn members_with_a_full_window_are_passed_over() {
    let premise = "whoever chooses a member knows the windows of transient sessions";
    if causeway_tests::broker::is_reference() || causeway_tests::shape::is_split(premise) {
        return;
    }
    let v = Version::V5;
    let broker = Broker::shared();
    let topic = fresh("full");
    let filter = format!("$share/full/{topic}");
    let mut slow = member(broker, &Connect::fresh(v).receive_maximum(1), &filter);
    let mut quick = member(broker, &Connect::fresh(v), &filter);
    let mut publisher = broker.client(v);
    for n in 0..20 {
        publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
    }
    let held = slow.expect_publish();
    slow.quiet();
    assert_eq!(take_all(&mut quick, 19), 19);
    slow.complete(&held);
    slow.quiet();
}

/// [MQTT-4.8.2-6]: a member that refuses a message has had it.
#[test]
fn mqtt_4_8_2_6_a_refused_message_is_not_sent_to_another_member() {
    let v = Version::V5;
    let broker = Broker::shared();
    let topic = fresh("refused");
    let filter = format!("$share/refused/{topic}");
    let mut first = member(broker, &Connect::fresh(v), &filter);
    broker.client(v).publish(Publish::new(&topic, "x").qos(1));
    let message = first.expect_publish();
    let mut second = member(broker, &Connect::fresh(v), &filter);
    first.send(&causeway_tests::Ack::new(causeway_tests::AckKind::PubAck, message.packet_id).reason(0x83).encode(v));
    first.quiet();
    first.vanish();
    broker.client(v).publish(Publish::new(&topic, "marker").qos(1));
    assert_eq!(second.take().payload, b"marker");
    second.quiet();
}

/// [MQTT-4.8.2-4]: a QoS 2 message that one member has begun is finished there after a reconnect.
#[test]
fn mqtt_4_8_2_4_qos_2_is_finished_with_the_member_that_began_it() {
    let v = Version::V5;
    let broker = Broker::shared();
    let topic = fresh("began");
    let filter = format!("$share/began/{topic}");
    let connect = Connect::persistent(v, &fresh("member"));
    let mut first = member(broker, &connect, &filter);
    broker.client(v).publish(Publish::new(&topic, "x").qos(2));
    let message = first.expect_publish();
    first.ack(causeway_tests::AckKind::PubRec, message.packet_id);
    first.expect_ack(causeway_tests::AckKind::PubRel, message.packet_id);
    let mut second = member(broker, &Connect::fresh(v), &filter);
    first.vanish();
    let mut first = broker.connect(&connect);
    first.expect_ack(causeway_tests::AckKind::PubRel, message.packet_id);
    first.ack(causeway_tests::AckKind::PubComp, message.packet_id);
    first.quiet();
    second.quiet();
}
