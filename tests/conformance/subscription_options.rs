//! Subscription options and identifiers of MQTT 5.

use causeway_tests::{Broker, Client, Connect, Filter, Props, Publish, Settings, Subscribe, Version, fresh};

const V: Version = Version::V5;

fn client() -> Client {
    Broker::shared().client(V)
}

fn with(client: &mut Client, filter: Filter, id: u32) {
    client.subscribe_with(&Subscribe::new(filter).subscription_id(id));
}

#[test]
fn mqtt_3_8_3_3_no_local_keeps_own_messages_away() {
    let topic = fresh("no/local");
    let (mut own, mut other) = (client(), client());
    own.subscribe_with(&Subscribe::new(Filter::new(&topic, 2).no_local()));
    for qos in 0..3 {
        own.publish(Publish::new(&topic, "own").qos(qos));
        other.publish(Publish::new(&topic, "other").qos(qos));
        assert_eq!(own.take().payload, b"other");
    }
    own.quiet();
}

/// Another subscription of the same client without the option still delivers.
#[test]
fn no_local_counts_for_its_own_subscription() {
    let topic = fresh("no/local/overlap");
    let mut own = client();
    own.subscribe_with(&Subscribe::new(Filter::new(&topic, 2).no_local()).subscription_id(1));
    with(&mut own, Filter::new(&format!("{topic}/#"), 1), 2);
    own.publish(Publish::new(&topic, "own").qos(2));
    let message = own.take();
    assert_eq!((message.qos, message.props.subscription_ids()), (1, vec![2]));
    own.quiet();
}

/// The option belongs to the client identifier: it holds for the next connection of the session.
#[test]
fn no_local_survives_a_resume() {
    let broker = Broker::shared();
    let topic = fresh("no/local/resume");
    let connect = Connect::persistent(V, &fresh("local"));
    let mut own = broker.connect(&connect);
    own.subscribe_with(&Subscribe::new(Filter::new(&topic, 1).no_local()));
    own.disconnect();
    let mut own = broker.connect(&connect);
    own.publish(Publish::new(&topic, "own").qos(1));
    client().publish(Publish::new(&topic, "other").qos(1));
    assert_eq!(own.take().payload, b"other");
    own.quiet();
}

/// Nor does a subscription get them later, as what is retained.
#[test]
fn mqtt_3_8_3_3_no_local_keeps_own_retained_messages_away() {
    let topic = fresh("no/local/retained");
    let (mut own, mut other) = (client(), client());
    own.publish(Publish::new(&format!("{topic}/own"), "own").qos(1).retained());
    other.publish(Publish::new(&format!("{topic}/other"), "other").qos(1).retained());
    own.subscribe_with(&Subscribe::new(Filter::new(&format!("{topic}/#"), 1).no_local()));
    assert_eq!(own.take().payload, b"other");
    own.quiet();
    other.subscribe_with(&Subscribe::new(Filter::new(&format!("{topic}/own"), 1).no_local()));
    assert_eq!(other.take().payload, b"own");
}

#[test]
fn mqtt_3_3_1_12_retain_is_cleared_without_retain_as_published() {
    let topic = fresh("rap");
    let mut reader = client();
    reader.subscribe(&topic, 1);
    client().publish(Publish::new(&topic, "x").qos(1).retained());
    assert!(!reader.take().retain);
}

#[test]
fn mqtt_3_3_1_13_retain_is_kept_with_retain_as_published() {
    let topic = fresh("rap");
    let mut reader = client();
    reader.subscribe_with(&Subscribe::new(Filter::new(&topic, 1).retain_as_published()));
    let mut publisher = client();
    publisher.publish(Publish::new(&topic, "x").qos(1).retained());
    assert!(reader.take().retain);
    publisher.publish(Publish::new(&topic, "y").qos(1));
    assert!(!reader.take().retain);
    publisher.publish(Publish::new(&topic, "").qos(0).retained());
    assert!(reader.take().retain, "the removal too");
}

