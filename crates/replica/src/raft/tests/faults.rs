//! Members that are cut off, killed, restarted, or come back without what they had.

use super::cluster::{Cluster, id, restart_machine};
use crate::raft::{Origin, RaftError, Timing};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leader_is_killed_and_comes_back_on_its_disk() {
    let mut cluster = Cluster::of(3).await;
    cluster.publish(0..20).await;
    let first = cluster.leader().await;
    cluster.kill(first).await;
    cluster.publish(20..40).await;
    let second = cluster.leader().await;
    assert_ne!(first, second);
    cluster.holds(second, 0..40).await;
    cluster.start(first, Origin::Known).await;
    cluster.holds(first, 0..40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_was_cut_off_catches_up() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let away = (1..=3).map(id).find(|member| *member != leader).unwrap();
    cluster.network.cut(away);
    cluster.publish(0..30).await;
    cluster.network.heal(away);
    cluster.holds(away, 0..30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_are_killed_and_nothing_is_lost() {
    let mut cluster = Cluster::of(3).await;
    cluster.publish(0..20).await;
    for process in 1..=3 {
        cluster.kill(id(process)).await;
    }
    for process in 1..=3 {
        cluster.start(id(process), Origin::Known).await;
    }
    cluster.publish(20..25).await;
    for process in 1..=3 {
        cluster.holds(id(process), 0..25).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_acknowledges_nothing() {
    let mut cluster = Cluster::of(3).await;
    let old = cluster.leader().await;
    cluster.network.cut(old);
    let member = cluster.members.get_mut(&old).unwrap();
    let (mut batches, mut out) = (vec![super::cluster::retained("t/0", "payload 0", 0)], Default::default());
    member.run(&mut batches, super::cluster::NOW, &mut out).unwrap();
    let kept = cluster.members.remove(&old).unwrap();
    cluster.publish(1..10).await;
    cluster.members.insert(old, kept);
    let member = cluster.members.get_mut(&old).unwrap();
    member.run(&mut Vec::new(), super::cluster::NOW, &mut out).unwrap();
    assert!(super::cluster::acknowledged(&mut out).is_empty());
    cluster.network.heal(old);
    cluster.holds(old, 1..10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_have_forgotten_is_no_member_any_more() {
    let mut cluster = Cluster::of(3).await;
    cluster.publish(0..5).await;
    cluster.kill(id(3)).await;
    restart_machine(&cluster.dir(id(3)));
    let refused = cluster.try_start(id(3), Origin::Known).await;
    assert!(matches!(refused, Err(RaftError::Forgotten { .. })), "{refused:?}");
    cluster.kill(id(2)).await;
    std::fs::remove_dir_all(cluster.dir(id(2)).join("log")).unwrap();
    let refused = cluster.try_start(id(2), Origin::Known).await;
    assert!(matches!(refused, Err(RaftError::Forgotten { .. })), "{refused:?}");
    std::fs::remove_dir_all(cluster.dir(id(2))).unwrap();
    let refused = cluster.try_start(id(2), Origin::Known).await;
    assert!(matches!(refused, Err(RaftError::NoMember { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_hears_nobody_takes_nothing_and_goes_on() {
    let mut cluster = Cluster::of(2).await;
    cluster.publish(0..5).await;
    let leader = cluster.leader().await;
    let other = (1..=2).map(id).find(|member| *member != leader).unwrap();
    cluster.network.cut(other);
    // Longer than a majority's word holds.
    tokio::time::sleep(2 * Timing::default().election_to).await;
    let member = cluster.members.get_mut(&leader).unwrap();
    let (mut batches, mut out) = (vec![super::cluster::retained("t/x", "x", 9)], Default::default());
    for _ in 0..3 {
        member.run(&mut batches, super::cluster::NOW, &mut out).unwrap();
    }
    assert_eq!(batches.len(), 1, "it stays with the caller");
    cluster.network.heal(other);
    cluster.publish(5..10).await;
    cluster.holds(other, 0..10).await;
}
