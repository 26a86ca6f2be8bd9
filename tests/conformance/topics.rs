//! Topic names and filters: what matches what.

use causeway_tests::client::Event;
use causeway_tests::{Broker, Client, Packet, Publish, Settings, Version, both, fresh};

/// Filter, topic, whether it matches. Every line is read below a prefix of its own, `$` lines as they are.
const MATCHES: &[(&str, &str, bool)] = &[
    ("a", "a", true),
    ("a", "A", false),
    ("a", "a/b", false),
    ("a", "ab", false),
    ("a/b/c", "a/b/c", true),
    ("a/b/c", "a/b", false),
    ("a/#", "a", true),
    ("a/#", "a/b", true),
    ("a/#", "a/b/c/d/e/f", true),
    ("a/#", "a/", true),
    ("a/#", "ab", false),
    ("a/+", "a/b", true),
    ("a/+", "a", false),
    ("a/+", "a/", true),
    ("a/+", "a/b/c", false),
    ("a/+/c", "a/b/c", true),
    ("a/+/c", "a//c", true),
    ("a/+/c", "a/b/d", false),
    ("a/+/+", "a/b/c", true),
    ("a/+/+", "a/b", false),
    ("a/+/#", "a/b", true),
    ("a/+/#", "a/b/c/d", true),
    ("a/+/#", "a", false),
    ("+/+", "/finance", true),
    ("/+", "/finance", true),
    ("+", "/finance", false),
    ("+", "finance", true),
    ("#", "anything/at/all", true),
    ("#", "/", true),
    ("/", "/", true),
    ("//", "//", true),
    ("//", "/", false),
    ("+/+/+", "//", true),
    ("/#", "/", true),
    ("/#", "/a/b", true),
    ("a//b", "a//b", true),
    ("a//b", "a/b", false),
    ("a/b", "a/b/", false),
    ("a/b/", "a/b/", true),
    ("a/b/#", "a/b/", true),
    ("sport/tennis/player1/#", "sport/tennis/player1", true),
    ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
    ("sport/tennis/+", "sport/tennis/player1/ranking", false),
    ("+/tennis/#", "sport/tennis", true),
    ("a b/ c", "a b/ c", true),
    ("a b/ c", "a b/c", false),
    ("Grüße/日本/🦀", "Grüße/日本/🦀", true),
    ("+/日本/#", "Grüße/日本/🦀", true),
    ("\u{feff}a", "\u{feff}a", true),
    ("\u{feff}a", "a", false),
    ("e\u{301}", "é", false),
];

fn all_matches(v: Version, broker: &Broker) {
    let mut publisher = broker.client(v);
    for (filter, topic, matches) in MATCHES {
        let prefix = fresh("match");
        let (filter, topic) = (format!("{prefix}/{filter}"), format!("{prefix}/{topic}"));
        let marker = format!("{prefix}-end");
        let mut reader = broker.client(v);
        reader.subscribe(&filter, 1);
        reader.subscribe(&marker, 1);
        publisher.publish(Publish::new(&topic, "hit").qos(1));
        if *matches {
            assert_eq!(reader.take().topic, topic, "{filter}");
        }
        publisher.publish(Publish::new(&marker, "end").qos(1));
        assert_eq!(reader.take().topic, marker, "{filter} and {topic}");
        reader.disconnect();
    }
}

