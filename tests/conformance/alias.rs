//! Topic aliases, both ways.

use causeway_tests::shape::is_split;
use causeway_tests::{Broker, Client, Connect, Props, Publish, Settings, Version, both, fresh, prop};

const V: Version = Version::V5;
const ACROSS_TOPICS: &str = "messages of one publisher on several topics come in the order of sending";

fn aliased(topic: &str, alias: u16, payload: &str) -> Publish {
    Publish::new(topic, payload).props(Props::new().u16(prop::TOPIC_ALIAS, alias))
}

fn reader(broker: &Broker, v: Version, topic: &str) -> Client {
    let mut reader = broker.client(v);
    reader.subscribe(topic, 2);
    reader
}

both! {
    fn mqtt_3_3_2_12_inbound_aliases_are_resolved(v) {
        let broker = Broker::shared();
        let topic = fresh("alias/in");
        let mut reader = reader(broker, v, &format!("{topic}/#"));
        let mut client = broker.client(V);
        for qos in 0..3 {
            client.publish(aliased(&format!("{topic}/{qos}"), 1, "set").qos(qos));
            client.publish(aliased("", 1, "used").qos(qos));
            for payload in ["set", "used"] {
                let message = reader.take();
                assert_eq!((message.topic.as_str(), message.text()), (format!("{topic}/{qos}").as_str(), payload));
                assert!(!message.props.has(prop::TOPIC_ALIAS));
            }
        }
    }
}

#[test]
fn alias_maximum_is_announced() {
    let broker = Broker::start(Settings::new().set("--topic-alias-maximum", 7));
    assert_eq!(broker.client(V).connack.props.number(prop::TOPIC_ALIAS_MAXIMUM), Some(7));
    let none = Broker::start(Settings::new().set("--topic-alias-maximum", 0));
    assert_eq!(none.client(V).connack.props.number(prop::TOPIC_ALIAS_MAXIMUM).unwrap_or(0), 0);
}

#[test]
fn an_alias_can_be_set_anew() {
    let broker = Broker::shared();
    let topic = fresh("alias/remap");
    let mut reader = reader(broker, V, &format!("{topic}/#"));
    let mut client = broker.client(V);
    for name in ["a", "b", "c"] {
        client.publish(aliased(&format!("{topic}/{name}"), 2, name));
        client.publish(aliased("", 2, name));
    }
    let names = ["a", "a", "b", "b", "c", "c"];
    let mut got: Vec<(String, String)> =
        names.map(|_| reader.take()).map(|m| (m.topic.clone(), m.text().into())).into();
    if is_split(ACROSS_TOPICS) {
        got.sort();
    }
    let sent: Vec<(String, String)> = names.map(|name| (format!("{topic}/{name}"), name.into())).into();
    assert_eq!(got, sent);
}

#[test]
fn all_announced_aliases_work() {
    let broker = Broker::start(Settings::new().set("--topic-alias-maximum", 20));
    let mut reader = reader(&broker, V, "all/#");
    let mut client = broker.client(V);
    for alias in 1..=20 {
        client.publish(aliased(&format!("all/{alias}"), alias, "set"));
    }
    for alias in 1..=20 {
        client.publish(aliased("", alias, "used"));
    }
    let mut got: Vec<String> = (0..40).map(|_| reader.take().topic).collect();
    let mut sent: Vec<String> = (0..40).map(|n| format!("all/{}", n % 20 + 1)).collect();
    if is_split(ACROSS_TOPICS) {
        got.sort();
        sent.sort();
    }
    assert_eq!(got, sent);
}

#[test]
fn mqtt_3_3_2_8_alias_zero_is_refused() {
    let mut client = Broker::shared().client(V);
    client.send_publish(aliased("topic", 0, "x"));
    client.expect_disconnect(0x94);
}

#[test]
fn aliases_beyond_the_maximum_are_refused() {
    let broker = Broker::start(Settings::new().set("--topic-alias-maximum", 7));
    let mut client = broker.client(V);
    client.publish(aliased("topic", 7, "x").qos(1));
    client.send_publish(aliased("topic", 8, "x"));
    client.expect_disconnect(0x94);
}

#[test]
fn no_alias_is_accepted_where_none_is_allowed() {
    let broker = Broker::start(Settings::new().set("--topic-alias-maximum", 0));
    let mut client = broker.client(V);
    client.send_publish(aliased("topic", 1, "x"));
    client.expect_disconnect(0x94);
}

#[test]
fn mqtt_3_3_2_7_unknown_alias_is_a_protocol_error() {
    let mut client = Broker::shared().client(V);
    client.send_publish(aliased("", 3, "x"));
    client.expect_disconnect(0x82);
}

