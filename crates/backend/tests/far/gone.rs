//! Frontends that die, leave and begin anew.

use std::time::Duration;

use backend::Presence;
use partition::lane::ToPartition;
use partition::{Incarnation, Lane, PartitionId, Reply, Will};

use crate::network::DEADLINE;
use crate::site::{Sites, Wishes};
use crate::worker::{Worker, message, payload};

const HOME: PartitionId = PartitionId(0);
const SOON: Duration = Duration::from_millis(300);

fn will<'a>(topic: &'a str) -> Will<'a> {
    Will { delay: 0, expiry: None, message: message(topic, "farewell") }
}

async fn is_away(sites: &Sites, id: &str) {
    let away = async {
        loop {
            let session = sites.view(0).session(id).await.unwrap();
            if session.is_none_or(|session| session.worker.is_none()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, away).await.expect("in time");
}

#[tokio::test]
async fn a_frontend_that_does_not_come_back_is_taken_for_dead() {
    let sites = Sites::start(Wishes { gone_after: SOON, ..Wishes::default() });
    let mut heir = Worker::start(&sites, 1, 0, 1).await;
    let mut dying = Worker::start(&sites, 2, 0, 1).await;
    let a = heir.connect("a", 0).await;
    heir.subscribe(&a, "wills/#").await;
    dying.connect_with("b", 100, Some(will("wills/b"))).await;
    dying.die();
    let farewell = heir.answer(|answer| matches!(answer.reply, Reply::Direct(_)).then(|| payload(&answer.bodies[0])));
    assert_eq!(farewell.await, "farewell");
    is_away(&sites, "b").await;
    assert_eq!(sites.view(0).session("a").await.unwrap().unwrap().worker, Some(0), "who is there stays");
}

#[tokio::test]
async fn a_frontend_that_comes_back_too_late_begins_anew() {
    let sites = Sites::start(Wishes { gone_after: SOON, ..Wishes::default() });
    let mut worker = Worker::start(&sites, 1, 0, 7).await;
    worker.connect("a", 100).await;
    worker.paths[0].close();
    is_away(&sites, "a").await;
    worker.paths[0].reopen();
    // Its link goes on; it is told.
    worker.hear_until(|worker| worker.lanes[0].lost.is_some()).await;
    assert_eq!(worker.lanes[0].lost.take(), Some(Incarnation(7)));
    worker.ask(HOME).await;
    worker.hear_until(|worker| worker.lanes[0].lost.is_some()).await;
    let mut anew = Worker::start(&sites, 1, 0, 8).await;
    let a = anew.connect("a", 100).await;
    assert!(a.opened.session_present);
}

#[tokio::test]
async fn a_process_that_was_restarted_ends_the_one_before_at_once() {
    let sites = Sites::start(Wishes::default());
    let mut before = Worker::start(&sites, 1, 0, 1).await;
    let mut beside = Worker::start(&sites, 1, 1, 1).await;
    before.connect_with("a", 100, Some(will("wills/a"))).await;
    let b = beside.connect("b", 100).await;
    before.die();
    let mut after = Worker::start(&sites, 1, 0, 2).await;
    is_away(&sites, "a").await;
    is_away(&sites, "b").await;
    // What the other worker of the process before says late is not heard.
    beside.close(&b).await;
    let late = beside.send(HOME, &[]).await;
    let c = after.connect("c", 0).await;
    after.settle(&c, HOME).await;
    assert!(beside.lanes[0].taken < late);
    beside.ask(HOME).await;
    beside.hear_until(|beside| beside.lanes[0].lost.is_some()).await;
    assert_eq!(beside.lanes[0].lost, Some(Incarnation(2)));
}

#[tokio::test]
async fn who_leaves_is_not_waited_for() {
    let sites = Sites::start(Wishes::default());
    let mut first = Worker::start(&sites, 1, 0, 5).await;
    let mut second = Worker::start(&sites, 1, 1, 5).await;
    let mut other = Worker::start(&sites, 2, 0, 5).await;
    first.connect("a", 100).await;
    second.connect("b", 100).await;
    let c = other.connect("c", 0).await;
    let leave = ToPartition::Leave { incarnation: Incarnation(5) }.encode();
    first.sender(HOME).await.send(leave.clone()).unwrap();
    other.settle(&c, HOME).await;
    let there = sites.view(0).session("b").await.unwrap().unwrap();
    assert_eq!(there.worker, Some(1), "its process is still there");
    second.sender(HOME).await.send(leave).unwrap();
    is_away(&sites, "a").await;
    is_away(&sites, "b").await;
    assert_eq!(sites.view(0).session("c").await.unwrap().unwrap().worker, Some(0));
    let connected = backend::SessionQuery { limit: 10, presence: Some(Presence::Connected), ..Default::default() };
    assert_eq!(sites.view(0).sessions(&connected).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn messages_for_a_process_before_do_not_reach_the_next() {
    let sites = Sites::start(Wishes::default());
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut before = Worker::start(&sites, 2, 0, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, before.connect("b", 0).await);
    before.subscribe(&b, "t").await;
    before.die();
    let tag = publisher.publish(&a, "t", "1").await;
    publisher.settle(&a, HOME).await;
    assert!(!publisher.is_published(tag));
    let mut after = Worker::begin(&sites, Lane { frontend: 2, worker: 0 }, 2);
    after.open(HOME).await;
    publisher.published(tag).await;
    // The same place in the table of connections.
    let c = after.connect("c", 0).await;
    assert_eq!(c.owner, b.owner);
    after.settle(&c, HOME).await;
    assert!(after.seen.is_empty(), "{:?}", after.seen);
}