both! {
    fn mqtt_3_3_2_3_topics_match_filters(v) {
        all_matches(v, Broker::shared());
    }

    /// The same where topics live on several partitions.
    fn topics_match_filters_on_several_partitions(v) {
        all_matches(v, &Broker::start(Settings::new().set("--partitions", 4)));
    }

    fn mqtt_4_7_2_1_leading_wildcards_do_not_match_dollar_topics(v) {
        let broker = Broker::start(Settings::new().set("--sys-interval", 0));
        let mut wild = broker.client(v);
        for filter in ["#", "+/#", "+/monitor", "+/+"] {
            wild.subscribe(filter, 1);
        }
        let mut exact = broker.client(v);
        exact.subscribe("$mine/monitor", 1);
        let mut below = broker.client(v);
        below.subscribe("$mine/+", 1);
        let mut all_below = broker.client(v);
        all_below.subscribe("$mine/#", 1);
        broker.client(v).publish(Publish::new("$mine/monitor", "x").qos(1));
        for reader in [&mut exact, &mut below, &mut all_below] {
            assert_eq!(reader.take().topic, "$mine/monitor");
        }
        wild.quiet();
        // A dollar sign further down is a character like any other.
        broker.client(v).publish(Publish::new("my/$monitor", "x").qos(1));
        assert_eq!(wild.take().topic, "my/$monitor");
    }

    /// Retained messages follow the same rule.
    fn mqtt_4_7_2_1_leading_wildcards_do_not_find_retained_dollar_topics(v) {
        let broker = Broker::start(Settings::new().set("--sys-interval", 0));
        broker.client(v).publish(Publish::new("$mine/kept", "x").qos(1).retained());
        let mut wild = broker.client(v);
        for filter in ["#", "+/#", "+/kept"] {
            wild.subscribe(filter, 1);
        }
        wild.quiet();
        wild.subscribe("$mine/#", 1);
        assert_eq!(wild.take().topic, "$mine/kept");
    }

    fn mqtt_4_7_3_4_no_normalisation_of_topics(v) {
        let mut reader = Broker::shared().client(v);
        let prefix = fresh("normal");
        reader.subscribe(&format!("{prefix}/é"), 1);
        let mut publisher = Broker::shared().client(v);
        publisher.publish(Publish::new(&format!("{prefix}/e\u{301}"), "decomposed").qos(1));
        publisher.publish(Publish::new(&format!("{prefix}/é"), "composed").qos(1));
        assert_eq!(reader.take().payload, b"composed");
        reader.quiet();
    }

    fn mqtt_1_5_4_3_a_byte_order_mark_is_kept(v) {
        let topic = format!("{}\u{feff}/\u{feff}", fresh("bom"));
        let mut client = Broker::shared().client(v);
        client.subscribe(&topic, 1);
        client.publish(Publish::new(&topic, "x").qos(1));
        assert_eq!(client.take().topic, topic);
    }

    fn mqtt_4_7_3_3_topics_may_be_as_long_as_a_string(v) {
        let prefix = fresh("long");
        let long = format!("{prefix}/{}", "x".repeat(65_535 - prefix.len() - 1));
        assert_eq!(long.len(), 65_535);
        let mut client = Broker::shared().client(v);
        client.subscribe(&long, 1);
        client.publish(Publish::new(&long, "x").qos(1));
        assert_eq!(client.take().topic.len(), 65_535);
    }

    /// Hundreds of levels do not overflow anything.
    fn deep_topics(v) {
        let prefix = fresh("deep");
        let deep = format!("{prefix}{}", "/x".repeat(150));
        let plus = format!("{prefix}{}", "/+".repeat(150));
        let mut client = Broker::shared().client(v);
        client.subscribe(&plus, 1);
        client.publish(Publish::new(&deep, "x").qos(1));
        assert_eq!(client.take().topic, deep);
        client.quiet();
    }
}

/// Every character that may stand in a topic goes through unchanged.
#[test]
fn all_kinds_of_characters() {
    let mut client: Client = Broker::shared().client(Version::V5);
    let prefix = fresh("characters");
    client.subscribe(&format!("{prefix}/+"), 1);
    let texts = "\u{7f} \u{80} \u{7ff} \u{800} \u{d7ff} \u{e000} \u{10000} \u{10ffff} \u{1} * > . ~ \" \\ %";
    for text in texts.split(' ') {
        let topic = format!("{prefix}/{text}");
        // Control characters and non-characters may be refused by closing (1.5.4), but not changed.
        let disallowed = ["\u{7f}", "\u{80}", "\u{1}", "\u{10ffff}"].contains(&text);
        let id = client.send_publish(Publish::new(&topic, text).qos(1));
        let mut topics = Vec::new();
        let mut acknowledged = false;
        while !acknowledged || topics.is_empty() {
            match client.event() {
                Event::Packet(Packet::Ack(ack)) => acknowledged = ack.packet_id == id,
                Event::Packet(Packet::Publish(message)) => {
                    client.complete(&message);
                    topics.push(message.topic);
                }
                refused => {
                    assert!(disallowed, "{text:?}: {refused:?}");
                    client = Broker::shared().client(Version::V5);
                    client.subscribe(&format!("{prefix}/+"), 1);
                    topics = vec![topic.clone()];
                    acknowledged = true;
                }
            }
        }
        assert_eq!(topics, [topic]);
    }
}
