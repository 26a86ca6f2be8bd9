//! Shared subscriptions: one member of a group gets each message.

use causeway_tests::shape::is_split;
use causeway_tests::{Broker, Client, Filter, Packet, Props, Publish, Settings, Subscribe, Version, both, fresh};

/// Members of one group on one filter.
fn group(broker: &Broker, v: Version, count: usize, filter: &str, qos: u8) -> Vec<Client> {
    let members = (0..count).map(|_| {
        let mut member = broker.client(v);
        member.subscribe(filter, qos);
        member
    });
    members.collect()
}

/// What has arrived at each member, acknowledged; a PING each says that this is all.
fn collect(members: &mut [Client]) -> Vec<Vec<String>> {
    let all = members.iter_mut().map(|member| {
        member.settle();
        let mut texts = Vec::new();
        while let Some(causeway_tests::client::Event::Packet(packet)) = member.poll(std::time::Duration::ZERO) {
            if let Packet::Publish(message) = packet {
                member.complete(&message);
                texts.push(message.text().to_string());
            }
        }
        texts
    });
    all.collect()
}

/// Reads until that many messages have come in all.
fn collect_count(members: &mut [Client], count: usize) -> Vec<Vec<String>> {
    let mut got = vec![Vec::new(); members.len()];
    causeway_tests::eventually("every message of the group arrives", || {
        for (all, new) in got.iter_mut().zip(collect(members)) {
            all.extend(new);
        }
        (got.iter().map(Vec::len).sum::<usize>() >= count).then_some(())
    });
    assert_eq!(got.iter().map(Vec::len).sum::<usize>(), count, "{got:?}");
    got
}

/// Whether each member has got as many, or nearly so where a frontend sends together what is logged and what is not.
fn take_turns(got: &[Vec<String>], each: usize) -> bool {
    let nearly = if is_split("what one client sends is all logged, or all not") { 2 } else { 0 };
    got.iter().all(|texts| texts.len().abs_diff(each) <= nearly)
}

/// Members take turns apart for what is written to the log and for what is not, and which it is may depend on others.
fn alone() -> Broker {
    Broker::start(Settings::new())
}

