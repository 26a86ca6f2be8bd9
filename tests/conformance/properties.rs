//! Properties of PUBLISH that pass through the broker unchanged, and those it owns.

use causeway_tests::{Broker, Client, Connect, Filter, Props, Publish, Settings, Subscribe, Version, fresh, prop};

const V: Version = Version::V5;

fn reader(topic: &str) -> Client {
    let mut reader = Broker::shared().client(V);
    reader.subscribe(topic, 2);
    reader
}

fn forwarded(props: Props) -> Props {
    let topic = fresh("properties");
    let mut reader = reader(&topic);
    let mut publisher = Broker::shared().client(V);
    let mut last = Props::new();
    for qos in 0..3 {
        publisher.publish(Publish::new(&topic, "text").qos(qos).props(props.clone()));
        last = reader.take().props;
    }
    last
}

#[test]
fn mqtt_3_3_2_4_payload_format_indicator_is_forwarded() {
    for value in [0, 1] {
        let props = Props::new().byte(prop::PAYLOAD_FORMAT, value);
        assert_eq!(forwarded(props).number(prop::PAYLOAD_FORMAT).unwrap_or(0), u32::from(value));
    }
}

#[test]
fn mqtt_3_3_2_15_response_topic_is_forwarded() {
    let props = Props::new().str(prop::RESPONSE_TOPIC, "answers/Grüße/1");
    assert_eq!(forwarded(props).text(prop::RESPONSE_TOPIC), Some("answers/Grüße/1"));
}

#[test]
fn mqtt_3_3_2_16_correlation_data_is_forwarded() {
    for data in [vec![], vec![0, 1, 2, 255], vec![7; 5000]] {
        let props = Props::new().bin(prop::CORRELATION_DATA, &data);
        assert_eq!(forwarded(props).bytes(prop::CORRELATION_DATA), Some(data.as_slice()));
    }
}

#[test]
fn mqtt_3_3_2_20_content_type_is_forwarded() {
    for kind in ["application/json", ""] {
        assert_eq!(forwarded(Props::new().str(prop::CONTENT_TYPE, kind)).text(prop::CONTENT_TYPE), Some(kind));
    }
}

#[test]
fn mqtt_3_3_2_17_user_properties_are_forwarded() {
    let props = Props::new().user("", "").user("a", "").user("", "b").user("Grüße", "日本");
    assert_eq!(forwarded(props.clone()).users(), props.users());
}

#[test]
fn mqtt_3_3_2_18_user_properties_keep_their_order() {
    let mut props = Props::new();
    for n in 0..40 {
        props = props.user(["x", "a", "m"][n % 3], &(n * 7 % 40).to_string());
    }
    assert_eq!(forwarded(props.clone()).users(), props.users());
}

#[test]
fn all_properties_together() {
    let props = Props::new()
        .user("first", "1")
        .str(prop::CONTENT_TYPE, "t")
        .u32(prop::MESSAGE_EXPIRY, 500)
        .user("second", "2")
        .bin(prop::CORRELATION_DATA, b"c")
        .byte(prop::PAYLOAD_FORMAT, 1)
        .str(prop::RESPONSE_TOPIC, "r")
        .user("third", "3");
    let got = forwarded(props.clone());
    assert_eq!(got.users(), props.users());
    for id in [prop::CONTENT_TYPE, prop::CORRELATION_DATA, prop::PAYLOAD_FORMAT, prop::RESPONSE_TOPIC] {
        assert_eq!(got.find(id), props.find(id));
    }
    assert!((490..=500).contains(&got.number(prop::MESSAGE_EXPIRY).expect("an expiry")));
}

/// Properties survive the queue of a session that is away, and the retained store.
#[test]
fn properties_survive_queue_and_retained_store() {
    let broker = Broker::shared();
    let topic = fresh("properties/kept");
    let connect = Connect::persistent(V, &fresh("away"));
    let mut away = broker.connect(&connect);
    away.subscribe(&topic, 1);
    away.disconnect();
    let props = Props::new()
        .byte(prop::PAYLOAD_FORMAT, 1)
        .str(prop::CONTENT_TYPE, "text")
        .str(prop::RESPONSE_TOPIC, "r")
        .bin(prop::CORRELATION_DATA, b"c")
        .user("b", "1")
        .user("a", "2");
    broker.client(V).publish(Publish::new(&topic, "x").qos(1).retained().props(props.clone()));
    let queued = broker.connect(&connect).take();
    let retained = reader(&topic).take();
    assert!(retained.retain);
    for message in [queued, retained] {
        assert_eq!(message.props.users(), props.users());
        for id in [prop::PAYLOAD_FORMAT, prop::CONTENT_TYPE, prop::RESPONSE_TOPIC, prop::CORRELATION_DATA] {
            assert_eq!(message.props.find(id), props.find(id), "property {id:#04x}");
        }
    }
}

/// Each receiver gets its own identifiers and the same message.
#[test]
fn properties_of_receivers_do_not_mix() {
    let broker = Broker::shared();
    let topic = fresh("properties/apart");
    let mut readers: Vec<Client> = (1..=4)
        .map(|n| {
            let mut reader = broker.client(V);
            reader.subscribe_with(&Subscribe::new(Filter::new(&topic, 1)).subscription_id(n * 1000));
            reader
        })
        .collect();
    let mut plain = reader(&topic);
    broker.client(V).publish(Publish::new(&topic, "x").qos(1).props(Props::new().user("a", "b")));
    for (n, reader) in readers.iter_mut().enumerate() {
        let message = reader.take();
        assert_eq!(message.props.subscription_ids(), [(n as u32 + 1) * 1000]);
        assert_eq!(message.props.users(), [("a", "b")]);
    }
    assert!(plain.take().props.subscription_ids().is_empty());
}

/// A 3.1.1 publisher's message has no properties, and a 3.1.1 reader sees none.
#[test]
fn versions_mix() {
    let broker = Broker::shared();
    let topic = fresh("properties/versions");
    let mut old = broker.client(Version::V311);
    old.subscribe(&topic, 2);
    let mut new = reader(&topic);
    let props = Props::new().user("a", "b").str(prop::CONTENT_TYPE, "c");
    broker.client(V).publish(Publish::new(&topic, "from 5").qos(2).props(props.clone()));
    assert_eq!(old.take().payload, b"from 5");
    assert_eq!(new.take().props.users(), [("a", "b")]);
    broker.client(Version::V311).publish(Publish::new(&topic, "from 3.1.1").qos(2));
    assert_eq!(old.take().payload, b"from 3.1.1");
    assert_eq!(new.take().props, Props::new());
}

/// `--max-message-expiry` is a cap, and the default for messages without one.
#[test]
fn message_expiry_is_capped() {
    let broker = Broker::start(Settings::new().set("--max-message-expiry", 100));
    let mut reader = broker.client(V);
    reader.subscribe("capped", 1);
    let mut publisher = broker.client(V);
    publisher.publish(Publish::new("capped", "x").qos(1).props(Props::new().u32(prop::MESSAGE_EXPIRY, 5000)));
    let left = reader.take().props.number(prop::MESSAGE_EXPIRY).expect("an expiry");
    assert!((90..=100).contains(&left), "{left}");
    publisher.publish(Publish::new("capped", "x").qos(1).props(Props::new().u32(prop::MESSAGE_EXPIRY, 50)));
    let left = reader.take().props.number(prop::MESSAGE_EXPIRY).expect("an expiry");
    assert!((40..=50).contains(&left), "{left}");
}
