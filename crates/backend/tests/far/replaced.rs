//! A leader that the other backends do not reach any more, and frontends do: it does not know that it is replaced.

use partition::{PartitionId, Reply};

use crate::network::found;
use crate::site::{Sites, Wishes};
use crate::worker::Worker;

const HOME: PartitionId = PartitionId(0);

async fn three() -> Sites {
    let sites = Sites::start(Wishes { backends: 3, replicas: 3, ..Wishes::default() });
    for number in 0..3 {
        found("all belong to the group", || (sites.voters(number, HOME) == 3).then_some(())).await;
    }
    sites
}

/// Whoever leads besides one who does not know better.
async fn next_leader(sites: &Sites, old: u16) -> u16 {
    found("another leader", || (0..3).find(|number| *number != old && sites.leads(*number, HOME))).await
}

fn is_open_at(worker: &Worker, leader: u16) -> bool {
    worker.lanes[0].is_open && worker.lanes[0].home == usize::from(leader)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_still_reach_it_come_to_the_next_one_also_those_that_have_nothing_to_say() {
    let sites = three().await;
    let mut idle = Worker::seek(&sites, 1, 0, 1).await;
    let mut publisher = Worker::seek(&sites, 2, 0, 1).await;
    let (listener, client) = (idle.connect("listener", 0).await, publisher.connect("publisher", 0).await);
    idle.subscribe(&listener, "t").await;
    let old = found("a leader", || sites.leader(HOME)).await;
    sites.part(old, true);
    // Some of it may have been on its way to the old one.
    let before = publisher.publish(&client, "t", "1").await;
    let new = next_leader(&sites, old).await;
    assert!(sites.leads(old, HOME), "it does not know better");
    idle.hear_until(|worker| is_open_at(worker, new)).await;
    assert_eq!(publisher.published(before).await, Reply::Published { tag: before, matched: true });
    let tag = publisher.publish(&client, "t", "2").await;
    assert_eq!(publisher.published(tag).await, Reply::Published { tag, matched: true });
    assert!(is_open_at(&publisher, new));
    let mut text = idle.direct().await;
    while text == "1" {
        text = idle.direct().await;
    }
    assert_eq!(text, "2");
    // When they reach each other again, all goes on.
    sites.part(old, false);
    found("it knows", || (!sites.leads(old, HOME)).then_some(())).await;
    let tag = publisher.publish(&client, "t", "3").await;
    assert_eq!(publisher.published(tag).await, Reply::Published { tag, matched: true });
    assert_eq!(idle.direct().await, "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_comes_later_is_told_by_both_and_goes_to_the_later_term() {
    let sites = three().await;
    let old = found("a leader", || sites.leader(HOME)).await;
    sites.part(old, true);
    let new = next_leader(&sites, old).await;
    // The first that is asked is who was the leader.
    let mut late = Worker::seek(&sites, 1, 0, 1).await;
    late.hear_until(|worker| is_open_at(worker, new)).await;
    let client = late.connect("late", 0).await;
    late.settle(&client, HOME).await;
    // On the links that were there, in other sessions.
    late.die();
    let mut anew = Worker::seek(&sites, 1, 0, 2).await;
    anew.hear_until(|worker| is_open_at(worker, new)).await;
    sites.part(old, false);
}
