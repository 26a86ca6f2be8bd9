//! Limits of a session's queue, and what happens at them.

use causeway_tests::deadline::eventually;
use causeway_tests::{AckKind, Broker, Connect, Publish, Settings, Version, both};

fn settings(limit: usize, strategy: &str) -> Settings {
    Settings::new().set("--queue-limit", limit).set("--queue-strategy", strategy)
}

/// Waits until the limit has dropped `count` messages.
fn dropped(broker: &Broker, count: u64) {
    eventually(&format!("{count} messages are dropped"), || {
        let dropped = broker.metric("causeway_queue_limit_messages_dropped_total")?;
        (dropped == count as f64).then_some(())
    });
}

/// A persistent session that has subscribed, and that no partition hands anything to: each hears by itself that a
/// connection has ended, and until then what it hands over is in flight and does not count.
fn absent(broker: &mut Broker, version: Version, filter: &str) -> Connect {
    let connect = Connect::persistent(version, "limited");
    let mut reader = broker.connect(&connect);
    reader.subscribe(filter, 1);
    reader.disconnect();
    broker.restart();
    connect
}

both! {
    /// The oldest waiting message makes room for the newest.
    fn drop_oldest_keeps_the_newest(v) {
        for partitions in [1, 3] {
            let mut broker = Broker::start(settings(10, "drop-oldest").set("--partitions", partitions));
            let connect = absent(&mut broker, v, "q/#");
            let mut publisher = broker.client(v);
            for n in 0..50 {
                publisher.publish(Publish::new("q/same", n.to_string()).qos(1));
            }
            let mut reader = broker.connect(&connect);
            assert_eq!(reader.take_texts(10), (40..50).map(|n| n.to_string()).collect::<Vec<_>>());
            reader.quiet();
        }
    }

    /// The limit counts the whole session, whatever partitions its topics live on. Messages that came within a few
    /// milliseconds are of one age; a later one is kept.
    fn the_limit_is_for_the_whole_session(v) {
        let mut broker = Broker::start(settings(12, "drop-oldest").set("--partitions", 4));
        let connect = absent(&mut broker, v, "q/#");
        let mut publisher = broker.client(v);
        for n in 0..99 {
            publisher.publish(Publish::new(&format!("q/{n}"), n.to_string()).qos(1));
        }
        dropped(&broker, 99 - 12);
        publisher.publish(Publish::new("q/99", "99").qos(1));
        dropped(&broker, 100 - 12);
        let mut reader = broker.connect(&connect);
        let texts = reader.take_texts(12);
        assert!(texts.contains(&"99".to_string()), "the newest was dropped: {texts:?}");
        reader.quiet();
    }

    /// Without a strategy nothing is ever dropped.
    fn the_default_drops_nothing(v) {
        let broker = Broker::start(Settings::new());
        let connect = Connect::persistent(v, "unlimited");
        let mut reader = broker.connect(&connect);
        reader.subscribe("q", 2);
        reader.disconnect();
        let mut publisher = broker.client(v);
        for _ in 0..60 {
            let mut bytes = Vec::new();
            for id in 1..=50 {
                bytes.extend(Publish::new("q", "kept").qos(1).packet_id(id).encode(v));
            }
            publisher.send(&bytes);
            (1..=50).for_each(|id| drop(publisher.await_ack(AckKind::PubAck, id)));
        }
        let mut reader = broker.connect(&connect);
        assert_eq!(reader.take_texts(3_000).len(), 3_000);
        reader.quiet();
    }

    /// Messages in flight are not in the queue: they are not dropped for newer ones.
    fn messages_in_flight_are_not_dropped(v) {
        let broker = Broker::start(settings(5, "drop-oldest"));
        let connect = Connect::persistent(v, "limited");
        let mut reader = broker.connect(&connect);
        reader.subscribe("q", 1);
        let mut publisher = broker.client(v);
        for n in 0..3 {
            publisher.publish(Publish::new("q", n.to_string()).qos(1));
            reader.expect_publish();
        }
        reader.vanish();
        broker.connect(&connect).disconnect();
        for n in 3..30 {
            publisher.publish(Publish::new("q", n.to_string()).qos(1));
        }
        let mut reader = broker.connect(&connect);
        let first = reader.take_texts(3);
        assert_eq!(first, ["0", "1", "2"], "sent once, owed until acknowledged");
        // Some of the next may have been on their way to the old connection when it ended: then they are in flight too.
        let mut rest = reader.take_texts(1);
        while rest.last().is_some_and(|text| text != "29") {
            rest.extend(reader.take_texts(1));
        }
        assert!(rest.ends_with(&["25", "26", "27", "28", "29"].map(String::from)), "{rest:?}");
        reader.quiet();
    }
}

/// What is dropped is counted.
#[test]
fn dropped_messages_are_counted() {
    let mut broker = Broker::start(settings(10, "drop-oldest").set("--sys-interval", 1));
    let v = Version::V5;
    absent(&mut broker, v, "q");
    let mut publisher = broker.client(v);
    for n in 0..50 {
        publisher.publish(Publish::new("q", n.to_string()).qos(1));
    }
    let mut watcher = broker.client(v);
    watcher.subscribe("$SYS/broker/publish/messages/dropped", 0);
    causeway_tests::eventually("forty drops are counted", || (watcher.take().text() == "40").then_some(()));
}
