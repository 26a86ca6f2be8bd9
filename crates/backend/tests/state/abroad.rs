//! What another process is told is what is told here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use backend::{
    BackendView, Carry, Carrying, Placement, Presence, RetainedQuery, SessionQuery, SubscriptionQuery, ViewError,
};
use bytes::Bytes;
use mqtt::QoS;
use partition::{Message, SessionKind, Will};

use crate::rig::{Rig, message, retained};

/// The processes of two backends: the first has nothing, the second everything, or is not reached.
struct Way(Option<BackendView>);

impl Carry for Way {
    fn ask(&self, backend: u16, question: Bytes) -> Carrying {
        let asked = if backend == 0 { None } else { self.0.clone() };
        Box::pin(async move {
            match (asked, backend) {
                (Some(view), _) => Ok(view.serve(question).await),
                (None, 0) => Ok(Bytes::from_static(&[1])),
                (None, _) => Err("backend-1 is not reached".to_owned()),
            }
        })
    }
}

fn far(view: Option<BackendView>) -> BackendView {
    BackendView::of_others(3, Placement(vec![vec![0, 1]; 3]), Arc::new(Way(view)))
}

#[tokio::test]
async fn lists_and_records_are_the_same_from_elsewhere() {
    let mut rig = Rig::start(3);
    for n in 0..40u32 {
        let will = Will { delay: 5, expiry: None, message: message("wills/a", "gone") };
        let client = rig.connect_with(&format!("c{n:02}-ü"), 60 * (n % 3), (n % 4 == 0).then_some(will)).await;
        rig.subscribe(&client, &[&*format!("x/{n}"), "$share/g/x/#", "+/5"]).await;
        if n % 5 == 0 {
            rig.close(&client).await;
        }
        rig.publish(retained(&format!("x/{n}"), "kept")).await;
    }
    let (near, far) = (rig.view.clone(), far(Some(rig.view.clone())));
    for limit in [1, 7, 1000] {
        let sessions = [
            SessionQuery { limit, ..SessionQuery::default() },
            SessionQuery { limit, kind: Some(SessionKind::Persistent), ..SessionQuery::default() },
            SessionQuery {
                limit,
                presence: Some(Presence::Away),
                prefix: Some("c1".into()),
                ..SessionQuery::default()
            },
        ];
        for query in sessions {
            let told = near.sessions(&query).await.unwrap();
            assert!(!told.items.is_empty());
            assert_eq!(far.sessions(&query).await.unwrap(), told, "{query:?}");
        }
        let text = |text: &str| Some(text.to_owned());
        let subscriptions = [
            SubscriptionQuery { limit, ..SubscriptionQuery::default() },
            SubscriptionQuery { limit, client_id: text("c07-ü"), ..SubscriptionQuery::default() },
            SubscriptionQuery { limit, filter: text("+/5"), ..SubscriptionQuery::default() },
            SubscriptionQuery { limit, topic: text("x/5"), ..SubscriptionQuery::default() },
        ];
        for query in subscriptions {
            let told = near.subscriptions(&query).await.unwrap();
            assert!(!told.items.is_empty());
            assert_eq!(far.subscriptions(&query).await.unwrap(), told, "{query:?}");
        }
        for filter in [None, text("x/+"), text("x/3")] {
            let query = RetainedQuery { limit, filter, ..RetainedQuery::default() };
            let told = near.retained(&query).await.unwrap();
            assert_eq!(far.retained(&query).await.unwrap(), told, "{query:?}");
        }
    }
    assert_eq!(far.session("c04-ü").await.unwrap(), near.session("c04-ü").await.unwrap());
    assert_eq!(far.session("nobody").await.unwrap(), None);
}

/// Notes the longest question or answer.
struct Measured(BackendView, Arc<AtomicUsize>);

impl Carry for Measured {
    fn ask(&self, _: u16, question: Bytes) -> Carrying {
        let (view, longest) = (self.0.clone(), Arc::clone(&self.1));
        Box::pin(async move {
            longest.fetch_max(question.len(), Ordering::Relaxed);
            let answer = view.serve(question).await;
            longest.fetch_max(answer.len(), Ordering::Relaxed);
            Ok(answer)
        })
    }
}

