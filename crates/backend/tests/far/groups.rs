//! Partitions with several replicas: who leads, what is kept when it changes, who belongs to the group.

use std::time::{Duration, Instant};

use partition::{Acknowledge, Command, Epoch, Numbering, PartitionId, Reply, Step, Tag};

use crate::network::found;
use crate::site::{Sites, Wishes};
use crate::worker::{Client, Worker, payload};

const P: PartitionId = PartitionId(0);

/// Three backends that each hold a replica of every partition.
async fn three(partitions: u16) -> Sites {
    let sites = Sites::start(Wishes { partitions, backends: 3, replicas: 3, ..Wishes::default() });
    for partition in 0..partitions {
        for number in 0..3 {
            let voters = || sites.voters(number, PartitionId(partition));
            found("all belong to the group", || (voters() == 3).then_some(())).await;
        }
    }
    sites
}

async fn leader(sites: &Sites, partition: PartitionId) -> u16 {
    found("a leader", || sites.leader(partition)).await
}

fn epoch(client: &Client) -> Epoch {
    client.opened.epoch
}

/// A client with a session, and its subscription to everything.
async fn subscriber(worker: &mut Worker, id: &str) -> Client {
    let client = worker.connect(id, 3600).await;
    worker.subscribe(&client, "t/#").await;
    client
}

/// The payloads that were delivered with numbers, each acknowledged, until `count` are there.
async fn delivered(worker: &mut Worker, client: &Client, count: usize) -> Vec<String> {
    let mut payloads = Vec::new();
    while payloads.len() < count {
        let (numbering, (delivery, text)) = worker
            .numbered_answer(|answer| match &answer.reply {
                Reply::Deliver(delivery) if answer.to == client.owner => {
                    Some((delivery.clone(), payload(&answer.bodies[0])))
                }
                _ => None,
            })
            .await;
        assert!(matches!(numbering, Numbering::Numbered(_)));
        let (session, entry) = (delivery.session, delivery.entry);
        let acknowledge = Acknowledge { session, epoch: epoch(client), entry, step: Step::Done };
        worker.send(P, &[Command::Acknowledge(acknowledge)]).await;
        payloads.push(text);
    }
    payloads
}

async fn all_published(worker: &mut Worker, tags: Vec<Tag>) {
    for tag in tags {
        assert!(matches!(worker.published(tag).await, Reply::Published { matched: true, .. }));
    }
}

async fn publish_some(worker: &mut Worker, client: &Client, numbers: std::ops::Range<u32>) -> Vec<Tag> {
    let mut tags = Vec::new();
    for number in numbers {
        tags.push(worker.publish(client, "t/x", &format!("{number}")).await);
    }
    tags
}

