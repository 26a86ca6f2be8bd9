//! What partitions of two backends have for each other.

use std::time::Duration;

use partition::{Answer, PartitionId, Reply, Will};

use crate::network::found;
use crate::site::{Sites, Wishes};
use crate::worker::{Client, Worker, message, payload};

/// Two partitions on two backends.
fn sites() -> Sites {
    Sites::start(Wishes { partitions: 2, backends: 2, ..Wishes::default() })
}

fn client_at(worker: &Worker, partition: u16, skip: usize) -> String {
    let at_home = |id: &String| worker.slots.partition_of_client(id) == PartitionId(partition);
    (0..).map(|n| format!("c{n}")).filter(at_home).nth(skip).unwrap()
}

fn topic_at(worker: &Worker, partition: u16) -> String {
    let at_home = |topic: &String| worker.slots.partition_of_topic(topic) == PartitionId(partition);
    (0..).map(|n| format!("t{n}")).find(at_home).unwrap()
}

async fn farewell(worker: &mut Worker, heir: &Client) -> String {
    let is_it = |answer: &Answer| answer.to == heir.owner && matches!(answer.reply, Reply::Direct(_));
    worker.answer(|answer| is_it(answer).then(|| payload(&answer.bodies[0]))).await
}

fn outbox(sites: &Sites, backend: u16) -> usize {
    sites.backend(backend).counters()().outbox
}

#[tokio::test]
async fn wills_and_ends_of_sessions_go_from_one_backend_to_the_other() {
    let sites = sites();
    let mut worker = Worker::start(&sites, 1, 0, 1).await;
    for (session_home, topic_home) in [(0, 1), (1, 0)] {
        let topic = topic_at(&worker, topic_home);
        let heir = worker.connect(&client_at(&worker, topic_home, 1), 0).await;
        worker.subscribe(&heir, &topic).await;
        let id = client_at(&worker, session_home, 0);
        let will = Will { delay: 0, expiry: None, message: message(&topic, &id) };
        let dying = worker.connect_with(&id, 0, Some(will)).await;
        worker.subscribe(&dying, &topic).await;
        let subscribed = async |count: usize| {
            let reached = async {
                while sites.backend(topic_home).counters()().subscriptions != count {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(crate::network::DEADLINE, reached).await.expect("in time");
        };
        subscribed(2).await;
        worker.close(&dying).await;
        assert_eq!(farewell(&mut worker, &heir).await, id);
        // The session has ended: what it had at the other backend goes.
        subscribed(1).await;
        worker.close(&heir).await;
        subscribed(0).await;
        found("an empty outbox", || (outbox(&sites, session_home) == 0).then_some(())).await;
    }
}

#[tokio::test]
async fn what_another_backend_misses_is_said_again() {
    let mut sites = sites();
    let mut worker = Worker::start(&sites, 1, 0, 1).await;
    let topic = topic_at(&worker, 1);
    let heir = worker.connect(&client_at(&worker, 1, 1), 0).await;
    worker.subscribe(&heir, &topic).await;
    let id = client_at(&worker, 0, 0);
    let will = Will { delay: 0, expiry: None, message: message(&topic, "farewell") };
    let dying = worker.connect_with(&id, 0, Some(will)).await;
    sites.kill(1);
    worker.close(&dying).await;
    let last = worker.send(PartitionId(0), &[]).await;
    worker.taken(PartitionId(0), last).await;
    found("something owed", || (outbox(&sites, 0) > 0).then_some(())).await;
    sites.run(1);
    assert_eq!(farewell(&mut worker, &heir).await, "farewell");
    found("an empty outbox", || (outbox(&sites, 0) == 0).then_some(())).await;
    assert!(worker.seen.iter().all(|(_, answer)| !matches!(answer.reply, Reply::Direct(_))), "once");
}

#[tokio::test]
async fn what_a_backend_owes_outlives_it() {
    let mut sites = sites();
    let mut worker = Worker::start(&sites, 1, 0, 1).await;
    let topic = topic_at(&worker, 0);
    let heir = worker.connect(&client_at(&worker, 0, 1), 0).await;
    worker.subscribe(&heir, &topic).await;
    let id = client_at(&worker, 1, 0);
    let will = Will { delay: 0, expiry: None, message: message(&topic, "farewell") };
    let dying = worker.connect_with(&id, 0, Some(will)).await;
    sites.kill(0);
    worker.close(&dying).await;
    let last = worker.send(PartitionId(1), &[]).await;
    worker.taken(PartitionId(1), last).await;
    sites.kill(1);
    sites.run(0);
    sites.run(1);
    assert_eq!(farewell(&mut worker, &heir).await, "farewell");
    found("an empty outbox", || (outbox(&sites, 1) == 0).then_some(())).await;
}
