//! Retained messages.

use std::collections::BTreeSet;

use causeway_tests::{AckKind, Broker, Client, Connect, Props, Publish, Settings, Version, both, fresh, prop};

fn reader(v: Version, filter: &str, qos: u8) -> Client {
    let mut reader = Broker::shared().client(v);
    reader.subscribe(filter, qos);
    reader
}

both! {
    fn mqtt_3_3_1_5_retained_messages_are_stored_and_replaced(v) {
        let topic = fresh("retained");
        let mut publisher = Broker::shared().client(v);
        for n in 0..6 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(n % 3).retained());
            let mut reader = reader(v, &topic, 2);
            let message = reader.take();
            assert_eq!((message.text(), message.retain, message.dup), (n.to_string().as_str(), true, false));
            assert_eq!(message.qos, n % 3);
            reader.quiet();
        }
    }

    fn mqtt_3_3_1_6_an_empty_payload_removes_the_retained_message(v) {
        let topic = fresh("retained/removed");
        let mut publisher = Broker::shared().client(v);
        for qos in 0..3 {
            publisher.publish(Publish::new(&topic, "kept").qos(qos).retained());
            assert!(reader(v, &topic, 1).take().retain);
            let mut live = reader(v, &topic, 1);
            live.take();
            publisher.publish(Publish::new(&topic, "").qos(qos).retained());
            let removal = live.take();
            assert!(removal.payload.is_empty() && !removal.retain, "subscribers see it as it is");
            reader(v, &topic, 1).quiet();
        }
    }

    fn mqtt_3_3_1_7_an_empty_message_is_not_stored(v) {
        let topic = fresh("retained/empty");
        Broker::shared().client(v).publish(Publish::new(&topic, "").qos(1).retained());
        reader(v, &topic, 1).quiet();
    }

    fn mqtt_3_3_1_8_messages_without_retain_change_nothing(v) {
        let topic = fresh("retained/kept");
        let mut publisher = Broker::shared().client(v);
        publisher.publish(Publish::new(&topic, "kept").qos(1).retained());
        publisher.publish(Publish::new(&topic, "live").qos(1));
        publisher.publish(Publish::new(&topic, "").qos(1));
        assert_eq!(reader(v, &topic, 1).take().payload, b"kept");
    }

    fn retained_qos_is_the_minimum(v) {
        let topic = fresh("retained/qos");
        let mut publisher = Broker::shared().client(v);
        for published in 0..3u8 {
            publisher.publish(Publish::new(&topic, "x").qos(published).retained());
            for granted in 0..3u8 {
                assert_eq!(reader(v, &topic, granted).take().qos, published.min(granted));
            }
        }
    }

    fn wildcards_find_all_retained_messages(v) {
        let topic = fresh("retained/wild");
        let mut publisher = Broker::shared().client(v);
        let topics: BTreeSet<String> = (0..30).map(|n| format!("{topic}/{}/{n}", n % 4)).collect();
        for topic in &topics {
            publisher.publish(Publish::new(topic, "x").qos(1).retained());
        }
        for (filter, count) in [(format!("{topic}/#"), 30), (format!("{topic}/+/+"), 30), (format!("{topic}/1/+"), 8)] {
            let mut reader = reader(v, &filter, 1);
            let found: BTreeSet<String> = (0..count).map(|_| reader.take().topic).collect();
            assert_eq!(found.len(), count, "{filter}");
            assert!(found.is_subset(&topics));
            reader.quiet();
        }
    }

    /// An established subscription sees the flag cleared.
    fn retained_to_an_established_subscription(v) {
        let topic = fresh("retained/live");
        let mut reader = reader(v, &topic, 1);
        Broker::shared().client(v).publish(Publish::new(&topic, "x").qos(1).retained());
        assert!(!reader.take().retain);
        reader.quiet();
    }

    /// Resuming a session is no new subscription.
    fn retained_messages_are_not_sent_again_on_resume(v) {
        let topic = fresh("retained/resume");
        Broker::shared().client(v).publish(Publish::new(&topic, "x").qos(1).retained());
        let connect = Connect::persistent(v, &fresh("resume"));
        let mut client = Broker::shared().connect(&connect);
        client.subscribe(&topic, 1);
        client.take();
        client.disconnect();
        Broker::shared().connect(&connect).quiet();
    }

    /// A retained message that is not acknowledged is a message in flight like any other.
    fn unacknowledged_retained_messages_are_sent_again(v) {
        let topic = fresh("retained/flight");
        Broker::shared().client(v).publish(Publish::new(&topic, "x").qos(1).retained());
        let connect = Connect::persistent(v, &fresh("resume"));
        let mut client = Broker::shared().connect(&connect);
        client.subscribe(&topic, 1);
        let first = client.expect_publish();
        client.vanish();
        let mut client = Broker::shared().connect(&connect);
        let again = client.take();
        assert_eq!((again.packet_id, again.dup, again.retain), (first.packet_id, true, true));
        client.quiet();
    }

    /// Retained messages and live ones on one topic: no gap, no duplicate, no step back.
    fn no_gap_between_retained_and_live(v) {
        let topic = fresh("retained/gap");
        let mut publisher = Broker::shared().client(v);
        let mut next = 0;
        for _ in 0..30 {
            let mut late = Broker::shared().client(v);
            let mut waiting = Vec::new();
            for half in 0..2 {
                for _ in 0..5 {
                    waiting.push(publisher.send_publish(Publish::new(&topic, next.to_string()).qos(1).retained()));
                    next += 1;
                }
                if half == 0 {
                    late.send(&causeway_tests::Subscribe::new(causeway_tests::Filter::new(&topic, 1)).encode(v, 60_000));
                }
            }
            waiting.into_iter().for_each(|id| drop(publisher.await_ack(AckKind::PubAck, id)));
            // Whatever the first one is, those after it follow without a gap up to the last.
            late.await_packet("SUBACK", |p| matches!(p, causeway_tests::Packet::SubAck(_)).then_some(()));
            let mut seen: Vec<i32> = vec![late.take().text().parse().expect("a number")];
            while *seen.last().expect("one at least") != next - 1 {
                seen.push(late.take().text().parse().expect("a number"));
            }
            let all: Vec<i32> = (seen[0]..next).collect();
            assert_eq!(seen, all);
            late.quiet();
        }
    }

    /// Many retained messages in one wildcard read, while another client goes about its business.
    fn a_large_wildcard_read_does_not_stall_others(v) {
        const COUNT: usize = 100_000;
        let broker = Broker::start(Settings::new());
        let mut publisher = broker.client(v);
        for block in 0..COUNT / 1000 {
            let mut bytes = Vec::new();
            for n in 0..1000 {
                bytes.extend(Publish::new(&format!("bulk/{block}/{n}"), "retained payload").retained().encode(v));
            }
            publisher.send(&bytes);
        }
        publisher.publish(Publish::new("bulk/end", "x").qos(1).retained());
        let mut reader = broker.client(v);
        let mut other = broker.client(v);
        other.subscribe("other", 1);
        reader.subscribe("bulk/#", 0);
        let mut served = 0;
        for _ in 0..COUNT + 1 {
            reader.expect_publish();
            served += 1;
            if served % 10_000 == 0 {
                other.publish(Publish::new("other", "x").qos(1));
                other.take();
            }
        }
        reader.quiet();
    }
}

