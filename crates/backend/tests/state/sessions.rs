//! Sessions with what they hold everywhere, and the counters.

use std::time::{Duration, Instant};

use backend::{Presence, SessionQuery, SubscriptionQuery};
use partition::{Command, Counters, ListSubscriptions, PartitionId, Reply, SessionKind, Tag, Unsubscribe, Will};

use crate::rig::{Rig, epoch, message, options, subscription};

fn all() -> SessionQuery {
    SessionQuery { limit: 100, ..SessionQuery::default() }
}

#[tokio::test]
async fn a_session_is_the_sum_of_what_its_partitions_hold() {
    let mut rig = Rig::start(3);
    let sub = rig.connect("sub", 3600).await;
    let filters = ["t/#", "$share/g/+/b", "one", "two", "three", "four", "$share/g/five"];
    rig.subscribe(&sub, &filters).await;
    let will = Will { delay: 0, expiry: None, message: message("w", "gone") };
    let gone = rig.connect_with("gone", 60, Some(will)).await;
    let passing = rig.connect("passing", 0).await;
    rig.subscribe(&passing, &["t/#"]).await;
    for n in 0..12 {
        rig.publish(message(&format!("t/{n}"), "payload")).await;
    }
    rig.close(&gone).await;

    let page = rig.view.sessions(&all()).await.unwrap();
    assert_eq!(page.next, None);
    let ids: Vec<_> = page.items.iter().map(|session| &*session.client_id).collect();
    assert_eq!(ids, ["gone", "passing", "sub"]);
    let [gone, passing, sub] = &page.items[..] else { panic!("three sessions") };
    assert_eq!((gone.is_connected(), gone.has_will, gone.expiry_seconds), (false, false, 60), "its will was published");
    assert!(gone.ends.is_some());
    assert_eq!((passing.kind, passing.subscriptions, passing.queued), (SessionKind::Transient, 1, 0));
    assert_eq!((sub.kind, sub.worker, sub.ends), (SessionKind::Persistent, Some(0), None));
    assert_eq!((sub.subscriptions, sub.queued), (filters.len() as u64, 12));
    let bytes: u64 = (0..12).map(|n| message(&format!("t/{n}"), "payload").encoded_len() as u64).sum();
    assert_eq!(sub.queued_bytes, bytes);
    assert!(sub.in_flight <= 30 && sub.in_flight > 0);
    assert_eq!(rig.view.session("sub").await.unwrap().as_ref(), Some(sub));
    assert_eq!(rig.view.session("nobody").await.unwrap(), None);

    let query = SubscriptionQuery { limit: 100, client_id: Some("sub".into()), ..SubscriptionQuery::default() };
    let page = rig.view.subscriptions(&query).await.unwrap();
    let mut sorted = filters;
    sorted.sort_unstable();
    assert_eq!(page.items.iter().map(|item| &*item.filter).collect::<Vec<_>>(), sorted);
    assert!(page.items.iter().all(|item| item.options == options() && &*item.client_id == "sub"));
}

/// What is logged and what is not stand in one batch, and keep their order.
#[tokio::test]
async fn a_list_of_subscriptions_is_taken_at_its_place_in_the_batch() {
    let mut rig = Rig::start(1);
    let sub = rig.connect("sub", 3600).await;
    rig.subscribe(&sub, &["t/#"]).await;
    let (owner, client_id, epoch) = (sub.owner, &*sub.id, epoch(&sub));
    let list = |n| Command::ListSubscriptions(ListSubscriptions { owner, tag: Tag(n), client_id, epoch, after: None });
    let commands = [
        list(0),
        Command::Subscribe(subscription(&sub, "$share/g/one")),
        list(1),
        Command::Unsubscribe(Unsubscribe { owner, tag: Tag(9), client_id, epoch, filter: "t/#" }),
        list(2),
    ];
    rig.send(PartitionId(0), &commands);
    for (n, expected) in [&["t/#"][..], &["$share/g/one", "t/#"], &["$share/g/one"]].into_iter().enumerate() {
        let answer = rig.answer(|answer| match &answer.reply {
            Reply::Subscriptions { tag, filters, more: None } => Some((*tag, filters.clone())),
            _ => None,
        });
        let (tag, filters) = answer.await;
        assert_eq!(
            (tag, filters.iter().map(|filter| &**filter).collect::<Vec<_>>()),
            (Tag(n as u32), expected.to_vec())
        );
    }
}