/// Retain as published holds for sessions that are away.
#[test]
fn retain_as_published_survives_the_queue() {
    let broker = Broker::shared();
    let topic = fresh("rap/queue");
    let connect = Connect::persistent(V, &fresh("rap"));
    let mut away = broker.connect(&connect);
    let both = Subscribe::new(Filter::new(&format!("{topic}/a"), 1).retain_as_published());
    away.subscribe_with(&both.and(Filter::new(&format!("{topic}/b"), 1)));
    away.disconnect();
    let mut publisher = client();
    publisher.publish(Publish::new(&format!("{topic}/a"), "a").qos(1).retained());
    publisher.publish(Publish::new(&format!("{topic}/b"), "b").qos(1).retained());
    let mut back = broker.connect(&connect);
    for _ in 0..2 {
        let message = back.take();
        assert_eq!(message.retain, message.payload == b"a", "{}", message.topic);
    }
}

#[test]
fn mqtt_3_3_1_9_retain_handling_0_sends_at_every_subscribe() {
    let topic = fresh("handling");
    client().publish(Publish::new(&topic, "kept").qos(1).retained());
    let mut reader = client();
    for _ in 0..3 {
        reader.subscribe(&topic, 1);
        let message = reader.take();
        assert!(message.retain, "[MQTT-3.3.1-6] and 3.3.1.3: a retained message is marked");
        assert_eq!(message.payload, b"kept");
    }
}

#[test]
fn mqtt_3_3_1_10_retain_handling_1_sends_to_new_subscriptions_only() {
    let topic = fresh("handling");
    client().publish(Publish::new(&topic, "kept").qos(1).retained());
    let mut reader = client();
    let subscribe = Subscribe::new(Filter::new(&topic, 1).retain_handling(1));
    reader.subscribe_with(&subscribe);
    assert_eq!(reader.take().payload, b"kept");
    reader.subscribe_with(&subscribe);
    reader.quiet();
    reader.unsubscribe(&[&topic]);
    reader.subscribe_with(&subscribe);
    assert_eq!(reader.take().payload, b"kept", "new again");
}

#[test]
fn mqtt_3_3_1_11_retain_handling_2_sends_nothing() {
    let topic = fresh("handling");
    client().publish(Publish::new(&topic, "kept").qos(1).retained());
    let mut reader = client();
    reader.subscribe_with(&Subscribe::new(Filter::new(&topic, 1).retain_handling(2)));
    reader.quiet();
    client().publish(Publish::new(&topic, "live").qos(1).retained());
    assert_eq!(reader.take().payload, b"live");
}

/// Retain handling 1 counts a resumed session's subscription as existing.
#[test]
fn retain_handling_1_after_a_resume() {
    let broker = Broker::shared();
    let topic = fresh("handling/resume");
    client().publish(Publish::new(&topic, "kept").qos(1).retained());
    let connect = Connect::persistent(V, &fresh("handling"));
    let subscribe = Subscribe::new(Filter::new(&topic, 1).retain_handling(1));
    let mut reader = broker.connect(&connect);
    reader.subscribe_with(&subscribe);
    reader.take();
    reader.disconnect();
    let mut reader = broker.connect(&connect);
    reader.quiet();
    reader.subscribe_with(&subscribe);
    reader.quiet();
}

#[test]
fn mqtt_3_3_4_3_subscription_identifiers_are_sent() {
    let topic = fresh("sid");
    for id in [1, 127, 128, 16_383, 16_384, 268_435_455] {
        let mut reader = client();
        with(&mut reader, Filter::new(&topic, 1), id);
        client().publish(Publish::new(&topic, "x").qos(1));
        assert_eq!(reader.take().props.subscription_ids(), [id]);
    }
}

#[test]
fn mqtt_3_3_4_4_one_copy_carries_all_identifiers() {
    let topic = fresh("sid/overlap");
    let mut reader = client();
    with(&mut reader, Filter::new(&format!("{topic}/+"), 0), 10);
    with(&mut reader, Filter::new(&format!("{topic}/#"), 2), 20);
    with(&mut reader, Filter::new(&format!("{topic}/a"), 1), 30);
    reader.subscribe(&format!("{topic}/a/#"), 1);
    with(&mut reader, Filter::new("elsewhere", 1), 40);
    client().publish(Publish::new(&format!("{topic}/a"), "x").qos(2));
    let message = reader.take();
    assert_eq!((message.qos, message.props.subscription_ids()), (2, vec![10, 20, 30]));
    reader.quiet();
}