both! {
    fn mqtt_4_8_2_each_message_goes_to_one_member(v) {
        let broker = Broker::shared();
        let topic = fresh("shared");
        for qos in 0..3 {
            let mut members = group(broker, v, 3, &format!("$share/g{qos}/{topic}"), 2);
            let mut publisher = broker.client(v);
            for n in 0..30 {
                publisher.publish(Publish::new(&topic, n.to_string()).qos(qos));
            }
            let got = collect_count(&mut members, 30);
            let mut all: Vec<i32> = got.iter().flatten().map(|t| t.parse().expect("a number")).collect();
            all.sort_unstable();
            assert_eq!(all, (0..30).collect::<Vec<_>>());
            members.into_iter().for_each(Client::disconnect);
        }
    }

    /// Round robin among members that can all take the next one.
    fn members_take_turns(v) {
        let broker = &alone();
        let topic = fresh("shared/turns");
        let mut members = group(broker, v, 3, &format!("$share/turns/{topic}"), 1);
        let mut publisher = broker.client(v);
        for n in 0..30 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
        }
        let got = collect_count(&mut members, 30);
        assert!(take_turns(&got, 10), "{got:?}");
    }

    fn every_group_gets_its_copy(v) {
        let broker = Broker::shared();
        let topic = fresh("shared/groups");
        let mut one = group(broker, v, 2, &format!("$share/one/{topic}"), 1);
        let mut two = group(broker, v, 2, &format!("$share/two/{topic}"), 1);
        let mut plain = broker.client(v);
        plain.subscribe(&topic, 1);
        let mut publisher = broker.client(v);
        for n in 0..10 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
        }
        collect_count(&mut one, 10);
        collect_count(&mut two, 10);
        assert_eq!(plain.take_texts(10).len(), 10);
        plain.quiet();
    }

    /// The same filter in two groups, and two filters in one group: four different subscriptions.
    fn groups_are_named_by_group_and_filter(v) {
        let broker = Broker::shared();
        let topic = fresh("shared/named");
        let filters = [format!("$share/g/{topic}/+"), format!("$share/g/{topic}/#"), format!("$share/h/{topic}/+")];
        let mut readers: Vec<Client> = filters.iter().map(|f| group(broker, v, 1, f, 1).remove(0)).collect();
        broker.client(v).publish(Publish::new(&format!("{topic}/x"), "all").qos(1));
        for reader in &mut readers {
            assert_eq!(reader.take().payload, b"all");
            reader.quiet();
        }
    }

    /// A client in a group with a subscription of its own beside it gets both.
    fn shared_and_plain_subscription_of_one_client(v) {
        let topic = fresh("shared/both");
        let mut client = Broker::shared().client(v);
        client.subscribe(&topic, 1);
        client.subscribe(&format!("$share/both/{topic}"), 1);
        Broker::shared().client(v).publish(Publish::new(&topic, "x").qos(1));
        assert_eq!(client.take_texts(2), ["x", "x"]);
        client.quiet();
    }

    fn mqtt_4_8_2_3_members_get_their_own_qos(v) {
        let broker = Broker::shared();
        let topic = fresh("shared/qos");
        let filter = format!("$share/qos/{topic}");
        let mut members: Vec<Client> = (0..3).map(|qos| group(broker, v, 1, &filter, qos).remove(0)).collect();
        let mut publisher = broker.client(v);
        for _ in 0..9 {
            publisher.publish(Publish::new(&topic, "x").qos(2));
        }
        let mut count = 0;
        causeway_tests::eventually("nine messages", || {
            for (granted, member) in members.iter_mut().enumerate() {
                member.settle();
                while let Some(causeway_tests::client::Event::Packet(packet)) = member.poll(std::time::Duration::ZERO) {
                    if let Packet::Publish(message) = packet {
                        assert_eq!(usize::from(message.qos), granted);
                        member.complete(&message);
                        count += 1;
                    }
                }
            }
            (count == 9).then_some(())
        });
    }

    /// 4.8.2: no retained messages for a shared subscription.
    fn no_retained_messages_for_shared_subscriptions(v) {
        let topic = fresh("shared/retained");
        let broker = Broker::shared();
        broker.client(v).publish(Publish::new(&topic, "kept").qos(1).retained());
        let mut member = group(broker, v, 1, &format!("$share/r/{topic}"), 1).remove(0);
        member.quiet();
        broker.client(v).publish(Publish::new(&topic, "live").qos(1).retained());
        let live = member.take();
        assert_eq!((live.payload.as_slice(), live.retain), (&b"live"[..], false));
    }

    fn unsubscribed_members_get_nothing_more(v) {
        let broker = Broker::shared();
        let topic = fresh("shared/leave");
        let filter = format!("$share/leave/{topic}");
        let mut members = group(broker, v, 3, &filter, 1);
        members[0].unsubscribe(&[&filter]);
        // The plain filter is another subscription.
        members[1].unsubscribe(&[&topic]);
        let mut publisher = broker.client(v);
        for n in 0..12 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
        }
        let got = collect_count(&mut members, 12);
        assert!(got[0].is_empty());
        assert!(!got[1].is_empty() && !got[2].is_empty());
    }

    fn wildcards_in_shared_filters(v) {
        let broker = Broker::shared();
        let topic = fresh("shared/wild");
        let mut members = group(broker, v, 2, &format!("$share/wild/{topic}/+/end"), 1);
        let mut publisher = broker.client(v);
        for n in 0..20 {
            publisher.publish(Publish::new(&format!("{topic}/{n}/end"), n.to_string()).qos(1));
            publisher.publish(Publish::new(&format!("{topic}/{n}/other"), "no").qos(1));
        }
        collect_count(&mut members, 20);
    }

    /// `$share` is no topic: publishing below it reaches nobody, and `#` does not see it.
    fn share_is_not_a_topic(v) {
        let broker = Broker::shared();
        let topic = fresh("shared/name");
        let mut member = group(broker, v, 1, &format!("$share/name/{topic}"), 1).remove(0);
        let mut publisher = broker.client(v);
        let id = publisher.send_publish(Publish::new(&format!("$share/name/{topic}"), "x").qos(1));
        // Refused or ignored; either way no message.
        match publisher.event() {
            causeway_tests::client::Event::Packet(Packet::Ack(ack)) => assert_eq!(ack.packet_id, id),
            causeway_tests::client::Event::Packet(Packet::Disconnect { reason, .. }) => assert!(reason >= 0x80),
            causeway_tests::client::Event::Closed => {}
            other => panic!("{other:?}"),
        }
        member.quiet();
    }

    /// Order is kept for each member.
    fn members_see_messages_in_order(v) {
        let broker = Broker::shared();
        let topic = fresh("shared/order");
        let mut members = group(broker, v, 3, &format!("$share/order/{topic}"), 2);
        let mut publisher = broker.client(v);
        for n in 0..60 {
            publisher.publish(Publish::new(&topic, n.to_string()).qos(1 + n % 2));
        }
        for texts in collect_count(&mut members, 60) {
            let numbers: Vec<i32> = texts.iter().map(|t| t.parse().expect("a number")).collect();
            let (odd, even): (Vec<i32>, Vec<i32>) = numbers.iter().partition(|n| *n % 2 == 1);
            assert!(odd.is_sorted() && even.is_sorted(), "{numbers:?}");
        }
    }
}

