//! One restart, every kind of state, step by step: after a clean end and after kill -9.

use causeway_tests::deadline::eventually;
use causeway_tests::{
    AckKind, Broker, Connect, Filter, Props, Publish, Settings, Subscribe, Version, Will, http, prop,
};

/// Runs a test for both versions and both ways to end.
macro_rules! restarts {
    ($($(#[$meta:meta])* fn $name:ident($version:ident, $restart:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$meta])*
            fn check($version: Version, $restart: fn(&mut Broker)) $body

            #[test]
            fn v311_after_a_clean_end() { check(Version::V311, end_well); }

            #[test]
            fn v5_after_a_clean_end() { check(Version::V5, end_well); }

            #[test]
            fn v311_after_kill_9() { check(Version::V311, Broker::restart); }

            #[test]
            fn v5_after_kill_9() { check(Version::V5, Broker::restart); }
        }
    )*};
}

fn end_well(broker: &mut Broker) {
    assert!(broker.terminate(libc::SIGTERM).success());
    broker.restart();
}

/// Waits until what clients have acknowledged is noted: nothing promises that before a kill.
fn noted(broker: &Broker) {
    eventually("queues without entries", || (http::queued(broker.admin())? == 0).then_some(()));
}

restarts! {
    fn sessions_and_subscriptions(v, restart) {
        let mut broker = Broker::start(Settings::new().set("--partitions", 2));
        let connect = Connect::persistent(v, "session");
        let mut client = broker.connect(&connect);
        client.subscribe_with(&Subscribe::new(Filter::new("a/+", 2)).and(Filter::new("b", 1)).and(Filter::new("gone", 1)));
        client.unsubscribe(&["gone"]);
        restart(&mut broker);
        let mut client = broker.connect(&connect);
        assert!(client.connack.session_present);
        let mut publisher = broker.client(v);
        for topic in ["a/x", "gone", "b"] {
            publisher.publish(Publish::new(topic, topic).qos(2));
        }
        let mut got = [client.take(), client.take()].map(|m| (m.topic, m.qos));
        got.sort();
        assert_eq!(got, [("a/x".to_string(), 2), ("b".to_string(), 1)]);
        client.quiet();
    }

    fn queued_messages(v, restart) {
        let mut broker = Broker::start(Settings::new());
        let connect = Connect::persistent(v, "queued");
        let mut client = broker.connect(&connect);
        client.subscribe("q", 2);
        client.disconnect();
        let mut publisher = broker.client(v);
        for n in 0..200 {
            publisher.publish(Publish::new("q", n.to_string()).qos(1 + n % 2));
        }
        restart(&mut broker);
        let mut client = broker.connect(&connect);
        for n in 0..200u8 {
            let message = client.take();
            assert_eq!((message.text(), message.qos, message.dup), (n.to_string().as_str(), 1 + n % 2, false));
        }
        client.quiet();
    }

    fn in_flight_messages_and_their_identifiers(v, restart) {
        let mut broker = Broker::start(Settings::new().set("--partitions", 2));
        let connect = Connect::persistent(v, "flight");
        let mut client = broker.connect(&connect);
        client.subscribe("f/#", 2);
        let mut publisher = broker.client(v);
        for n in 0..10 {
            publisher.publish(Publish::new(&format!("f/{}", n / 5), n.to_string()).qos(1 + n % 2));
        }
        let mut before: Vec<Publish> = (0..10).map(|_| client.expect_publish()).collect();
        // One is done, one is half done.
        client.ack(AckKind::PubAck, before[0].packet_id);
        let half = before[1].packet_id;
        client.ack(AckKind::PubRec, half);
        client.expect_ack(AckKind::PubRel, half);
        restart(&mut broker);
        let mut client = broker.connect(&connect);
        let mut again = Vec::new();
        let mut released = Vec::new();
        for _ in 0..9 {
            match client.recv() {
                causeway_tests::Packet::Publish(message) => again.push(message),
                causeway_tests::Packet::Ack(ack) if ack.kind == AckKind::PubRel => released.push(ack.packet_id),
                other => panic!("{other:?}"),
            }
        }
        client.quiet();
        assert_eq!(released, [half]);
        before.drain(..2);
        for wanted in before {
            let got = again.iter().find(|m| m.payload == wanted.payload).expect("the message again");
            assert!(got.dup);
            assert_eq!((got.packet_id, &got.topic, got.qos), (wanted.packet_id, &wanted.topic, wanted.qos));
        }
    }

    fn what_was_acknowledged_does_not_come_back(v, restart) {
        let mut broker = Broker::start(Settings::new());
        let connect = Connect::persistent(v, "done");
        let mut client = broker.connect(&connect);
        client.subscribe("d", 2);
        let mut publisher = broker.client(v);
        for n in 0..20 {
            publisher.publish(Publish::new("d", n.to_string()).qos(1 + n % 2));
            client.take();
        }
        client.quiet();
        client.disconnect();
        noted(&broker);
        restart(&mut broker);
        broker.connect(&connect).quiet();
    }

    fn qos_2_of_a_publisher(v, restart) {
        let mut broker = Broker::start(Settings::new());
        let connect = Connect::persistent(v, "publisher");
        let reader = Connect::persistent(v, "reader");
        let mut client = broker.connect(&reader);
        client.subscribe("p", 2);
        client.disconnect();
        let mut publisher = broker.connect(&connect);
        for id in 1..=3 {
            publisher.send_publish(Publish::new("p", id.to_string()).qos(2).packet_id(id));
            publisher.expect_ack(AckKind::PubRec, id);
        }
        publisher.ack(AckKind::PubRel, 1);
        publisher.expect_ack(AckKind::PubComp, 1);
        restart(&mut broker);
        let mut publisher = broker.connect(&connect);
        assert!(publisher.connack.session_present);
        publisher.send_publish(Publish::new("p", "2").qos(2).packet_id(2).dup());
        publisher.expect_ack(AckKind::PubRec, 2);
        for id in [2, 3] {
            publisher.ack(AckKind::PubRel, id);
            publisher.expect_ack(AckKind::PubComp, id);
        }
        publisher.send_publish(Publish::new("p", "new").qos(2).packet_id(1));
        publisher.expect_ack(AckKind::PubRec, 1);
        publisher.ack(AckKind::PubRel, 1);
        publisher.expect_ack(AckKind::PubComp, 1);
        let mut client = broker.connect(&reader);
        assert_eq!(client.take_texts(4), ["1", "2", "3", "new"]);
        client.quiet();
    }

    fn retained_messages(v, restart) {
        let mut broker = Broker::start(Settings::new().set("--partitions", 3));
        let mut publisher = broker.client(v);
        for n in 0..60 {
            publisher.publish(Publish::new(&format!("r/{n}"), "old").qos(n % 3).retained());
        }
        for n in 0..60 {
            let payload = if n % 4 == 0 { String::new() } else { n.to_string() };
            publisher.publish(Publish::new(&format!("r/{n}"), payload).qos(1 + n % 2).retained());
        }
        restart(&mut broker);
        let mut reader = broker.client(v);
        reader.subscribe("r/#", 2);
        for _ in 0..45 {
            let message = reader.take();
            assert!(message.retain && message.topic == format!("r/{}", message.text()), "{message:?}");
        }
        reader.quiet();
    }

    fn shared_subscriptions(v, restart) {
        let mut broker = Broker::start(Settings::new());
        let connects: Vec<Connect> = (0..2).map(|n| Connect::persistent(v, &format!("member-{n}"))).collect();
        for connect in &connects {
            let mut member = broker.connect(connect);
            member.subscribe("$share/g/s", 1);
            member.disconnect();
        }
        let mut publisher = broker.client(v);
        for n in 0..10 {
            publisher.publish(Publish::new("s", n.to_string()).qos(1));
        }
        restart(&mut broker);
        // Whoever comes first may get all that waits for the group, or each what is its own; none is lost.
        let mut members: Vec<_> = connects.iter().map(|c| broker.connect(c)).collect();
        let mut seen = std::collections::BTreeSet::new();
        causeway_tests::eventually("ten messages", || {
            for member in &mut members {
                member.settle();
                while let Some(causeway_tests::client::Event::Packet(p)) = member.poll(std::time::Duration::ZERO) {
                    if let causeway_tests::Packet::Publish(m) = p {
                        member.complete(&m);
                        assert!(seen.insert(m.text().to_string()), "{} twice", m.text());
                    }
                }
            }
            (seen.len() == 10).then_some(())
        });
    }

    fn clean_sessions_are_gone(v, restart) {
        let mut broker = Broker::start(Settings::new());
        let mut client = broker.connect(&Connect::new(v, "transient"));
        client.subscribe("t", 1);
        restart(&mut broker);
        let mut client = broker.connect(&Connect::new(v, "transient").clean(false));
        assert!(!client.connack.session_present);
        broker.client(v).publish(Publish::new("t", "x").qos(1));
        client.quiet();
    }
}

