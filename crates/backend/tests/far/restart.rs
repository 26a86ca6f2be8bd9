//! Backends that die and run again on their directory.

use partition::{Acknowledge, Command, PartitionId, Reply, Step};

use crate::network::found;
use crate::site::{Sites, Wishes};
use crate::worker::{Client, Worker, payload};

const HOME: PartitionId = PartitionId(0);

/// Takes the next message of a persistent session and acknowledges it.
async fn delivered(worker: &mut Worker, client: &Client) -> (String, bool) {
    let (delivery, payload) = worker
        .answer(|answer| match &answer.reply {
            Reply::Deliver(delivery) => Some((delivery.clone(), payload(&answer.bodies[0]))),
            _ => None,
        })
        .await;
    let done =
        Acknowledge { session: delivery.session, epoch: client.opened.epoch, entry: delivery.entry, step: Step::Done };
    worker.send(HOME, &[Command::Acknowledge(done)]).await;
    (payload, delivery.dup)
}

#[tokio::test]
async fn workers_go_on_with_a_backend_that_was_restarted() {
    let mut sites = Sites::start(Wishes::default());
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut subscriber = Worker::start(&sites, 2, 0, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, subscriber.connect("b", 100).await);
    subscriber.subscribe(&b, "t").await;
    let mut tags = Vec::new();
    for number in 0..120 {
        if number % 40 == 20 {
            sites.kill(0);
            // What is published meanwhile waits at the publisher's.
            tags.push(publisher.publish(&a, "t", &number.to_string()).await);
            sites.run(0);
        } else {
            tags.push(publisher.publish(&a, "t", &number.to_string()).await);
        }
        if number % 10 == 5 {
            publisher.published(tags.pop().unwrap()).await;
        }
    }
    for tag in tags {
        assert_eq!(publisher.published(tag).await, Reply::Published { tag, matched: true });
    }
    for number in 0..120 {
        let (payload, dup) = delivered(&mut subscriber, &b).await;
        assert_eq!((payload, dup), (number.to_string(), false), "each one once, in order: its connection goes on");
    }
    let last = subscriber.send(HOME, &[]).await;
    subscriber.taken(HOME, last).await;
    let session = sites.view(0).session("b").await.unwrap().unwrap();
    assert_eq!((session.queued, session.in_flight), (0, 0));
    assert!(publisher.lanes[0].opened > 1 && subscriber.lanes[0].opened > 1);
}

#[tokio::test]
async fn answers_that_did_not_arrive_come_again() {
    let mut sites = Sites::start(Wishes::default());
    let mut worker = Worker::start(&sites, 1, 0, 1).await;
    let mut publisher = Worker::start(&sites, 2, 0, 1).await;
    let (a, p) = (worker.connect("a", 100).await, publisher.connect("p", 0).await);
    worker.subscribe(&a, "t").await;
    worker.paths[0].close();
    for number in 0..50 {
        let tag = publisher.publish(&p, "t", &number.to_string()).await;
        publisher.published(tag).await;
    }
    sites.kill(0);
    sites.run(0);
    worker.paths[0].reopen();
    for number in 0..50 {
        assert_eq!(delivered(&mut worker, &a).await, (number.to_string(), false));
    }
}

#[tokio::test]
async fn a_publish_that_was_only_on_its_way_is_published_again() {
    let mut sites = Sites::start(Wishes::default());
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut subscriber = Worker::start(&sites, 2, 0, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, subscriber.connect("b", 0).await);
    subscriber.subscribe(&b, "t").await;
    subscriber.paths[0].close();
    let unlogged = publisher.publish(&a, "t", "1").await;
    publisher.settle(&a, HOME).await;
    // Something that is logged goes past it.
    publisher.connect("c", 0).await;
    sites.kill(0);
    sites.run(0);
    subscriber.paths[0].reopen();
    let (reply, direct) = tokio::join!(publisher.published(unlogged), subscriber.direct());
    assert_eq!(reply, Reply::Published { tag: unlogged, matched: true });
    assert_eq!(direct, "1");
}

/// It may have arrived the first time, and QoS 0 does not come twice (MQTT-4.3.1).
#[tokio::test]
async fn what_was_sent_at_most_once_goes_no_further_when_its_batch_comes_again_and_is_counted() {
    let mut sites = Sites::start(Wishes::default());
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut subscriber = Worker::start(&sites, 2, 0, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, subscriber.connect("b", 0).await);
    subscriber.subscribe(&b, "t").await;
    publisher.publish_at_most_once(&a, "t", "once").await;
    assert_eq!(subscriber.direct().await, "once");
    sites.kill(0);
    publisher.publish_at_most_once(&a, "t", "perhaps").await;
    let tag = publisher.publish(&a, "t", "surely").await;
    sites.run(0);
    let (reply, direct) = tokio::join!(publisher.published(tag), subscriber.direct());
    assert_eq!(reply, Reply::Published { tag, matched: true });
    assert_eq!(direct, "surely");
    let lanes = sites.backend(0).lanes();
    let passed_over = || lanes().iter().map(|view| view.lost.passed_over).sum::<u64>();
    assert_eq!(found("the figure", || Some(passed_over()).filter(|count| *count > 0)).await, 1);
    publisher.publish_at_most_once(&a, "t", "after").await;
    assert_eq!(subscriber.direct().await, "after");
    assert_eq!(passed_over(), 1);
}

#[tokio::test]
async fn a_frontend_that_died_with_the_backend_is_found_out() {
    let soon = std::time::Duration::from_millis(300);
    let mut sites = Sites::start(Wishes { gone_after: soon, ..Wishes::default() });
    let mut worker = Worker::start(&sites, 1, 0, 1).await;
    worker.connect("a", 100).await;
    sites.kill(0);
    worker.die();
    sites.run(0);
    let mut other = Worker::start(&sites, 2, 0, 1).await;
    let c = other.connect("c", 0).await;
    let away = async {
        while sites.view(0).session("a").await.unwrap().unwrap().worker.is_some() {
            other.settle(&c, HOME).await;
        }
    };
    tokio::time::timeout(crate::network::DEADLINE, away).await.expect("in time");
}
