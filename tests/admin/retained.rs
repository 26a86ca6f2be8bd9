//! `/api/v1/retained`: the list, the message, deleting it.

use causeway_tests::{Broker, Connect, Props, Publish, Version, both, eventually, fresh, prop};

use crate::ask::{all_pages, assert_problem, encoded, get, items, json, request, texts};

const V: Version = Version::V5;

fn retain(broker: &Broker, topic: &str, payload: impl AsRef<[u8]>) {
    let reason = broker.client(V).publish(Publish::new(topic, payload).qos(1).retained());
    assert!(reason < 0x80, "{topic}: {reason:#04x}");
}

fn path(topic: &str) -> String {
    format!("/api/v1/retained/{}", encoded(topic))
}

#[test]
fn topics_are_listed_in_order_and_by_filter() {
    let broker = Broker::shared();
    let stem = fresh("listed");
    for topic in ["b", "a", "a/x", "a/y/z", "größe/日本", "with space", " "] {
        retain(broker, &format!("{stem}/{topic}"), topic);
    }
    let list = |query: &str| {
        let found = texts(&items(broker, &format!("/api/v1/retained?{query}")), "topic");
        found.iter().map(|topic| topic[stem.len() + 1..].to_string()).collect::<Vec<_>>()
    };
    let all = [" ", "a", "a/x", "a/y/z", "b", "größe/日本", "with space"];
    assert_eq!(list(&format!("filter={stem}/%23")), all);
    assert_eq!(list(&format!("filter={stem}/+")), [" ", "a", "b", "with space"]);
    assert_eq!(list(&format!("filter={stem}/a/+/z")), ["a/y/z"]);
    assert_eq!(list(&format!("filter=+/a/%23&after={}", encoded(&format!("{stem}/a")))), ["a/x", "a/y/z"]);
    assert_eq!(list(&format!("filter={stem}/{}", encoded("größe/日本"))), ["größe/日本"]);
    assert_eq!(list(&format!("filter={stem}/with+space")), ["with space"]);
    assert_eq!(list(&format!("filter={stem}/%20")), [" "]);
    let paged = texts(&all_pages(broker, "/api/v1/retained", &format!("filter={stem}/%23"), 2), "topic");
    assert_eq!(paged, all.map(|topic| format!("{stem}/{topic}")));
}

#[test]
fn a_message_is_shown_with_all_it_carries() {
    let broker = Broker::shared();
    let topic = fresh("whole");
    let props = Props::new()
        .byte(prop::PAYLOAD_FORMAT, 1)
        .u32(prop::MESSAGE_EXPIRY, 600)
        .str(prop::CONTENT_TYPE, "text/plain")
        .str(prop::RESPONSE_TOPIC, "answers/here")
        .bin(prop::CORRELATION_DATA, &[0xff, 0x00, 0x01])
        .user("unit", "°C")
        .user("unit", "again");
    broker.client(V).publish(Publish::new(&topic, "21,5 °C").qos(2).retained().props(props));
    let shown = json(broker, &path(&topic));
    for (field, expected) in [
        ("topic", serde_json::json!(topic)),
        ("qos", serde_json::json!(2)),
        ("payloadBytes", serde_json::json!("21,5 °C".len())),
        ("payloadFormat", serde_json::json!(1)),
        ("contentType", serde_json::json!("text/plain")),
        ("responseTopic", serde_json::json!("answers/here")),
        ("correlationData", serde_json::json!("/wAB")),
        ("userProperties", serde_json::json!([{"name": "unit", "value": "°C"}, {"name": "unit", "value": "again"}])),
        ("payload", serde_json::json!("MjEsNSDCsEM=")),
        ("payloadText", serde_json::json!("21,5 °C")),
        ("payloadTruncated", serde_json::json!(false)),
    ] {
        assert_eq!(shown[field], expected, "{field}: {shown}");
    }
    assert!(shown["expiresAt"].as_str().is_some_and(|end| end.ends_with('Z')), "{shown}");
    let cut = json(broker, &format!("{}?payloadLimit=4", path(&topic)));
    assert_eq!((&cut["payloadText"], &cut["payloadTruncated"]), (&"21,5".into(), &true.into()), "{cut}");
    assert_eq!(cut["payloadBytes"], shown["payloadBytes"]);
}

#[test]
fn a_payload_that_is_no_text_is_base64_alone() {
    let broker = Broker::shared();
    let topic = fresh("binary");
    retain(broker, &topic, [0xff, 0xfe, 0x00]);
    let shown = json(broker, &path(&topic));
    assert_eq!((&shown["payload"], &shown["payloadText"]), (&"//4A".into(), &serde_json::Value::Null), "{shown}");
    assert!(shown["expiresAt"].is_null() && shown["contentType"].is_null(), "{shown}");
}

#[test]
fn topics_stand_in_paths_with_slashes_or_encoded() {
    let broker = Broker::shared();
    let stem = fresh("awkward");
    for (plain, topic) in [
        ("a/b/c", "a/b/c"),
        ("a//b/", "a//b/"),
        ("gr%C3%B6%C3%9Fe", "größe"),
        ("50%25", "50%"),
        ("%2541", "%41"),
        ("a%3Fb%26c", "a?b&c"),
        ("with%20space", "with space"),
        ("a%2Fb%2Fd", "a/b/d"),
    ] {
        let topic = format!("{stem}/{topic}");
        retain(broker, &topic, plain);
        assert_eq!(json(broker, &format!("/api/v1/retained/{stem}/{plain}"))["topic"], topic.as_str());
        assert_eq!(json(broker, &path(&topic))["payloadText"], plain, "{topic}");
        assert_eq!(request(broker, "DELETE", &path(&topic)).status, 204, "{topic}");
        assert_problem(&get(broker, &path(&topic)), 404, "");
    }
    // A topic may begin with a slash.
    retain(broker, &format!("/{stem}"), "x");
    assert_eq!(json(broker, &format!("/api/v1/retained//{stem}"))["payloadText"], "x");
}

both! {
    fn a_deleted_message_comes_to_nobody(v) {
        let broker = Broker::shared();
        let topic = fresh("deleted/größe");
        retain(broker, &topic, "old");
        let mut before = broker.client(v);
        before.subscribe(&topic, 1);
        assert_eq!(before.take().text(), "old");
        assert_eq!(request(broker, "DELETE", &path(&topic)).status, 204);
        // As when a client publishes an empty message: those who are subscribed learn of it.
        assert_eq!(before.take().text(), "");
        let mut after = broker.connect(&Connect::fresh(v));
        after.subscribe(&topic, 1);
        after.quiet();
        assert_problem(&request(broker, "DELETE", &path(&topic)), 404, "");
        assert!(broker.log().contains(&topic), "the log does not say what was deleted");
    }
}

#[test]
fn a_deleted_message_does_not_come_back_with_a_restart() {
    let mut broker = Broker::start(causeway_tests::Settings::new());
    for topic in ["kept", "deleted"] {
        retain(&broker, topic, topic);
    }
    assert_eq!(request(&broker, "DELETE", &path("deleted")).status, 204);
    broker.restart();
    assert_eq!(texts(&items(&broker, "/api/v1/retained?filter=%2B"), "topic"), ["kept"]);
    eventually("the one that stays is served", || (get(&broker, &path("kept")).status == 200).then_some(()));
}
