//! Clients at two frontends are clients of one broker.

use causeway_tests::{
    AckKind, Client, Cluster, Connect, Filter, Layout, Packet, Props, Publish, Subscribe, Version, Will, eventually,
};

const VERSIONS: [Version; 2] = [Version::V311, Version::V5];

fn two_frontends() -> Cluster {
    Cluster::start(&Layout::of(2, 2, 3))
}

#[test]
fn every_quality_of_service_crosses_to_transient_and_persistent_sessions() {
    let cluster = two_frontends();
    for version in VERSIONS {
        for (n, kept) in [false, true].into_iter().enumerate() {
            let id = format!("receiver-{version:?}-{n}");
            let connect = if kept { Connect::persistent(version, &id) } else { Connect::fresh(version) };
            let mut receiver = cluster.connect(1, &connect);
            let mut sender = cluster.client(0, version);
            for (granted, filter) in [(0, "zero/+"), (1, "one/+"), (2, "two/+")] {
                receiver.subscribe(filter, granted);
            }
            for (name, granted) in [("zero", 0), ("one", 1), ("two", 2)] {
                for qos in 0..=2 {
                    let text = format!("{name} {qos}");
                    sender.publish(Publish::new(&format!("{name}/x"), &text).qos(qos));
                    let got = receiver.take();
                    assert_eq!((got.text(), got.qos, got.dup, got.retain), (&*text, qos.min(granted), false, false));
                }
            }
        }
    }
}

#[test]
fn suback_means_that_later_publishes_at_another_frontend_arrive() {
    let cluster = two_frontends();
    let mut sender = cluster.client(0, Version::V5);
    for n in 0..200 {
        let mut receiver = cluster.client(1, Version::V5);
        let topic = format!("late/{n}");
        receiver.subscribe(&topic, (n % 3) as u8);
        sender.publish(Publish::new(&topic, "now").qos((n % 2) as u8));
        assert_eq!(receiver.take().text(), "now");
        receiver.disconnect();
    }
}

#[test]
fn nobody_gets_a_message_twice_and_no_match_is_told() {
    let cluster = two_frontends();
    let mut sender = cluster.client(0, Version::V5);
    let (mut here, mut there) = (cluster.client(0, Version::V5), cluster.client(1, Version::V5));
    here.subscribe("a/#", 1);
    there.subscribe("a/b", 2);
    assert_eq!(sender.publish(Publish::new("a/b", "1").qos(1)), 0x00);
    assert_eq!(sender.publish(Publish::new("other", "2").qos(1)), 0x10, "[MQTT-4.7] no matching subscribers");
    assert_eq!((here.take().text().to_owned(), there.take().text().to_owned()), ("1".into(), "1".into()));
    here.quiet();
    there.quiet();
}

#[test]
fn order_holds_for_each_publisher_topic_and_quality() {
    let cluster = two_frontends();
    let mut receiver = cluster.connect(1, &Connect::persistent(Version::V5, "orderly").receive_maximum(50));
    receiver.subscribe("order/#", 2);
    let mut sender = cluster.client(0, Version::V5);
    const EACH: usize = 300;
    for n in 0..EACH {
        for qos in 0..=2 {
            let publish = Publish::new(&format!("order/{qos}"), n.to_string()).qos(qos);
            if qos == 0 {
                sender.send_publish(publish);
            } else {
                sender.publish(publish);
            }
        }
    }
    let mut seen = [0; 3];
    for _ in 0..3 * EACH {
        let got = receiver.take();
        let place = &mut seen[usize::from(got.qos)];
        assert_eq!(got.text(), place.to_string(), "QoS {}", got.qos);
        *place += 1;
    }
    receiver.quiet();
}

#[test]
fn a_retained_message_is_there_at_every_frontend_and_can_be_removed() {
    let cluster = two_frontends();
    let mut sender = cluster.client(0, Version::V5);
    for n in 0..40 {
        sender.publish(Publish::new(&format!("kept/{n}"), n.to_string()).qos(1).retained());
    }
    sender.publish(Publish::new("kept/7", "").qos(1).retained());
    let mut reader = cluster.client(1, Version::V5);
    reader.subscribe("kept/+", 1);
    let mut texts: Vec<u32> = (0..39).map(|_| reader.take().text().parse().unwrap()).collect();
    texts.sort_unstable();
    assert_eq!(texts, (0..40).filter(|n| *n != 7).collect::<Vec<_>>());
    reader.quiet();
}