/// A will that waits for its delay waits on after the restart, and is published once.
#[test]
fn delayed_wills_survive() {
    for restart in [end_well as fn(&mut Broker), Broker::restart] {
        let mut broker = Broker::start(Settings::new());
        let witness = Connect::persistent(Version::V5, "witness");
        let mut client = broker.connect(&witness);
        client.subscribe("will", 2);
        client.disconnect();
        for (name, delay) in [("first", 1), ("second", 4)] {
            let props = Props::new().u32(prop::WILL_DELAY, delay).user("k", "v");
            let will = Will::new("will", name).qos(2).props(props);
            broker.connect(&Connect::persistent(Version::V5, name).will(will)).vanish();
        }
        // A client that comes back in time gets no will, before or after the restart.
        let props = Props::new().u32(prop::WILL_DELAY, 2);
        let back = Connect::persistent(Version::V5, "back").will(Will::new("will", "never").qos(2).props(props));
        broker.connect(&back).vanish();
        restart(&mut broker);
        broker.connect(&Connect { will: None, ..back.clone() }).disconnect();
        let mut client = broker.connect(&witness);
        let messages = [client.take(), client.take()];
        assert_eq!(messages.each_ref().map(|m| m.text()), ["first", "second"]);
        assert_eq!(messages[0].props.users(), [("k", "v")]);
        client.quiet();
        client.disconnect();
        noted(&broker);
        restart(&mut broker);
        broker.connect(&witness).quiet();
    }
}

