//! Pages: whatever stands in a list from the first page to the last is in exactly one of them, in order.

use std::collections::BTreeSet;

use backend::{RetainedQuery, SessionQuery, SubscriptionQuery};

use crate::rig::{Rig, retained};

const SESSIONS: usize = 300;

#[tokio::test]
async fn sessions_come_page_by_page_while_others_come_and_go() {
    let mut rig = Rig::start(3);
    let name = |n: usize| format!("client-{n:04}");
    for n in 0..SESSIONS {
        rig.connect(&name(n * 2), 0).await;
    }
    for limit in [1, 7, 100, 1000] {
        let mut query = SessionQuery { limit, ..SessionQuery::default() };
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let page = rig.view.sessions(&query).await.unwrap();
            assert!(page.items.len() <= limit);
            seen.extend(page.items.iter().map(|session| session.client_id.to_string()));
            pages += 1;
            // Beside those that stay, one that was not there when the list began.
            let visitor = rig.connect(&name((pages * 17 % (2 * SESSIONS)) | 1), 0).await;
            rig.close(&visitor).await;
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert!(seen.is_sorted_by(|a, b| a < b));
        seen.retain(|id| id[7..].parse::<usize>().unwrap() % 2 == 0);
        assert_eq!(seen, (0..SESSIONS).map(|n| name(n * 2)).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn subscriptions_of_many_and_of_one_with_many() {
    let mut rig = Rig::start(3);
    let mut expected = BTreeSet::new();
    for n in 0..60 {
        let client = rig.connect(&format!("c{n:02}"), 60 * (n as u32 % 2)).await;
        // More than one step reads.
        let count = if n == 30 { 3000 } else { n % 4 };
        let filters: Vec<_> =
            (0..count).map(|k| if k % 3 == 0 { format!("x/{k}/#") } else { format!("x/{k}") }).collect();
        if count > 0 {
            rig.subscribe(&client, &filters.iter().map(String::as_str).collect::<Vec<_>>()).await;
        }
        expected.extend(filters.into_iter().map(|filter| (client.id.clone(), filter)));
    }
    for limit in [10, 999] {
        let mut query = SubscriptionQuery { limit, ..SubscriptionQuery::default() };
        let mut seen = Vec::new();
        loop {
            let page = rig.view.subscriptions(&query).await.unwrap();
            assert!(page.items.len() <= limit && (page.next.is_none() || !page.items.is_empty()));
            seen.extend(page.items.into_iter().map(|item| (item.client_id.to_string(), item.filter)));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert!(seen.iter().eq(expected.iter()));
    }
    let of = |query: SubscriptionQuery| {
        let view = rig.view.clone();
        async move {
            let page = view.subscriptions(&query).await.unwrap();
            page.items.into_iter().map(|item| format!("{} {}", item.client_id, item.filter)).collect::<Vec<_>>()
        }
    };
    let all = SubscriptionQuery { limit: 1000, ..SubscriptionQuery::default() };
    let written = of(SubscriptionQuery { filter: Some("x/2".into()), ..all.clone() }).await;
    assert_eq!((written.len(), &*written[0]), (16, "c03 x/2"));
    let matching = of(SubscriptionQuery { topic: Some("x/30/a".into()), ..all.clone() }).await;
    assert_eq!(matching, ["c30 x/30/#"]);
    let both = SubscriptionQuery {
        filter: Some("x/0/#".into()),
        topic: Some("x/0".into()),
        client_id: Some("c05".into()),
        ..all
    };
    assert_eq!(of(both).await, ["c05 x/0/#"]);
    let wrong = SubscriptionQuery { after: Some("nonsense".into()), ..SubscriptionQuery::default() };
    assert!(matches!(rig.view.subscriptions(&wrong).await, Err(backend::ViewError::Cursor(_))));
}

#[tokio::test]
async fn retained_messages_over_all_partitions() {
    let mut rig = Rig::start(3);
    let topics: Vec<_> = (0..500).map(|n| format!("t/{n:03}")).collect();
    for topic in &topics {
        rig.publish(retained(topic, "m")).await;
    }
    for limit in [9, 500] {
        let mut query = RetainedQuery { limit, ..RetainedQuery::default() };
        let mut seen = Vec::new();
        loop {
            let page = rig.view.retained(&query).await.unwrap();
            seen.extend(page.items.iter().map(|item| item.topic.to_string()));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, topics);
    }
}
