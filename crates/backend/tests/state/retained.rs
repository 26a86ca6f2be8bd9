//! Retained messages: listed, read whole, deleted.

use backend::RetainedQuery;
use partition::{Message, MessageProperties, Reply};

use crate::rig::{Rig, message, retained};

fn query(filter: &str) -> RetainedQuery {
    RetainedQuery { limit: 100, filter: Some(filter.into()), ..RetainedQuery::default() }
}

async fn topics(rig: &Rig, query: &RetainedQuery) -> Vec<String> {
    let page = rig.view.retained(query).await.unwrap();
    page.items.iter().map(|item| item.topic.to_string()).collect()
}

#[tokio::test]
async fn a_message_is_read_with_its_properties_and_deleted() {
    let mut rig = Rig::start(3);
    let sub = rig.connect("sub", 3600).await;
    rig.subscribe(&sub, &["a/+"]).await;
    let properties = [&[3, 0, 4][..], b"text", &[0x26, 0, 1, b'k', 0, 1, b'v']].concat();
    rig.publish(Message { properties: &properties, ..retained("a/1", "payload") }).await;
    rig.publish(retained("a/2", "other")).await;
    rig.publish(retained("b/1", "")).await;
    assert_eq!(topics(&rig, &query("a/+")).await, ["a/1", "a/2"]);

    let mut rig = rig.restart();
    let found = rig.view.retained_message("a/1").await.unwrap().expect("it is there");
    assert_eq!((&*found.view.topic, found.view.payload_bytes, &found.payload[..]), ("a/1", 7, &b"payload"[..]));
    let user = vec![("k".to_owned(), "v".to_owned())];
    let expected = MessageProperties { content_type: Some("text".into()), user, ..MessageProperties::default() };
    assert_eq!(found.properties, expected);
    assert_eq!(rig.view.retained_message("a/3").await.unwrap(), None);

    rig.connect("sub", 3600).await;
    assert!(rig.view.delete_retained("a/1").await.unwrap());
    assert!(!rig.view.delete_retained("a/1").await.unwrap());
    assert_eq!(topics(&rig, &query("#")).await, ["a/2"]);
    // Subscribers hear of it as of any other publish.
    let deleted = rig.answer(|answer| match &answer.reply {
        Reply::Deliver(delivery) if !delivery.dup => Message::parse(&answer.bodies[0]).ok().map(|m| m.payload.len()),
        _ => None,
    });
    assert_eq!(deleted.await, 0);
    let rig = rig.restart();
    assert_eq!(topics(&rig, &RetainedQuery { filter: None, ..query("") }).await, ["a/2"], "it was logged");
}

#[tokio::test]
async fn filters_find_what_a_subscription_would_get() {
    let mut rig = Rig::start(3);
    for topic in ["a", "a/b", "$data/x", "azedge/dmqtt/selftest/0", "ab"] {
        rig.publish(retained(topic, "m")).await;
    }
    assert_eq!(topics(&rig, &query("#")).await, ["a", "a/b", "ab"]);
    assert_eq!(topics(&rig, &query("a/#")).await, ["a", "a/b"]);
    assert_eq!(topics(&rig, &query("a/b")).await, ["a/b"]);
    assert_eq!(topics(&rig, &query("$data/#")).await, ["$data/x"]);
    assert_eq!(topics(&rig, &RetainedQuery { filter: None, ..query("") }).await.len(), 5);
}

#[tokio::test]
async fn a_message_that_has_expired_is_not_shown() {
    let mut rig = Rig::start(1);
    rig.publish(Message { expires: Some(partition::Timestamp(1)), ..retained("t", "m") }).await;
    rig.publish(message("t", "m")).await;
    assert_eq!(topics(&rig, &query("#")).await, Vec::<String>::new());
    assert_eq!(rig.view.retained_message("t").await.unwrap(), None);
    assert!(!rig.view.delete_retained("t").await.unwrap());
}
