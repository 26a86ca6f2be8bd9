//! `advanced.clients`: bounds that CONNACK tells and the broker keeps.

use causeway_tests::deadline::eventually;
use causeway_tests::{Client, Connect, Props, Publish, Version, fresh, prop};

use super::served::{Served, V};

fn clients(fields: &str) -> String {
    let lines: String = fields.lines().map(|line| format!("    {line}\n")).collect();
    format!("advanced:\n  clients:\n{lines}")
}

fn expiry(served: &Served, connect: &Connect) -> (Option<u32>, u64) {
    let client = served.broker.connect(connect);
    let told = client.connack.props.number(prop::SESSION_EXPIRY);
    let session = served.api(&format!("sessions/{}", client.id));
    (told, session["expirySeconds"].as_u64().expect("a number"))
}

#[test]
pub fn max_session_expiry() {
    let served = Served::by("{}");
    let long = |name: &str| Connect::new(V, &fresh(name)).session_expiry(u32::MAX);
    // The specification has no need to say what was granted as asked.
    assert_eq!(expiry(&served, &long("unbounded")).1, u64::from(u32::MAX));
    served.change(&clients("maxSessionExpirySeconds: 100"));
    assert_eq!(expiry(&served, &long("bounded")), (Some(100), 100));
    assert_eq!(expiry(&served, &Connect::new(V, &fresh("short")).session_expiry(50)).1, 50);
    // MQTT 3.1.1 has no expiry, so a kept session has the longest one.
    assert_eq!(expiry(&served, &Connect::persistent(Version::V311, &fresh("old"))).1, 100);
}

#[test]
pub fn max_message_expiry() {
    let served = Served::by("{}");
    let expiry = |asked: Option<u32>, topic: &str| {
        let props = asked.map_or_else(Props::new, |seconds| Props::new().u32(prop::MESSAGE_EXPIRY, seconds));
        let mut publisher = served.broker.client(V);
        publisher.publish(Publish::new(topic, "x").qos(1).retained().props(props));
        let mut reader = served.broker.client(V);
        reader.subscribe(topic, 1);
        reader.take().props.number(prop::MESSAGE_EXPIRY)
    };
    assert_eq!(expiry(None, "unbounded"), None);
    served.change(&clients("maxMessageExpirySeconds: 1000"));
    for (asked, topic) in [(None, "none"), (Some(100_000), "long")] {
        let left = expiry(asked, topic).expect("an expiry");
        // What is told is what is left.
        assert!((900..=1000).contains(&left), "{topic}: {left}");
    }
    let left = expiry(Some(500), "short").expect("an expiry");
    assert!((400..=500).contains(&left), "short: {left}");
}

#[test]
pub fn max_packet_size() {
    let served = Served::by("memoryProfile: Tiny\n");
    let told = || served.broker.client(V).connack.props.number(prop::MAXIMUM_PACKET_SIZE);
    assert_eq!(told(), Some(4 * 1024 * 1024));
    let mut early = served.broker.client(V);
    served.change(&(clients("maxPacketSizeBytes: 2000") + "memoryProfile: Tiny\n"));
    assert_eq!(told(), Some(2000));
    let mut late = served.broker.client(V);
    let large = Publish::new("large", vec![0; 3000]).qos(1);
    assert!(early.publish(large.clone()) < 0x80, "who was promised more before keeps it");
    late.send_publish(large);
    late.expect_disconnect(0x95);
    // Not more than the memory profile allows.
    served.change(&(clients("maxPacketSizeBytes: 268435456") + "memoryProfile: Tiny\n"));
    assert_eq!(told(), Some(4 * 1024 * 1024));
}

#[test]
pub fn max_receive_maximum() {
    let served = Served::by("{}");
    let reader = |topic: &str| {
        let mut reader = served.broker.connect(&Connect::fresh(V).receive_maximum(100));
        reader.subscribe(topic, 1);
        let mut publisher = served.broker.client(V);
        for n in 0..4 {
            publisher.publish(Publish::new(topic, n.to_string()).qos(1));
        }
        let api = served.api(&format!("clients/{}", reader.id));
        (reader, api["receiveMaximum"].as_u64())
    };
    let (mut wide, granted) = reader("wide");
    assert_eq!(granted, Some(100));
    (0..4).for_each(|_| drop(wide.expect_publish()));
    served.change(&clients("maxReceiveMaximum: 2"));
    let (mut narrow, granted) = reader("narrow");
    assert_eq!(granted, Some(2));
    let first = narrow.expect_publish();
    narrow.expect_publish();
    narrow.quiet();
    narrow.complete(&first);
    assert_eq!(narrow.expect_publish().text(), "2");
    narrow.quiet();
}