#[tokio::test]
async fn sessions_are_found_by_prefix_kind_and_presence() {
    let mut rig = Rig::start(2);
    for n in 0..20 {
        let client = rig.connect(&format!("{}{n}", ["a", "b"][n % 2]), [0, 60][n / 10]).await;
        if n >= 15 {
            rig.close(&client).await;
        }
    }
    let ids = |query: SessionQuery| {
        let view = rig.view.clone();
        async move {
            let page = view.sessions(&query).await.unwrap();
            page.items.iter().map(|session| session.client_id.to_string()).collect::<Vec<_>>()
        }
    };
    assert_eq!(ids(SessionQuery { prefix: Some("a1".into()), ..all() }).await, ["a10", "a12", "a14", "a16", "a18"]);
    let away = SessionQuery { presence: Some(Presence::Away), ..all() };
    assert_eq!(ids(away).await, ["a16", "a18", "b15", "b17", "b19"]);
    let transient = SessionQuery { kind: Some(SessionKind::Transient), prefix: Some("b".into()), ..all() };
    assert_eq!(ids(transient).await, ["b1", "b3", "b5", "b7", "b9"]);
}

#[tokio::test]
async fn counters_add_up_to_what_there_is() {
    let mut rig = Rig::start(3);
    let sub = rig.connect("sub", 3600).await;
    rig.subscribe(&sub, &["t/#", "$share/g/t/#", "one"]).await;
    let will = Will { delay: 9, expiry: None, message: message("w", "12345") };
    rig.connect_with("passing", 0, Some(will)).await;
    rig.publish(message("one", "m")).await;
    let (sum, parts) = (rig.backend().counters(), rig.backend().counters_by_partition());
    let deadline = Instant::now() + Duration::from_secs(20);
    while sum().queued != 1 {
        assert!(Instant::now() < deadline, "{:?}", sum());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut added = Counters::default();
    parts().iter().for_each(|counters| added.add(counters));
    assert_eq!((parts().len(), added), (3, sum()));
    assert_eq!((added.sessions, added.persistent, added.connected, added.persistent_connected), (2, 1, 2, 1));
    assert_eq!((added.subscriptions, added.shared_subscriptions, added.will_bytes), (3, 1, 5));
}

#[tokio::test]
async fn a_stopped_backend_says_so() {
    let mut rig = Rig::start(2);
    let view = rig.view.clone();
    rig.stop();
    assert!(matches!(view.sessions(&all()).await, Err(backend::ViewError::Stopped)));
    assert!(matches!(view.delete_retained("t").await, Err(backend::ViewError::Stopped)));
}

/// A server may answer several at once, on any of its threads.
#[tokio::test]
async fn questions_may_move_between_threads() {
    fn sendable<T: Send>(question: T) -> T {
        question
    }
    let mut rig = Rig::start(2);
    let sub = rig.connect("sub", 60).await;
    rig.subscribe(&sub, &["#"]).await;
    let view = sendable(rig.view.clone());
    assert_eq!(sendable(view.sessions(&all())).await.unwrap().items.len(), 1);
    let subscriptions = SubscriptionQuery { limit: 1, topic: Some("any".into()), ..SubscriptionQuery::default() };
    assert_eq!(sendable(view.subscriptions(&subscriptions)).await.unwrap().items.len(), 1);
    assert_eq!(sendable(view.retained(&Default::default())).await.unwrap().items, []);
    assert_eq!(sendable(view.retained_message("t")).await.unwrap(), None);
    assert!(!sendable(view.delete_retained("t")).await.unwrap());
}