/// All that is subscribed to, page by page.
async fn every_subscription(view: &BackendView, query: &SubscriptionQuery) -> Vec<(Arc<str>, String)> {
    let (mut all, mut query) = (Vec::new(), query.clone());
    loop {
        let page = view.subscriptions(&query).await.unwrap();
        all.extend(page.items.into_iter().map(|item| (item.client_id, item.filter)));
        query.after = page.next;
        if query.after.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn subscriptions_that_no_answer_has_room_for_come_page_by_page() {
    let mut rig = Rig::start(2);
    let long = "x".repeat(60_000);
    let mut expected = Vec::new();
    for id in ["a", "b"] {
        let client = rig.connect(id, 60).await;
        let filters: Vec<_> = (0..15).map(|n| format!("{n:02}/{long}{}", ["", "/+"][n % 2])).collect();
        rig.subscribe(&client, &filters.iter().map(String::as_str).collect::<Vec<_>>()).await;
        expected.extend(filters.into_iter().map(|filter| (Arc::from(id), filter)));
    }
    let longest = Arc::new(AtomicUsize::new(0));
    let carry = Arc::new(Measured(rig.view.clone(), Arc::clone(&longest)));
    let far = BackendView::of_others(2, Placement(vec![vec![0]; 2]), carry);
    let of_all = SubscriptionQuery { limit: 1000, ..SubscriptionQuery::default() };
    let of_one = SubscriptionQuery { client_id: Some("b".into()), ..of_all.clone() };
    for view in [&rig.view, &far] {
        assert_eq!(every_subscription(view, &of_all).await, expected);
        assert_eq!(every_subscription(view, &of_one).await, expected[15..]);
        assert_eq!(every_subscription(view, &SubscriptionQuery { limit: 4, ..of_all.clone() }).await, expected);
    }
    let longest = longest.load(Ordering::Relaxed);
    assert!((500_000..1 << 20).contains(&longest), "{longest} bytes");
}

#[tokio::test]
async fn subscribers_that_no_answer_has_room_for_come_page_by_page() {
    let mut rig = Rig::start(1);
    let long = "c".repeat(60_000);
    let ids: Vec<String> = (0..30).map(|n| format!("{n:02}{long}")).collect();
    for id in &ids {
        let client = rig.connect(id, 60).await;
        rig.subscribe(&client, &["a/+"]).await;
    }
    let longest = Arc::new(AtomicUsize::new(0));
    let carry = Arc::new(Measured(rig.view.clone(), Arc::clone(&longest)));
    let far = BackendView::of_others(1, Placement(vec![vec![0]]), carry);
    let all = SubscriptionQuery { limit: 1000, ..SubscriptionQuery::default() };
    let written = SubscriptionQuery { filter: Some("a/+".into()), ..all.clone() };
    let matching = SubscriptionQuery { topic: Some("a/b".into()), ..all.clone() };
    for query in [all, written, matching] {
        let told = every_subscription(&far, &query).await;
        assert!(told.iter().map(|(id, _)| &**id).eq(ids.iter().map(String::as_str)), "{} of {query:?}", told.len());
    }
    let query = SessionQuery { limit: 1000, ..SessionQuery::default() };
    let sessions = far.sessions(&query).await.unwrap();
    assert!(sessions.items.iter().all(|session| session.subscriptions == 1));
    assert_eq!(sessions, rig.view.sessions(&query).await.unwrap());
    let longest = longest.load(Ordering::Relaxed);
    assert!((500_000..1 << 20).contains(&longest), "{longest} bytes");
}

#[tokio::test]
async fn a_list_that_no_answer_has_room_for_comes_in_parts() {
    let mut rig = Rig::start(1);
    let long = "x".repeat(60_000);
    for n in 0..40 {
        rig.publish(retained(&format!("{n:02}{long}"), "kept")).await;
    }
    let longest = Arc::new(AtomicUsize::new(0));
    let carry = Arc::new(Measured(rig.view.clone(), Arc::clone(&longest)));
    let far = BackendView::of_others(1, Placement(vec![vec![0]]), carry);
    let query = RetainedQuery { limit: 1000, ..RetainedQuery::default() };
    let told = far.retained(&query).await.unwrap();
    assert_eq!((told.items.len(), told.next.as_ref()), (40, None));
    assert_eq!(told, rig.view.retained(&query).await.unwrap());
    let longest = longest.load(Ordering::Relaxed);
    assert!((500_000..1 << 20).contains(&longest), "{longest} bytes");
}

#[tokio::test]
async fn a_retained_message_is_read_and_removed_from_elsewhere() {
    let mut rig = Rig::start(3);
    // Payload format 1, content type `t`, a user property.
    let properties = [1, 1, 3, 0, 1, b't', 0x26, 0, 1, b'a', 0, 1, b'b'];
    rig.publish(Message { properties: &properties, ..retained("a", "kept") }).await;
    let (near, far) = (rig.view.clone(), far(Some(rig.view.clone())));
    let read = far.retained_message("a").await.unwrap();
    assert_eq!(read, near.retained_message("a").await.unwrap());
    assert_eq!(read.unwrap().view.qos, QoS::AtLeastOnce);
    assert!(far.delete_retained("a").await.unwrap());
    assert!(!far.delete_retained("a").await.unwrap());
    assert_eq!(far.retained_message("a").await.unwrap(), None);
    // One that no answer has room for is cut.
    rig.publish(retained("long", &"x".repeat(2 << 20))).await;
    let long = far.retained_message("long").await.unwrap().unwrap();
    assert_eq!((long.view.payload_bytes, long.payload.len()), (2 << 20, 768 << 10));
}

#[tokio::test]
async fn a_partition_that_nobody_is_reached_for_is_named() {
    let error = far(None).session("a").await.unwrap_err();
    assert!(error.to_string().ends_with("does not answer: backend-1 is not reached"), "{error}");
    assert!(matches!(error, ViewError::Unreached { .. }));
    let alone = far(None).without_others();
    assert!(alone.sessions(&SessionQuery { limit: 9, ..SessionQuery::default() }).await.unwrap().items.is_empty());
    assert!(matches!(alone.session("a").await, Err(ViewError::Elsewhere(_))));
}

#[tokio::test]
async fn what_is_no_question_is_told_so() {
    let rig = Rig::start(1);
    for question in [&[][..], &[0, 0], &[0, 0, 99], &[0, 0, 2, 1], &[0, 0, 3, 255, 255, 255, 255, 0, 0, 0, 0]] {
        assert_eq!(&*rig.view.serve(Bytes::copy_from_slice(question)).await, &[4], "{question:?}");
    }
    // Of a partition that is not here.
    assert_eq!(&*rig.view.serve(Bytes::from_static(&[9, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, b'a'])).await, &[1]);
}