#[test]
pub fn receive_maximum() {
    let served = Served::by("{}");
    let told = |client: &Client| client.connack.props.number(prop::RECEIVE_MAXIMUM);
    assert_eq!(told(&served.broker.client(V)), Some(1000));
    served.change(&clients("receiveMaximum: 3"));
    let mut client = served.broker.client(V);
    assert_eq!(told(&client), Some(3));
    // QoS 2 counts until PUBREL, which this client never sends.
    for packet_id in 1..=4 {
        client.send_publish(Publish::new("many", "x").qos(2).packet_id(packet_id));
    }
    let last = client.drain_to_close().pop();
    assert!(
        matches!(last, Some(causeway_tests::Packet::Disconnect { reason: 0x93, .. })),
        "Receive Maximum exceeded: {last:?}"
    );
}

#[test]
pub fn max_keep_alive() {
    let served = Served::by("{}");
    let told = |asked: u16| {
        let client = served.broker.connect(&Connect::fresh(V).keep_alive(asked));
        let granted = served.api(&format!("clients/{}", client.id))["keepAliveSeconds"].as_u64();
        (client.connack.props.number(prop::SERVER_KEEP_ALIVE), granted.expect("a number"))
    };
    assert_eq!((told(0), told(600)), ((None, 0), (None, 600)));
    served.change(&clients("maxKeepAliveSeconds: 100"));
    assert_eq!((told(0), told(600)), ((Some(100), 100), (Some(100), 100)));
    assert_eq!(told(60), (None, 60));
    // 0 is no bound.
    served.change(&clients("maxKeepAliveSeconds: 0"));
    assert_eq!(told(0), (None, 0));
    // And it is kept: who says nothing for that long is sent away.
    served.change(&clients("maxKeepAliveSeconds: 1"));
    served.broker.client(V).expect_disconnect(0x8d);
}

#[test]
pub fn topic_alias_maximum() {
    let served = Served::by("{}");
    let told = || served.broker.client(V).connack.props.number(prop::TOPIC_ALIAS_MAXIMUM);
    assert_eq!(told(), Some(32));
    let publish = |alias: u16| {
        let mut client = served.broker.client(V);
        let props = Props::new().u16(prop::TOPIC_ALIAS, alias);
        client.send_publish(Publish::new("aliased", "x").props(props));
        client
    };
    publish(32).quiet();
    served.change(&clients("topicAliasMaximum: 4"));
    assert_eq!(told(), Some(4));
    publish(4).quiet();
    publish(5).expect_disconnect(0x94);
    served.change(&clients("topicAliasMaximum: 0"));
    assert_eq!(told().unwrap_or(0), 0);
    publish(1).expect_disconnect(0x94);
}

/// What a session that was away finds of five messages.
fn found(served: &Served) -> Vec<String> {
    let connect = Connect::persistent(V, &fresh("away"));
    let topic = fresh("queue");
    let mut away = served.broker.connect(&connect);
    away.subscribe(&topic, 1);
    away.disconnect();
    let mut publisher = served.broker.client(V);
    for n in 0..5 {
        assert!(publisher.publish(Publish::new(&topic, n.to_string()).qos(1)) < 0x80);
    }
    let mut away = served.broker.connect(&connect);
    let texts = std::iter::from_fn(|| match away.poll(std::time::Duration::ZERO) {
        Some(causeway_tests::client::Event::Packet(causeway_tests::Packet::Publish(m))) => {
            away.complete(&m);
            Some(m.text().to_string())
        }
        _ => None,
    });
    let mut texts: Vec<String> = texts.collect();
    // The last one comes in any case.
    while texts.last().is_none_or(|text| text != "4") {
        texts.push(away.take().text().to_string());
    }
    away.quiet();
    texts
}

#[test]
pub fn subscriber_queue_limit() {
    let served = Served::by("{}");
    let dropped = || served.metric("causeway_queue_limit_messages_dropped_total", "").expect("a counter");
    let all = ["0", "1", "2", "3", "4"];
    assert_eq!((found(&served), dropped()), (all.map(String::from).to_vec(), 0.0));
    let limit = |length: u32, strategy: &str| {
        clients(&format!("subscriberQueueLimit:\n  length: {length}\n  strategy: {strategy}"))
    };
    served.change(&limit(3, "DropOldest"));
    assert_eq!(found(&served), ["2", "3", "4"]);
    eventually("two drops are counted", || (dropped() == 2.0).then_some(()));
    served.change(&limit(1, "DropOldest"));
    assert_eq!(found(&served), ["4"]);
    served.change(&limit(1, "None"));
    assert_eq!(found(&served), all);
}
