//! What one leaves to the next: solo's log to the first member, a leader's answers to whoever leads after it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use partition::lane::ToPartition;
use partition::{
    BatchBuilder, Command, Incarnation, Lane, Message, Numbered, Origin as From, Owner, Publish, Reply, Scope, Tag,
};

use super::cluster::{Cluster, NOW, id, retained};
use crate::outgoing::Outgoing;
use crate::raft::Origin;
use crate::solo::{Durability, Solo, SoloSettings};

fn solo(cluster: &Cluster) -> Solo {
    let settings = cluster.settings(id(1), Origin::founds_alone());
    let settings = SoloSettings {
        dir: settings.dir,
        partition: settings.partition,
        slots: settings.slots,
        durability: Durability::Async,
        log: settings.log,
        bodies: settings.bodies,
        compact_after_bytes: 8 << 10,
        reserve_bytes: 0,
    };
    Solo::open(settings).unwrap().0
}

fn publish(solo: &mut Solo, tags: std::ops::Range<u32>) {
    for tag in tags {
        let mut batches = vec![retained(&format!("t/{tag}"), &format!("payload {tag}"), tag)];
        solo.run(&mut batches, NOW, &mut Outgoing::default()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_solo_has_written_is_the_first_members() {
    let mut cluster = Cluster::new();
    let mut alone = solo(&cluster);
    publish(&mut alone, 0..40);
    alone.close().unwrap();
    cluster.start(id(1), Origin::founds_alone()).await;
    cluster.publish(40..50).await;
    cluster.grow(3).await;
    for process in 1..=3 {
        cluster.holds(id(process), 0..50).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_snapshot_and_carried_bodies() {
    let mut cluster = Cluster::new();
    let mut alone = solo(&cluster);
    publish(&mut alone, 0..300);
    alone.look_after_disk().unwrap();
    // Waits for the snapshot that is under way.
    alone.close().unwrap();
    assert!(std::fs::read_dir(cluster.dir(id(1)).join("snapshots")).unwrap().count() > 0);
    cluster.start(id(1), Origin::founds_alone()).await;
    cluster.grow(2).await;
    cluster.holds(id(1), 0..300).await;
    cluster.holds(id(2), 0..300).await;
}

/// A batch of a frontend in another process.
fn numbered(lane: Lane, number: u64, tag: u32) -> Bytes {
    let owner = Owner { frontend: lane.frontend, worker: lane.worker, slot: 0, generation: 0 };
    let mut batch = BatchBuilder::for_lane();
    batch.push(&Command::Publish(Publish {
        reply: Some((owner, Tag(tag))),
        origin: From::Client { client_id: "publisher", exactly_once: None },
        scope: Scope::Everyone,
        message: Message { payload: b"kept", ..Message::removal_of("kept") },
    }));
    let opening = Numbered::opening(lane, INCARNATION);
    let message = batch.take_numbered(Numbered { number, ..opening });
    match ToPartition::decode(lane, &message).unwrap() {
        ToPartition::Batch(_, bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

const INCARNATION: Incarnation = Incarnation(1000);

/// What the leader has answered and nobody has received, the next one can give again; what it has applied comes a
/// second time in vain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_leader_gives_the_answers_again() {
    let mut cluster = Cluster::of(3).await;
    cluster.publish(0..1).await;
    let lane = Lane { frontend: 7, worker: 1 };
    let first = cluster.leader().await;
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut batches = vec![numbered(lane, 1, 41), numbered(lane, 2, 42)];
    while cluster.members[&first].lane(lane).is_none_or(|lane| lane.answered < 2) {
        let member = cluster.members.get_mut(&first).unwrap();
        member.run(&mut batches, NOW, &mut Outgoing::default()).unwrap();
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    cluster.kill(first).await;
    let second = cluster.leader().await;
    let member = cluster.members.get_mut(&second).unwrap();
    let known = member.lane(lane).unwrap();
    assert_eq!((known.incarnation, known.applied, known.answered), (INCARNATION, 2, 2));
    let answers = member.undelivered(lane, 0).unwrap().unwrap();
    let tags = answers.iter().map(|(number, answer)| match answer.reply {
        Reply::Published { tag, .. } => (*number, tag.0),
        _ => panic!("{answer:?}"),
    });
    assert_eq!(tags.collect::<Vec<_>>(), [(1, 41), (2, 42)]);
    assert_eq!(member.undelivered(lane, 1).unwrap().unwrap().len(), 1);
    cluster.publish(1..2).await;
    let out = cluster.run(second, vec![numbered(lane, 1, 41), numbered(lane, 2, 42)]).await;
    assert!(out.answers.is_empty(), "{:?}", out.answers);
    assert_eq!(cluster.members[&second].lane(lane).unwrap().answered, 2);
}
