//! Takeover: a second connection with the same client identifier ends the first.

use causeway_tests::shape::is_split;
use causeway_tests::{AckKind, Broker, Connect, Props, Publish, Settings, Version, Will, both, fresh, prop};

both! {
    fn mqtt_3_1_4_3_takeover_disconnects_the_old_connection(v) {
        let broker = Broker::shared();
        let id = fresh("taken");
        let mut old = broker.connect(&Connect::new(v, &id));
        let mut new = broker.connect(&Connect::new(v, &id));
        old.expect_disconnect(0x8e);
        new.quiet();
    }

    /// 3.1.4: the will of the connection that is taken over is published unless delayed.
    fn takeover_publishes_the_will_of_a_session_that_ends(v) {
        let broker = Broker::shared();
        let (id, topic) = (fresh("taken"), fresh("taken/will"));
        let mut witness = broker.client(v);
        witness.subscribe(&topic, 1);
        let mut old = broker.connect(&Connect::new(v, &id).will(Will::new(&topic, "taken").qos(1)));
        let _new = broker.connect(&Connect::new(v, &id));
        old.expect_disconnect(0x8e);
        assert_eq!(witness.take().payload, b"taken");
        witness.quiet();
    }

    fn mqtt_3_1_4_4_takeover_resumes_the_session(v) {
        let broker = Broker::shared();
        let (id, topic) = (fresh("taken"), fresh("taken/session"));
        let mut old = broker.connect(&Connect::persistent(v, &id));
        old.subscribe(&topic, 1);
        broker.client(v).publish(Publish::new(&topic, "unacknowledged").qos(1));
        let first = old.expect_publish();
        let mut new = broker.connect(&Connect::persistent(v, &id));
        assert!(new.connack.session_present);
        old.expect_disconnect(0x8e);
        let again = new.take();
        assert_eq!((again.packet_id, again.dup, again.payload), (first.packet_id, true, first.payload));
        new.quiet();
    }

    fn mqtt_3_1_4_4_takeover_with_clean_start_discards_the_session(v) {
        let broker = Broker::shared();
        let (id, topic) = (fresh("taken"), fresh("taken/clean"));
        let mut old = broker.connect(&Connect::persistent(v, &id));
        old.subscribe(&topic, 1);
        broker.client(v).publish(Publish::new(&topic, "unacknowledged").qos(1));
        old.expect_publish();
        let mut new = broker.connect(&Connect::new(v, &id).clean(true));
        assert!(!new.connack.session_present);
        new.quiet();
        broker.client(v).publish(Publish::new(&topic, "unsubscribed").qos(1));
        new.quiet();
    }

    /// Many connections fight for one identifier: one survives, and the broker with it.
    fn takeovers_in_a_row_leave_one_connection(v) {
        let broker = Broker::shared();
        let id = fresh("fought-over");
        let mut clients: Vec<_> = (0..20).map(|_| broker.connect(&Connect::persistent(v, &id))).collect();
        let mut last = clients.pop().expect("twenty clients");
        for old in &mut clients {
            old.expect_disconnect(0x8e);
        }
        last.quiet();
    }

    /// Acknowledgements of the old connection do not count for the new one's state twice.
    fn takeover_in_the_middle_of_qos_2(v) {
        let broker = Broker::shared();
        let (id, topic) = (fresh("taken"), fresh("taken/qos2"));
        let mut reader = broker.client(v);
        reader.subscribe(&topic, 2);
        let mut old = broker.connect(&Connect::persistent(v, &id));
        old.send_publish(Publish::new(&topic, "once").qos(2).packet_id(7));
        old.expect_ack(AckKind::PubRec, 7);
        let mut new = broker.connect(&Connect::persistent(v, &id));
        new.send_publish(Publish::new(&topic, "once").qos(2).packet_id(7).dup());
        new.expect_ack(AckKind::PubRec, 7);
        new.ack(AckKind::PubRel, 7);
        new.expect_ack(AckKind::PubComp, 7);
        assert_eq!(reader.take().payload, b"once");
        reader.quiet();
    }
}

/// A version 5 client takes over from a 3.1.1 client and the other way round.
#[test]
fn takeover_across_versions() {
    let broker = Broker::shared();
    let id = fresh("taken");
    let mut old = broker.connect(&Connect::new(Version::V311, &id));
    let mut new = broker.connect(&Connect::new(Version::V5, &id));
    old.expect_closed();
    let mut third = broker.connect(&Connect::new(Version::V311, &id));
    new.expect_disconnect(0x8e);
    third.quiet();
}

const IN_ORDER: &str = "an acknowledgement is taken before the next connection, whichever worker has it";

/// With several workers the connections live on different threads.
#[test]
fn takeover_across_workers() {
    let broker = Broker::start(Settings::new().set("--workers", 4).set("--partitions", 3));
    for v in [Version::V311, Version::V5] {
        let (id, topic) = (fresh("taken"), fresh("taken/workers"));
        let mut publisher = broker.client(v);
        let mut current = broker.connect(&Connect::persistent(v, &id));
        current.subscribe(&topic, 1);
        for n in 0..16 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
            let mut next = broker.connect(&Connect::persistent(v, &id));
            assert!(next.connack.session_present);
            let mut message = next.take();
            let before = |text: &str| text.parse::<usize>().is_ok_and(|number| number < n);
            while before(message.text()) && is_split(IN_ORDER) {
                message = next.take();
            }
            assert_eq!(message.text(), n.to_string());
            // The acknowledgement is in before the next connection takes over.
            next.quiet();
            while !matches!(current.event(), causeway_tests::client::Event::Closed) {}
            current = next;
        }
        current.quiet();
    }
}

/// A delayed will is not published when the session goes on.
#[test]
fn mqtt_3_1_3_9_takeover_within_the_delay_suppresses_the_will() {
    let broker = Broker::shared();
    let (id, topic) = (fresh("taken"), fresh("taken/delay"));
    let mut witness = broker.client(Version::V5);
    witness.subscribe(&topic, 1);
    let will = Will::new(&topic, "delayed").qos(1).props(Props::new().u32(prop::WILL_DELAY, 1));
    let mut old = broker.connect(&Connect::persistent(Version::V5, &id).will(will));
    let mut new = broker.connect(&Connect::persistent(Version::V5, &id));
    old.expect_disconnect(0x8e);
    // Another will with a longer delay says that the first one's time is over.
    let marker = Will::new(&topic, "marker").qos(1).props(Props::new().u32(prop::WILL_DELAY, 2));
    broker.connect(&Connect::persistent(Version::V5, &fresh("marker")).will(marker)).vanish();
    assert_eq!(witness.take().payload, b"marker");
    new.quiet();
}
