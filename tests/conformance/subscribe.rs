//! SUBSCRIBE and UNSUBSCRIBE: answers, replacement, overlap.

use causeway_tests::shape::is_split;
use causeway_tests::{AckKind, Broker, Client, Filter, Packet, Publish, Subscribe, Version, both, fresh};

fn publisher(v: Version) -> Client {
    Broker::shared().client(v)
}

both! {
    fn mqtt_3_8_4_2_suback_has_the_packet_identifier(v) {
        let mut client = publisher(v);
        for id in [1, 258, 65535] {
            client.send(&Subscribe::new(Filter::new("a/b", 1)).encode(v, id));
            match client.recv() {
                Packet::SubAck(answer) => assert_eq!((answer.packet_id, answer.codes), (id, vec![1])),
                other => panic!("{other:?}"),
            }
        }
    }

    fn mqtt_3_8_4_6_every_filter_has_a_code_in_order(v) {
        let mut client = publisher(v);
        let mut subscribe = Subscribe::default();
        let wanted: Vec<u8> = (0..60).map(|n| (n * 7 % 3) as u8).collect();
        for (n, qos) in wanted.iter().enumerate() {
            subscribe = subscribe.and(Filter::new(&format!("codes/{n}"), *qos));
        }
        assert_eq!(client.subscribe_with(&subscribe).codes, wanted, "[MQTT-3.9.3-1]");
    }

    fn mqtt_3_8_4_5_several_filters_are_all_subscribed(v) {
        let topic = fresh("several");
        let mut client = publisher(v);
        let mut subscribe = Subscribe::default();
        for n in 0..20 {
            subscribe = subscribe.and(Filter::new(&format!("{topic}/{n}"), 1));
        }
        client.subscribe_with(&subscribe);
        let mut publisher = publisher(v);
        for n in 0..20 {
            publisher.publish(Publish::new(&format!("{topic}/{n}"), n.to_string()).qos(1));
            assert_eq!(client.take().text(), n.to_string());
        }
    }

    fn mqtt_3_8_4_3_an_identical_filter_replaces_the_subscription(v) {
        let topic = fresh("replace");
        let mut client = publisher(v);
        let mut publisher = publisher(v);
        for qos in [0, 2, 1, 0] {
            client.subscribe(&topic, qos);
            publisher.publish(Publish::new(&topic, "x").qos(2));
            assert_eq!(client.take().qos, qos);
            client.quiet();
        }
    }

    fn mqtt_3_3_4_2_overlapping_subscriptions_get_one_copy(v) {
        let topic = fresh("overlap");
        let mut client = publisher(v);
        client.subscribe(&format!("{topic}/+"), 0);
        client.subscribe(&format!("{topic}/#"), 2);
        client.subscribe(&format!("{topic}/a"), 1);
        let mut publisher = publisher(v);
        for qos in 0..3 {
            publisher.publish(Publish::new(&format!("{topic}/a"), "x").qos(qos));
            assert_eq!(client.take().qos, qos, "the highest of the granted ones counts");
            client.quiet();
        }
    }

    /// One filter in one packet twice is two packets in a row: the last one counts.
    fn the_same_filter_twice_in_one_packet(v) {
        let topic = fresh("twice");
        let mut client = publisher(v);
        let twice = Subscribe::new(Filter::new(&topic, 2)).and(Filter::new(&topic, 0));
        assert_eq!(client.subscribe_with(&twice).codes, [2, 0]);
        publisher(v).publish(Publish::new(&topic, "x").qos(2));
        assert_eq!(client.take().qos, 0);
        client.quiet();
    }

    fn mqtt_3_10_4_2_no_new_messages_after_unsubscribe(v) {
        let topic = fresh("unsubscribe");
        let mut client = publisher(v);
        client.subscribe(&topic, 1);
        let mut publisher = publisher(v);
        publisher.publish(Publish::new(&topic, "before").qos(1));
        assert_eq!(client.take().payload, b"before");
        client.unsubscribe(&[&topic]);
        publisher.publish(Publish::new(&topic, "after").qos(1));
        client.quiet();
    }

    fn mqtt_3_10_4_5_unsuback_has_the_packet_identifier(v) {
        let mut client = publisher(v);
        for id in [1, 258, 65535] {
            client.send(&causeway_tests::subscribe::unsubscribe(v, id, &["not/subscribed"]));
            match client.recv() {
                Packet::UnsubAck(answer) => assert_eq!(answer.packet_id, id),
                other => panic!("{other:?}"),
            }
        }
    }

    fn mqtt_3_10_4_6_several_filters_are_all_unsubscribed(v) {
        let topic = fresh("unsubscribe/several");
        let mut client = publisher(v);
        let filters: Vec<String> = (0..10).map(|n| format!("{topic}/{n}")).collect();
        filters.iter().for_each(|f| client.subscribe(f, 1));
        client.unsubscribe(&filters[..9].iter().map(String::as_str).collect::<Vec<_>>());
        let mut publisher = publisher(v);
        for filter in &filters {
            publisher.publish(Publish::new(filter, "x").qos(1));
        }
        assert_eq!(client.take().topic, filters[9]);
        client.quiet();
    }

    /// The filter is compared character by character, not by what it matches.
    fn mqtt_3_10_4_1_unsubscribe_compares_filters_not_topics(v) {
        let topic = fresh("unsubscribe/exact");
        let mut client = publisher(v);
        client.subscribe(&format!("{topic}/+"), 1);
        client.unsubscribe(&[&format!("{topic}/a"), &format!("{topic}/#"), &topic]);
        let mut publisher = publisher(v);
        publisher.publish(Publish::new(&format!("{topic}/a"), "still here").qos(1));
        assert_eq!(client.take().payload, b"still here");
        client.unsubscribe(&[&format!("{topic}/+")]);
        publisher.publish(Publish::new(&format!("{topic}/a"), "gone").qos(1));
        client.quiet();
    }

    /// One of two overlapping subscriptions goes, the other stays.
    fn unsubscribing_one_of_two_overlapping_filters(v) {
        let topic = fresh("unsubscribe/overlap");
        let mut client = publisher(v);
        client.subscribe(&format!("{topic}/#"), 2);
        client.subscribe(&format!("{topic}/a"), 1);
        client.unsubscribe(&[&format!("{topic}/#")]);
        publisher(v).publish(Publish::new(&format!("{topic}/a"), "x").qos(2));
        assert_eq!(client.take().qos, 1);
        client.quiet();
    }

    /// SUBACK means: what is published from now on arrives.
    fn after_suback_every_message_arrives(v) {
        let mut publisher = publisher(v);
        for _ in 0..50 {
            let topic = fresh("race");
            let mut client = Broker::shared().client(v);
            client.subscribe(&topic, 1);
            publisher.publish(Publish::new(&topic, "first").qos(0));
            publisher.publish(Publish::new(&topic, "second").qos(1));
            let mut texts = client.take_texts(2);
            if is_split("messages of one topic and different QoS come in the order of sending") {
                texts.sort();
            }
            assert_eq!(texts, ["first", "second"]);
        }
    }

    fn mqtt_3_8_3_5_reserved_option_bits_are_refused(v) {
        let reserved: &[u8] = if v.is_v5() { &[0x40, 0x80, 0xc1] } else { &[0x04, 0x08, 0x10, 0x40, 0x80] };
        for options in reserved {
            let mut client = publisher(v);
            client.send(&Subscribe::new(Filter { filter: "a".into(), options: *options }).encode(v, 1));
            client.expect_disconnect(0x81);
        }
    }

    /// QoS 3 does not exist.
    fn subscription_qos_3_is_refused(v) {
        let mut client = publisher(v);
        client.send(&Subscribe::new(Filter::new("a", 3)).encode(v, 1));
        let packets = client.drain_to_close();
        let fine = |p: &Packet| matches!(p, Packet::Disconnect { reason: 0x81 | 0x82, .. });
        assert!(packets.iter().all(fine) && packets.len() == usize::from(v.is_v5()), "{packets:?}");
    }

    /// A few thousand subscriptions of one client.
    fn many_subscriptions_of_one_client(v) {
        let topic = fresh("many");
        let mut client = publisher(v);
        for block in 0..40 {
            let mut subscribe = Subscribe::default();
            for n in 0..100 {
                let filter = format!("{topic}/{block}/{n}{}", ["", "/+", "/#"][n % 3]);
                subscribe = subscribe.and(Filter::new(&filter, 1));
            }
            assert_eq!(client.subscribe_with(&subscribe).codes, [1; 100]);
        }
        let mut publisher = publisher(v);
        for (block, n, tail) in [(0, 0, ""), (39, 1, "/x"), (20, 2, "/x/y"), (7, 98, "")] {
            publisher.publish(Publish::new(&format!("{topic}/{block}/{n}{tail}"), "hit").qos(1));
            assert_eq!(client.take().topic, format!("{topic}/{block}/{n}{tail}"));
        }
        client.quiet();
    }

    /// In flight at the moment of a new subscription: nothing stops.
    fn mqtt_3_8_4_3_replacing_does_not_interrupt_the_flow(v) {
        let topic = fresh("replace/flow");
        let mut client = publisher(v);
        client.subscribe(&topic, 1);
        let mut publisher = publisher(v);
        for n in 0..30 {
            publisher.send_publish(Publish::new(&topic, n.to_string()).qos(1).packet_id(n + 1));
            let replace = Subscribe::new(Filter::new(&topic, 1));
            client.send(&replace.encode(v, n + 1));
        }
        (1..=30).for_each(|id| drop(publisher.await_ack(AckKind::PubAck, id)));
        let mut texts = Vec::new();
        for _ in 0..60 {
            match client.recv() {
                Packet::Publish(m) => texts.push(m.text().to_string()),
                Packet::SubAck(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(texts, (0..30).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn mqtt_3_11_3_1_unsuback_has_a_code_for_each_filter() {
    let mut client = publisher(Version::V5);
    client.subscribe("here/1", 1);
    client.subscribe("here/+", 1);
    let codes = client.unsubscribe(&["here/1", "not/here", "here/+", "here/1"]);
    assert_eq!(codes, [0x00, 0x11, 0x00, 0x11]);
}

/// 3.9.3: a filter that cannot be had fails alone.
#[test]
fn one_refused_filter_does_not_refuse_the_others() {
    let topic = fresh("partly");
    let mut client = publisher(Version::V5);
    let partly = Subscribe::new(Filter::new(&topic, 1)).and(Filter::new("$share//x", 1)).and(Filter::new("fine", 2));
    client.send(&partly.encode(Version::V5, 1));
    match client.recv() {
        Packet::SubAck(answer) => {
            assert_eq!((answer.codes[0], answer.codes[2]), (1, 2));
            assert!(answer.codes[1] >= 0x80);
        }
        // The group name breaks [MQTT-4.8.2-1]: closing is allowed as well.
        Packet::Disconnect { reason, .. } => assert!([0x81, 0x82, 0x8f].contains(&reason)),
        other => panic!("{other:?}"),
    }
}