#[test]
fn a_shared_subscription_spans_frontends() {
    let cluster = two_frontends();
    let mut members: Vec<Client> = (0..2).map(|n| cluster.client(n, Version::V5)).collect();
    members.iter_mut().for_each(|member| member.subscribe("$share/g/work/+", 1));
    let mut sender = cluster.client(0, Version::V5);
    for n in 0..50 {
        sender.publish(Publish::new(&format!("work/{n}"), n.to_string()).qos(1));
    }
    let mut got = Vec::new();
    for member in &mut members {
        // A member that had nothing is no member.
        got.push(member.take().text().to_owned());
    }
    eventually("every message has come to one of the two", || {
        for member in &mut members {
            while let Some(causeway_tests::client::Event::Packet(Packet::Publish(message))) =
                member.poll(std::time::Duration::from_millis(1))
            {
                member.complete(&message);
                got.push(message.text().to_owned());
            }
        }
        (got.len() >= 50).then_some(())
    });
    let mut numbers: Vec<u32> = got.iter().map(|text| text.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
}

#[test]
fn mqtt_3_1_4_3_a_client_id_is_taken_over_from_another_frontend() {
    let cluster = two_frontends();
    for version in VERSIONS {
        let id = format!("wanderer-{version:?}");
        let will = Will::new(&format!("gone/{version:?}"), "taken over").qos(1);
        let mut witness = cluster.client(1, Version::V5);
        witness.subscribe("gone/+", 1);
        let mut old = cluster.connect(0, &Connect::persistent(version, &id).will(will));
        old.subscribe("mine", 1);
        let new = cluster.connect(1, &Connect::persistent(version, &id));
        assert!(new.connack.session_present);
        if version.is_v5() {
            old.expect_disconnect(0x8e);
        }
        old.expect_closed();
        assert_eq!(witness.take().text(), "taken over", "[MQTT-3.1.2-8]");
        let mut new = new;
        cluster.client(0, version).publish(Publish::new("mine", "for the new one").qos(1));
        assert_eq!(new.take().text(), "for the new one");
    }
}

#[test]
fn a_session_is_resumed_at_another_frontend_with_its_queue_and_its_identifiers() {
    let cluster = two_frontends();
    let connect = Connect::persistent(Version::V5, "mover").receive_maximum(10);
    let mut first = cluster.connect(0, &connect);
    first.subscribe("q/+", 1);
    let mut sender = cluster.client(1, Version::V5);
    for n in 0..30 {
        sender.publish(Publish::new(&format!("q/{}", n % 3), n.to_string()).qos(1));
    }
    // In flight and not acknowledged.
    let before: Vec<(u16, String)> = (0..10)
        .map(|_| {
            let message = first.expect_publish();
            (message.packet_id, message.text().to_owned())
        })
        .collect();
    first.vanish();
    let mut second = cluster.connect(1, &connect);
    assert!(second.connack.session_present);
    let mut again = Vec::new();
    let mut texts = Vec::new();
    for _ in 0..30 {
        let message = second.expect_publish();
        if message.dup {
            again.push((message.packet_id, message.text().to_owned()));
        }
        texts.push(message.text().parse::<u32>().unwrap());
        second.ack(AckKind::PubAck, message.packet_id);
    }
    // Which of those that the frontend had been given were sent to the client, nobody can know: they have DUP, too.
    for sent in &before {
        assert!(again.contains(sent), "[MQTT-4.4.0-1] {sent:?} again with its identifier and DUP, not {again:?}");
    }
    texts.sort_unstable();
    assert_eq!(texts, (0..30).collect::<Vec<_>>());
}

#[test]
fn unsubscribing_and_a_clean_start_reach_every_partition() {
    let cluster = two_frontends();
    let connect = Connect::persistent(Version::V5, "tidy");
    let mut client = cluster.connect(0, &connect);
    let filters: Vec<String> = (0..20).map(|n| format!("f/{n}")).collect();
    for filter in &filters {
        client.subscribe(filter, 1);
    }
    client.subscribe("f/+", 1);
    let names: Vec<&str> = filters.iter().map(String::as_str).collect();
    assert!(client.unsubscribe(&names).iter().all(|code| *code == 0));
    assert_eq!(client.unsubscribe(&["f/+", "never"]), [0x00, 0x11]);
    client.subscribe("f/0", 1);
    client.disconnect();
    let mut sender = cluster.client(1, Version::V5);
    sender.publish(Publish::new("f/0", "old").qos(1));
    let mut fresh = cluster.connect(1, &connect.clean(true));
    assert!(!fresh.connack.session_present);
    fresh.subscribe("f/1", 1);
    sender.publish(Publish::new("f/0", "nobody's").qos(1));
    sender.publish(Publish::new("f/1", "new").qos(1));
    assert_eq!(fresh.take().text(), "new");
}

#[test]
fn properties_and_large_payloads_cross_whole() {
    let cluster = two_frontends();
    let mut receiver = cluster.client(1, Version::V5);
    receiver.subscribe_with(&Subscribe::new(Filter::new("big/+", 1)).subscription_id(77));
    let payload: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let props = Props::new().user("a", "1").user("a", "2");
    let mut sender = cluster.client(0, Version::V5);
    sender.publish(Publish::new("big/1", &payload).qos(1).props(props));
    let got = receiver.take();
    assert_eq!(got.payload, payload);
    assert_eq!(got.props.subscription_ids(), [77]);
    assert_eq!(got.props.users(), [("a", "1"), ("a", "2")]);
}

#[test]
fn one_subscriber_at_each_frontend_and_many_publishers_lose_nothing() {
    let cluster = two_frontends();
    let mut receivers: Vec<Client> = (0..2).map(|n| cluster.client(n, Version::V5)).collect();
    receivers.iter_mut().for_each(|receiver| receiver.subscribe("many/#", 1));
    let senders: Vec<_> = (0..4)
        .map(|n| {
            let mut client = cluster.client(n % 2, Version::V5);
            std::thread::spawn(move || {
                for m in 0..250 {
                    client.publish(Publish::new(&format!("many/{n}/{}", m % 5), format!("{n}:{m}")).qos(1));
                }
            })
        })
        .collect();
    for receiver in &mut receivers {
        let mut texts = receiver.take_texts(1000);
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 1000);
    }
    senders.into_iter().for_each(|sender| sender.join().expect("a sender"));
}