#[test]
fn mqtt_3_3_2_7_aliases_end_with_the_connection() {
    let broker = Broker::shared();
    let id = fresh("alias");
    let mut client = broker.connect(&Connect::persistent(V, &id));
    client.publish(aliased("alias/left/behind", 1, "x").qos(1));
    client.vanish();
    let mut client = broker.connect(&Connect::persistent(V, &id));
    client.send_publish(aliased("", 1, "x"));
    client.expect_disconnect(0x82);
}

/// The mappings of two connections, and of the two directions, are apart.
#[test]
fn aliases_of_connections_are_independent() {
    let broker = Broker::shared();
    let topic = fresh("alias/apart");
    let mut reader = reader(broker, V, &format!("{topic}/#"));
    let mut clients: Vec<Client> = (0..4).map(|_| broker.client(V)).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.publish(aliased(&format!("{topic}/{n}"), 1, "set").qos(1));
    }
    for client in &mut clients {
        client.publish(aliased("", 1, "used").qos(1));
    }
    // Between publishers there is no order.
    let mut topics: Vec<String> = (0..8).map(|_| reader.take().topic).collect();
    topics.sort();
    assert_eq!(topics, (0..8).map(|n| format!("{topic}/{}", n / 2)).collect::<Vec<_>>());
}

#[test]
fn mqtt_3_1_2_27_no_alias_is_sent_unless_allowed() {
    let broker = Broker::shared();
    let topic = fresh("alias/none");
    for connect in [Connect::fresh(V), Connect::fresh(V).props(Props::new().u16(prop::TOPIC_ALIAS_MAXIMUM, 0))] {
        let mut reader = broker.connect(&connect);
        reader.subscribe(&topic, 1);
        let mut publisher = broker.client(V);
        for _ in 0..10 {
            publisher.publish(Publish::new(&topic, "x").qos(1));
            assert!(!reader.take().props.has(prop::TOPIC_ALIAS));
        }
    }
}

/// The client checks every alias it gets: within its maximum, set before it is used.
#[test]
fn mqtt_3_1_2_26_outbound_aliases_stay_within_the_maximum() {
    let broker = Broker::shared();
    let topic = fresh("alias/out");
    let mut reader = broker.connect(&Connect::fresh(V).props(Props::new().u16(prop::TOPIC_ALIAS_MAXIMUM, 3)));
    reader.subscribe(&format!("{topic}/#"), 2);
    let mut publisher = broker.client(V);
    for round in 0..5u8 {
        for name in 0..10 {
            publisher.publish(Publish::new(&format!("{topic}/{name}"), [round]).qos(name % 3));
        }
    }
    let mut next = [0u8; 10];
    for _ in 0..50 {
        let message = reader.take();
        let name: usize = message.topic.rsplit('/').next().and_then(|n| n.parse().ok()).expect("a number");
        assert_eq!(message.payload, [next[name]], "{}", message.topic);
        next[name] += 1;
    }
    reader.quiet();
}

/// Ours outbound too: a repeated topic is sent short.
#[test]
fn outbound_aliases_are_used() {
    if causeway_tests::broker::is_reference() {
        return;
    }
    let broker = Broker::shared();
    let topic = fresh("alias/used/again/and/again");
    let mut reader = broker.connect(&Connect::fresh(V).props(Props::new().u16(prop::TOPIC_ALIAS_MAXIMUM, 10)));
    reader.subscribe(&topic, 1);
    let mut publisher = broker.client(V);
    let messages: Vec<Publish> = (0..5)
        .map(|_| {
            publisher.publish(Publish::new(&topic, "x").qos(1));
            reader.take()
        })
        .collect();
    let alias = messages[4].props.number(prop::TOPIC_ALIAS);
    assert!(alias.is_some(), "the fifth message on one topic has no alias");
}

/// What is sent again on a new connection does not lean on the old one's aliases.
#[test]
fn redelivery_does_not_use_aliases_of_the_old_connection() {
    let broker = Broker::shared();
    let (id, topic) = (fresh("alias"), fresh("alias/again"));
    let connect = Connect::persistent(V, &id).props(Props::new().u16(prop::TOPIC_ALIAS_MAXIMUM, 5));
    let mut reader = broker.connect(&connect);
    reader.subscribe(&topic, 1);
    let mut publisher = broker.client(V);
    for n in 0..4 {
        publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
        reader.expect_publish();
    }
    reader.vanish();
    let mut reader = broker.connect(&connect);
    for n in 0..4 {
        let message = reader.take();
        assert_eq!((message.topic.as_str(), message.text()), (topic.as_str(), n.to_string().as_str()));
    }
}