#[test]
fn mqtt_3_3_2_6_expiry_of_a_retained_message_counts_down() {
    let topic = fresh("retained/expiry");
    let props = Props::new().u32(prop::MESSAGE_EXPIRY, 500);
    Broker::shared().client(Version::V5).publish(Publish::new(&topic, "x").qos(1).retained().props(props));
    crate::deliver::wait_for_will_delay(2);
    let left = reader(Version::V5, &topic, 1).take().props.number(prop::MESSAGE_EXPIRY).expect("an expiry");
    assert!((400..=498).contains(&left), "{left}");
}

#[test]
fn expired_retained_messages_are_gone() {
    let topic = fresh("retained/expired");
    let props = Props::new().u32(prop::MESSAGE_EXPIRY, 1);
    Broker::shared().client(Version::V5).publish(Publish::new(&topic, "x").qos(1).retained().props(props));
    crate::deliver::wait_for_will_delay(2);
    for v in [Version::V5, Version::V311] {
        reader(v, &topic, 1).quiet();
    }
}

/// Several retained messages of one topic from several publishers: the last acknowledged one stands.
#[test]
fn the_last_retained_message_wins() {
    let topic = fresh("retained/last");
    let mut publishers: Vec<Client> = (0..4).map(|_| Broker::shared().client(Version::V5)).collect();
    for round in 0..10 {
        for (n, publisher) in publishers.iter_mut().enumerate() {
            publisher.publish(Publish::new(&topic, format!("{round}-{n}")).qos((n % 3) as u8).retained());
            if n % 3 == 0 {
                publisher.settle();
            }
        }
    }
    publishers[1].publish(Publish::new(&topic, "last").qos(2).retained());
    assert_eq!(reader(Version::V5, &topic, 1).take().payload, b"last");
}