/// Members of both versions share one group.
#[test]
fn groups_mix_versions() {
    let broker = &alone();
    let topic = fresh("shared/mixed");
    let filter = format!("$share/mixed/{topic}");
    let mut members = group(broker, Version::V5, 1, &filter, 1);
    members.extend(group(broker, Version::V311, 1, &filter, 1));
    let mut publisher = broker.client(Version::V5);
    for n in 0..10 {
        publisher.publish(Publish::new(&topic, n.to_string()).qos(1).props(Props::new().user("a", "b")));
    }
    let got = collect_count(&mut members, 10);
    assert!(take_turns(&got, 5), "{got:?}");
}

#[test]
fn mqtt_3_8_3_4_no_local_on_a_shared_subscription_is_an_error() {
    let mut client = Broker::shared().client(Version::V5);
    client.send(&Subscribe::new(Filter::new("$share/g/topic", 1).no_local()).encode(Version::V5, 1));
    client.expect_disconnect(0x82);
}

/// Group names have at least one character and no wildcard or slash; behind them stands a filter.
#[test]
fn mqtt_4_8_2_1_share_names_are_checked() {
    for filter in
        ["$share//topic", "$share/a+b/topic", "$share/a#/topic", "$share/+/topic", "$share/g", "$share/g/", "$share/"]
    {
        let mut client = Broker::shared().client(Version::V5);
        client.send(&Subscribe::new(Filter::new(filter, 1)).encode(Version::V5, 1));
        match client.recv() {
            Packet::SubAck(answer) => assert!(answer.codes[0] >= 0x80, "{filter}: {answer:?}"),
            Packet::Disconnect { reason, .. } => {
                assert!([0x81, 0x82, 0x8f].contains(&reason), "{filter}: {reason:#04x}")
            }
            other => panic!("{filter}: {other:?}"),
        }
    }
}

#[test]
fn subscription_identifiers_on_shared_subscriptions() {
    let topic = fresh("shared/sid");
    let mut member = Broker::shared().client(Version::V5);
    let shared = Subscribe::new(Filter::new(&format!("$share/sid/{topic}"), 1)).subscription_id(42);
    member.subscribe_with(&shared);
    Broker::shared().client(Version::V5).publish(Publish::new(&topic, "x").qos(1));
    assert_eq!(member.take().props.subscription_ids(), [42]);
}

/// Messages with one `$partition` value go to one member; different values spread.
#[test]
fn partition_property_is_sticky() {
    if causeway_tests::broker::is_reference() {
        return;
    }
    let broker = Broker::shared();
    let topic = fresh("shared/sticky");
    let mut members = group(broker, Version::V5, 4, &format!("$share/sticky/{topic}"), 1);
    let mut publisher = broker.client(Version::V5);
    for round in 0..5 {
        for key in 0..20 {
            let props = Props::new().user("$partition", &format!("key-{key}"));
            publisher.publish(Publish::new(&topic, format!("{key}:{round}")).qos(1).props(props));
        }
    }
    let got = collect_count(&mut members, 100);
    let mut owner = std::collections::HashMap::new();
    for (member, texts) in got.iter().enumerate() {
        for text in texts {
            let key = text.split(':').next().expect("a key");
            assert_eq!(*owner.entry(key.to_string()).or_insert(member), member, "{key} moved");
        }
    }
    assert!(got.iter().filter(|texts| !texts.is_empty()).count() > 1, "all keys at one member");
}