/// A new subscription to the same filter replaces the identifier, or takes it away.
#[test]
fn identifiers_are_replaced() {
    let topic = fresh("sid/replace");
    let mut reader = client();
    let mut publisher = client();
    for (id, expected) in [(Some(1), vec![1]), (Some(2), vec![2]), (None, vec![])] {
        match id {
            Some(id) => with(&mut reader, Filter::new(&topic, 1), id),
            None => reader.subscribe(&topic, 1),
        }
        publisher.publish(Publish::new(&topic, "x").qos(1));
        assert_eq!(reader.take().props.subscription_ids(), expected);
    }
}

/// One identifier may stand for many filters.
#[test]
fn one_identifier_for_several_filters() {
    let topic = fresh("sid/several");
    let mut reader = client();
    let two = Subscribe::new(Filter::new(&format!("{topic}/a"), 1)).and(Filter::new(&format!("{topic}/+"), 1));
    reader.subscribe_with(&two.subscription_id(5));
    client().publish(Publish::new(&format!("{topic}/a"), "x").qos(1));
    let ids = reader.take().props.subscription_ids();
    assert!(ids == [5] || ids == [5, 5], "{ids:?}");
    reader.quiet();
}

#[test]
fn identifiers_survive_queue_and_resume() {
    let broker = Broker::shared();
    let topic = fresh("sid/queue");
    let connect = Connect::persistent(V, &fresh("sid"));
    let mut away = broker.connect(&connect);
    with(&mut away, Filter::new(&topic, 1), 77);
    with(&mut away, Filter::new(&format!("{topic}/#"), 1), 78);
    away.disconnect();
    client().publish(Publish::new(&topic, "queued").qos(1));
    let mut back = broker.connect(&connect);
    assert_eq!(back.take().props.subscription_ids(), [77, 78]);
    client().publish(Publish::new(&topic, "live").qos(1));
    assert_eq!(back.take().props.subscription_ids(), [77, 78]);
}

/// Retained messages carry the identifier of the subscription that asked for them.
#[test]
fn identifiers_on_retained_messages() {
    let topic = fresh("sid/retained");
    client().publish(Publish::new(&topic, "kept").qos(1).retained());
    let mut reader = client();
    with(&mut reader, Filter::new(&topic, 1), 9);
    assert_eq!(reader.take().props.subscription_ids(), [9]);
}

/// A session whose options are set over MQTT 5 keeps them; one that resumes over 3.1.1 gets no properties.
#[test]
fn identifiers_do_not_reach_311_connections() {
    let broker = Broker::shared();
    let topic = fresh("sid/311");
    let id = fresh("sid");
    let mut new = broker.connect(&Connect::persistent(V, &id));
    with(&mut new, Filter::new(&topic, 1), 3);
    new.disconnect();
    let mut old = broker.connect(&Connect::persistent(Version::V311, &id));
    client().publish(Publish::new(&topic, "x").qos(1));
    assert_eq!(old.take().props, Props::new());
}

/// The same with several partitions, where filters with wildcards are registered everywhere.
#[test]
fn overlap_across_partitions() {
    let broker = Broker::start(Settings::new().set("--partitions", 5).set("--workers", 2));
    for connect in [Connect::fresh(V), Connect::persistent(V, "across")] {
        let mut reader = broker.connect(&connect);
        with(&mut reader, Filter::new("x/+/#", 0), 1);
        with(&mut reader, Filter::new("x/#", 2), 2);
        let mut publisher = broker.client(V);
        for n in 0..30 {
            with(&mut reader, Filter::new(&format!("x/{n}"), 1), 3);
            publisher.publish(Publish::new(&format!("x/{n}"), n.to_string()).qos(2));
            let message = reader.take();
            assert_eq!((message.qos, message.props.subscription_ids()), (2, vec![1, 2, 3]));
            reader.quiet();
        }
    }
}