/// The clock of a session's expiry, and of a message's, does not start anew.
#[test]
fn expiry_goes_on_over_a_restart() {
    let mut broker = Broker::start(Settings::new());
    let v = Version::V5;
    let reader = Connect::persistent(v, "reader");
    let mut client = broker.connect(&reader);
    client.subscribe("#", 1);
    client.disconnect();
    broker.connect(&Connect::new(v, "short").session_expiry(1)).disconnect();
    let mut publisher = broker.client(v);
    let expiring = |seconds| Props::new().u32(prop::MESSAGE_EXPIRY, seconds);
    publisher.publish(Publish::new("m", "short").qos(1).props(expiring(1)));
    publisher.publish(Publish::new("m", "long").qos(1).props(expiring(1000)));
    publisher.publish(Publish::new("kept", "retained").qos(1).retained().props(expiring(1)));
    // A will with a delay tells the time.
    let clock = Will::new("clock", "now").qos(1).props(Props::new().u32(prop::WILL_DELAY, 3));
    broker.connect(&Connect::persistent(v, "clock").will(clock)).vanish();
    broker.restart();
    let mut watch = broker.client(v);
    watch.subscribe("clock", 1);
    assert_eq!(watch.take().text(), "now");
    assert!(!broker.connect(&Connect::new(v, "short").clean(false).session_expiry(1)).connack.session_present);
    let mut client = broker.connect(&reader);
    // Between topics there is no order.
    let mut messages = [client.take(), client.take()];
    messages.sort_by(|a, b| a.text().cmp(b.text()));
    let [long, now] = messages;
    assert_eq!((long.text(), now.text()), ("long", "now"));
    assert!(long.props.number(prop::MESSAGE_EXPIRY).expect("an expiry") <= 997);
    client.quiet();
    let mut late = broker.client(v);
    late.subscribe("kept", 1);
    late.quiet();
}

/// SIGTERM and SIGINT drain: clients are told, and the process ends with 0.
#[test]
fn signals_drain_and_exit_zero() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let mut broker = Broker::start(Settings::all_listeners());
        let mut new = broker.client(Version::V5);
        let mut old = broker.client(Version::V311);
        let status = broker.terminate(signal);
        assert_eq!(status.code(), Some(0), "signal {signal}");
        new.expect_disconnect(0x8b);
        old.expect_closed();
    }
}

/// Many restarts in a row do not make the start slow or the data grow.
#[test]
fn restarts_do_not_make_data_grow() {
    let mut broker = Broker::start(Settings::new());
    let connect = Connect::persistent(Version::V5, "steady");
    let mut client = broker.connect(&connect);
    client.subscribe("steady", 1);
    client.disconnect();
    broker.client(Version::V5).publish(Publish::new("steady", "kept").qos(1).retained());
    broker.restart();
    let before = broker.disk_used();
    for _ in 0..10 {
        broker.restart();
    }
    let after = broker.disk_used();
    assert!(after <= before + 64 * 1024 * 1024, "{before} bytes before, {after} after ten restarts");
    let mut client = broker.connect(&connect);
    assert!(client.connack.session_present);
    assert_eq!(client.take().text(), "kept");
}