fn texts(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_survives_its_leader_and_comes_once() {
    let mut sites = three(1).await;
    let mut worker = Worker::seek(&sites, 1, 0, 100).await;
    let client = subscriber(&mut worker, "c").await;
    let tags = publish_some(&mut worker, &client, 0..20).await;
    all_published(&mut worker, tags).await;
    // Some are on their way when the leader dies.
    let tags = publish_some(&mut worker, &client, 20..40).await;
    let old = leader(&sites, P).await;
    let begun = Instant::now();
    sites.kill(old);
    all_published(&mut worker, tags).await;
    println!("killed leader: acknowledged again after {:?}", begun.elapsed());
    let tags = publish_some(&mut worker, &client, 40..50).await;
    all_published(&mut worker, tags).await;
    assert_ne!(leader(&sites, P).await, old);
    assert_eq!(delivered(&mut worker, &client, 50).await, texts(0..50));
    worker.settle(&client, P).await;
    let again = worker.seen.iter().filter(|(_, answer)| matches!(answer.reply, Reply::Deliver(_))).count();
    assert_eq!(again, 0, "each comes once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_stop_hands_the_lead_over() {
    let mut sites = three(1).await;
    let mut worker = Worker::seek(&sites, 1, 0, 100).await;
    let client = subscriber(&mut worker, "c").await;
    let tags = publish_some(&mut worker, &client, 0..10).await;
    all_published(&mut worker, tags).await;
    let old = leader(&sites, P).await;
    let stopping = {
        let begun = Instant::now();
        tokio::task::block_in_place(|| sites.stop(old));
        begun.elapsed()
    };
    let begun = Instant::now();
    let tags = publish_some(&mut worker, &client, 10..20).await;
    all_published(&mut worker, tags).await;
    println!("planned stop: took {stopping:?}, acknowledged after {:?} more", begun.elapsed());
    assert_eq!(delivered(&mut worker, &client, 20).await, texts(0..20));
    // It comes back as who it was, and leads again where it is placed first.
    sites.run(old);
    found("the lead is where it is placed", || (sites.leader(P) == Some(0)).then_some(())).await;
    let tags = publish_some(&mut worker, &client, 20..30).await;
    all_published(&mut worker, tags).await;
    assert_eq!(delivered(&mut worker, &client, 10).await, texts(20..30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_are_spread_as_they_are_placed() {
    let sites = three(3).await;
    for partition in 0..3 {
        found("its leader", || (sites.leader(PartitionId(partition)) == Some(partition)).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_lost_its_disk_joins_anew_and_counts() {
    let mut sites = three(1).await;
    let mut worker = Worker::seek(&sites, 1, 0, 100).await;
    let client = subscriber(&mut worker, "c").await;
    let tags = publish_some(&mut worker, &client, 0..10).await;
    all_published(&mut worker, tags).await;
    assert_eq!(leader(&sites, P).await, 0);
    // The first one: it must not found another group.
    sites.kill(0);
    sites.lose_disk(0);
    sites.run(0);
    let tags = publish_some(&mut worker, &client, 10..20).await;
    all_published(&mut worker, tags).await;
    found("it leads again, with everything", || (sites.leader(P) == Some(0)).then_some(())).await;
    // With it and one more there is a majority.
    sites.kill(1);
    let tags = publish_some(&mut worker, &client, 20..30).await;
    all_published(&mut worker, tags).await;
    assert_eq!(delivered(&mut worker, &client, 30).await, texts(0..30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_one_to_three_and_back() {
    let mut sites = Sites::start(Wishes { backends: 3, replicas: 1, ..Wishes::default() });
    let mut worker = Worker::seek(&sites, 1, 0, 100).await;
    let client = subscriber(&mut worker, "c").await;
    let tags = publish_some(&mut worker, &client, 0..10).await;
    all_published(&mut worker, tags).await;
    for number in 0..3 {
        tokio::task::block_in_place(|| sites.stop(number));
    }
    sites.wishes.replicas = 3;
    (0..3).for_each(|number| sites.run(number));
    let tags = publish_some(&mut worker, &client, 10..20).await;
    all_published(&mut worker, tags).await;
    // All three belong to the group when it goes on without the first.
    for number in 0..3 {
        found("all belong to it", || (sites.voters(number, P) == 3).then_some(())).await;
    }
    sites.kill(0);
    let tags = publish_some(&mut worker, &client, 20..30).await;
    all_published(&mut worker, tags).await;
    sites.run(0);
    for number in 0..3 {
        tokio::task::block_in_place(|| sites.stop(number));
    }
    sites.wishes.replicas = 1;
    (0..3).for_each(|number| sites.run(number));
    found("one is left", || (sites.leader(P) == Some(0) && sites.voters(0, P) == 1).then_some(())).await;
    for number in 1..3 {
        sites.kill(number);
    }
    let tags = publish_some(&mut worker, &client, 30..40).await;
    all_published(&mut worker, tags).await;
    assert_eq!(delivered(&mut worker, &client, 40).await, texts(0..40));
}

/// All machines lose their power: what their disks have is what there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_of_all_machines_is_survived() {
    let mut sites = three(1).await;
    let mut worker = Worker::seek(&sites, 1, 0, 100).await;
    let client = subscriber(&mut worker, "c").await;
    let tags = publish_some(&mut worker, &client, 0..10).await;
    all_published(&mut worker, tags).await;
    for number in 0..3 {
        sites.kill(number);
        sites.restart_machine(number, P);
    }
    sites.run(0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(sites.leader(P), None, "the others may know more");
    (1..3).for_each(|number| sites.run(number));
    let tags = publish_some(&mut worker, &client, 10..20).await;
    all_published(&mut worker, tags).await;
    assert_eq!(delivered(&mut worker, &client, 20).await, texts(0..20));
}

/// One machine loses its power: it begins anew, as the others lead without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_went_down_begins_anew() {
    let mut sites = three(1).await;
    let mut worker = Worker::seek(&sites, 1, 0, 100).await;
    let client = subscriber(&mut worker, "c").await;
    let before = sites.members(1, P);
    sites.kill(0);
    sites.restart_machine(0, P);
    sites.run(0);
    let tags = publish_some(&mut worker, &client, 0..10).await;
    all_published(&mut worker, tags).await;
    found("it leads again", || (sites.leader(P) == Some(0)).then_some(())).await;
    let after = sites.members(1, P);
    assert!(after.len() == 3 && after != before, "{before:?} {after:?}");
    assert_eq!(delivered(&mut worker, &client, 10).await, texts(0..10));
}

/// It hears the others and believes to be heard: it serves nobody, and the others replace it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_not_heard_is_replaced() {
    let sites = three(1).await;
    let mut worker = Worker::seek(&sites, 1, 0, 100).await;
    let client = subscriber(&mut worker, "c").await;
    let tags = publish_some(&mut worker, &client, 0..10).await;
    all_published(&mut worker, tags).await;
    let old = leader(&sites, P).await;
    let begun = Instant::now();
    sites.mute(old, true);
    let tags = publish_some(&mut worker, &client, 10..20).await;
    all_published(&mut worker, tags).await;
    println!("muted leader: acknowledged again after {:?}", begun.elapsed());
    let new = (0..3).find(|number| *number != old && sites.leads(*number, P));
    assert!(new.is_some());
    sites.mute(old, false);
    assert_eq!(delivered(&mut worker, &client, 20).await, texts(0..20));
}
