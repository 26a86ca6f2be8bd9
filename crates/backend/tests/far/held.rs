//! Acknowledgements that wait until others have taken the message.

use std::time::Duration;

use partition::{PartitionId, Reply};

use crate::site::{Sites, Wishes};
use crate::worker::Worker;

const HOME: PartitionId = PartitionId(0);

#[tokio::test]
async fn a_publisher_waits_for_another_frontend_and_for_no_longer() {
    let sites = Sites::start(Wishes::default());
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut subscriber = Worker::start(&sites, 2, 0, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, subscriber.connect("b", 0).await);
    subscriber.subscribe(&b, "t").await;
    subscriber.paths[0].close();
    let held = publisher.publish(&a, "t", "1").await;
    // For nobody: it has to wait as well, for the order of its publisher's acknowledgements.
    let behind = publisher.publish(&a, "nobody", "2").await;
    publisher.settle(&a, HOME).await;
    assert!(!publisher.is_published(held) && !publisher.is_published(behind));
    assert!(publisher.lanes[0].kept.len() >= 2, "what is not answered is not taken");
    subscriber.paths[0].reopen();
    assert_eq!(publisher.published(held).await, Reply::Published { tag: held, matched: true });
    assert_eq!(publisher.published(behind).await, Reply::Published { tag: behind, matched: false });
    assert_eq!(subscriber.direct().await, "1");
    publisher.hear_until(|publisher| publisher.lanes[0].kept.is_empty()).await;
}

#[tokio::test]
async fn another_worker_of_the_same_frontend_counts_too() {
    let sites = Sites::start(Wishes::default());
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut subscriber = Worker::start(&sites, 1, 1, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, subscriber.connect("b", 0).await);
    publisher.subscribe(&a, "t").await;
    subscriber.subscribe(&b, "t").await;
    subscriber.paths[0].close();
    let held = publisher.publish(&a, "t", "1").await;
    assert_eq!(publisher.direct().await, "1");
    publisher.settle(&a, HOME).await;
    assert!(!publisher.is_published(held));
    subscriber.paths[0].reopen();
    publisher.published(held).await;
}

#[tokio::test]
async fn what_only_its_own_worker_gets_is_acknowledged_at_once() {
    let sites = Sites::start(Wishes::default());
    let mut worker = Worker::start(&sites, 1, 0, 1).await;
    let a = worker.connect("a", 0).await;
    worker.subscribe(&a, "t").await;
    for number in 0..100 {
        let tag = worker.publish(&a, "t", &number.to_string()).await;
        worker.published(tag).await;
        assert_eq!(worker.direct().await, number.to_string());
    }
}

#[tokio::test]
async fn a_frontend_that_dies_frees_who_waits_for_it() {
    let sites = Sites::start(Wishes { gone_after: Duration::from_millis(300), ..Wishes::default() });
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut subscriber = Worker::start(&sites, 2, 0, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, subscriber.connect("b", 0).await);
    subscriber.subscribe(&b, "t").await;
    subscriber.die();
    let held = publisher.publish(&a, "t", "1").await;
    publisher.published(held).await;
    let tag = publisher.publish(&a, "t", "2").await;
    assert_eq!(publisher.published(tag).await, Reply::Published { tag, matched: false }, "its sessions are gone");
}
