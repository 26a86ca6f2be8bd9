//! The `$SYS` tree, under the names mosquitto users know.

use std::collections::HashMap;
use std::time::Duration;

use causeway_tests::client::Event;
use causeway_tests::deadline::patience;
use causeway_tests::{Broker, Client, Packet, Publish, Settings, Version, fresh};

const NAMES: &[&str] = &[
    "$SYS/broker/version",
    "$SYS/broker/uptime",
    "$SYS/broker/clients/total",
    "$SYS/broker/clients/connected",
    "$SYS/broker/clients/disconnected",
    "$SYS/broker/clients/maximum",
    "$SYS/broker/clients/expired",
    "$SYS/broker/messages/received",
    "$SYS/broker/messages/sent",
    "$SYS/broker/messages/stored",
    "$SYS/broker/publish/messages/received",
    "$SYS/broker/publish/messages/sent",
    "$SYS/broker/publish/messages/dropped",
    "$SYS/broker/publish/bytes/received",
    "$SYS/broker/publish/bytes/sent",
    "$SYS/broker/bytes/received",
    "$SYS/broker/bytes/sent",
    "$SYS/broker/retained messages/count",
    "$SYS/broker/subscriptions/count",
    "$SYS/broker/load/messages/received/1min",
    "$SYS/broker/load/messages/sent/5min",
    "$SYS/broker/load/publish/received/15min",
    "$SYS/broker/load/bytes/received/1min",
    "$SYS/broker/load/connections/1min",
];

fn broker() -> Broker {
    Broker::start(Settings::new().set("--sys-interval", 1))
}

fn reader(broker: &Broker) -> Client {
    let mut reader = broker.client(Version::V5);
    reader.subscribe("$SYS/#", 0);
    reader
}

/// Reads until the picture of the tree satisfies `done`.
fn watch(reader: &mut Client, what: &str, done: impl Fn(&HashMap<String, String>) -> bool) {
    let mut tree = HashMap::new();
    let end = std::time::Instant::now() + patience();
    while !done(&tree) {
        assert!(std::time::Instant::now() < end, "not seen: {what}; the tree: {tree:#?}");
        if let Some(Event::Packet(Packet::Publish(m))) = reader.poll(Duration::from_millis(100)) {
            tree.insert(m.topic.clone(), m.text().to_string());
        }
    }
}

fn number(tree: &HashMap<String, String>, name: &str) -> f64 {
    tree.get(name).and_then(|text| text.split(' ').next()).and_then(|n| n.parse().ok()).unwrap_or(-1.0)
}

#[test]
fn sys_topics_have_the_known_names() {
    let broker = broker();
    watch(&mut reader(&broker), "every name appears", |tree| NAMES.iter().all(|name| tree.contains_key(*name)));
}

#[test]
fn sys_counts_clients_and_messages() {
    let broker = broker();
    let mut reader = reader(&broker);
    let mut others: Vec<Client> = (0..4).map(|_| broker.client(Version::V311)).collect();
    let topic = fresh("counted");
    others[0].subscribe(&topic, 1);
    for n in 0..10 {
        others[1].publish(Publish::new(&topic, [b'x'; 1000]).qos(n % 2));
        others[0].take();
    }
    others[1].publish(Publish::new(&topic, "kept").retained().qos(1));
    watch(&mut reader, "five clients and eleven messages", |tree| {
        number(tree, "$SYS/broker/clients/connected") == 5.0
            && number(tree, "$SYS/broker/publish/messages/received") >= 10.0
            && number(tree, "$SYS/broker/publish/messages/sent") >= 11.0
            && number(tree, "$SYS/broker/bytes/received") >= 10_000.0
            && number(tree, "$SYS/broker/bytes/sent") >= 10_000.0
            && number(tree, "$SYS/broker/messages/received") >= 16.0
            && number(tree, "$SYS/broker/subscriptions/count") >= 2.0
    });
    others.into_iter().for_each(Client::disconnect);
    watch(&mut reader, "one client left", |tree| number(tree, "$SYS/broker/clients/connected") == 1.0);
}

/// mosquitto writes "12 seconds".
#[test]
fn sys_uptime_and_version_are_readable() {
    let broker = broker();
    watch(&mut reader(&broker), "uptime and version", |tree| {
        tree.get("$SYS/broker/uptime").is_some_and(|t| t.ends_with(" seconds"))
            && tree.get("$SYS/broker/version").is_some_and(|t| !t.is_empty())
    });
}

/// They are retained: a subscriber sees them at once, and later ones as they change.
#[test]
fn sys_topics_are_retained() {
    let broker = broker();
    watch(&mut reader(&broker), "the first picture", |tree| tree.contains_key("$SYS/broker/uptime"));
    let mut late = reader(&broker);
    assert!(late.expect_publish().retain);
}

#[test]
fn sys_topics_can_be_turned_off() {
    let broker = Broker::start(Settings::new().set("--sys-interval", 0));
    let mut reader = reader(&broker);
    reader.quiet();
    // Something that takes longer than any interval would be: a client that times out.
    let connect = causeway_tests::Connect::fresh(Version::V5).keep_alive(1);
    broker.connect(&connect).expect_disconnect(0x8d);
    reader.quiet();
}

/// Clients do not write there.
#[test]
fn clients_cannot_publish_below_sys() {
    if causeway_tests::broker::is_reference() {
        return;
    }
    let broker = Broker::start(Settings::new().set("--sys-interval", 0));
    let mut reader = reader(&broker);
    let mut liar = broker.client(Version::V5);
    let reason = liar.publish(Publish::new("$SYS/broker/version", "a lie").qos(1).retained());
    assert!(reason >= 0x80, "accepted with {reason:#04x}");
    reader.quiet();
    // A 3.1.1 client is answered as usual, and nothing happens.
    broker.client(Version::V311).publish(Publish::new("$SYS/broker/version", "a lie").qos(1).retained());
    reader.quiet();
    let mut late = broker.client(Version::V5);
    late.subscribe("$SYS/#", 0);
    late.quiet();
}

#[test]
fn mqtt_4_7_2_1_wildcards_do_not_see_sys() {
    let broker = broker();
    let mut wild = broker.client(Version::V5);
    wild.subscribe("#", 0);
    wild.subscribe("+/broker/uptime", 0);
    let mut reader = reader(&broker);
    watch(&mut reader, "the tree is there", |tree| tree.contains_key("$SYS/broker/uptime"));
    wild.quiet();
}
