//! Members that come and go, snapshots that bring them up, and leadership handed over.

use std::time::{Duration, Instant};

use super::cluster::{Cluster, id};
use crate::raft::{MemberId, Origin, RaftError, Standing};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_one_to_three_and_back() {
    let mut cluster = Cluster::of(1).await;
    cluster.publish(0..10).await;
    cluster.grow(3).await;
    cluster.publish(10..20).await;
    let leader = cluster.leader().await;
    cluster.members[&leader].membership().set_voters([leader].into()).await.unwrap();
    for process in (1..=3).filter(|process| id(*process) != leader) {
        cluster.kill(id(process)).await;
    }
    cluster.publish(20..30).await;
    cluster.holds(leader, 0..30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_joins_late_begins_with_a_snapshot() {
    let mut cluster = Cluster::of(1).await;
    for from in (0..200).step_by(2) {
        cluster.publish(from..from + 2).await;
    }
    cluster.members[&id(1)].membership().snapshot().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while cluster.members[&id(1)].purged_to() < 100 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cluster.publish(200..210).await;
    cluster.grow(2).await;
    cluster.holds(id(2), 0..210).await;
    // What arrived is on its disk.
    cluster.kill(id(2)).await;
    cluster.start(id(2), Origin::Known).await;
    cluster.holds(id(2), 0..210).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lead_is_handed_over() {
    let mut cluster = Cluster::of(3).await;
    cluster.publish(0..10).await;
    let old = cluster.leader().await;
    let new: MemberId = (1..=3).map(id).find(|member| *member != old).unwrap();
    cluster.members[&old].membership().hand_over(new).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !matches!(cluster.members[&new].standing().unwrap(), Standing::Leading { .. }) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cluster.network.unplug(old);
    cluster.members.remove(&old).unwrap().stop().await.unwrap();
    cluster.publish(10..20).await;
    cluster.start(old, Origin::Known).await;
    cluster.holds(old, 0..20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_one_that_is_not_heard_nobody_says_how_far_it_is() {
    let mut cluster = Cluster::of(3).await;
    cluster.publish(0..10).await;
    let leader = cluster.leader().await;
    let other = (1..=3).map(id).find(|member| *member != leader).unwrap();
    let known = |cluster: &Cluster| cluster.members[&leader].membership().members().behind;
    let deadline = Instant::now() + Duration::from_secs(30);
    while known(&cluster).get(&other) != Some(&0) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cluster.kill(other).await;
    while known(&cluster).contains_key(&other) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let third = (1..=3).map(id).find(|member| ![leader, other].contains(member)).unwrap();
    // A busy machine may have kept it from answering for a moment.
    while !known(&cluster).contains_key(&third) {
        assert!(Instant::now() < deadline, "it is heard");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_lost_its_disk_joins_as_another() {
    let mut cluster = Cluster::of(3).await;
    cluster.publish(0..20).await;
    cluster.kill(id(3)).await;
    std::fs::remove_dir_all(cluster.dir(id(3))).unwrap();
    let refused = cluster.try_start(id(3), Origin::Known).await.unwrap_err();
    assert!(refused.needs_new_member(), "{refused}");
    let anew = MemberId { process: 3, life: 2 };
    cluster.start(anew, Origin::Joins).await;
    let leader = cluster.leader().await;
    let membership = cluster.members[&leader].membership();
    membership.add_learner(anew).await.unwrap();
    membership.set_voters([id(1), id(2), anew].into()).await.unwrap();
    let members = membership.members();
    assert_eq!(members.voters, [id(1), id(2), anew].into());
    assert!(members.learners.is_empty() && !members.behind.contains_key(&id(3)));
    // It counts: with it and one more there is a majority.
    let other = [id(1), id(2)].into_iter().find(|member| *member != leader).unwrap();
    cluster.kill(other).await;
    cluster.publish(20..30).await;
    cluster.holds(anew, 0..30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_hands_over_before_it_leaves() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let others: std::collections::BTreeSet<_> = (1..=3).map(id).filter(|member| *member != leader).collect();
    let refused = cluster.members[&leader].membership().set_voters(others.clone()).await;
    assert!(matches!(refused, Err(RaftError::Membership(_))), "{refused:?}");
    let to = *others.first().unwrap();
    cluster.members[&leader].membership().hand_over(to).await.unwrap();
    cluster.kill(leader).await;
    cluster.publish(0..10).await;
    let leader = cluster.leader().await;
    cluster.members[&leader].membership().set_voters(others.clone()).await.unwrap();
    assert_eq!(cluster.members[&leader].membership().members().voters, others);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_handed_the_lead_who_is_not_there() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let away = (1..=3).map(id).find(|member| *member != leader).unwrap();
    cluster.network.cut(away);
    for tags in (0..200).step_by(2) {
        cluster.publish(tags..tags + 2).await;
    }
    assert!(cluster.members[&leader].membership().hand_over(away).await.is_err());
    cluster.publish(200..210).await;
    assert_eq!(cluster.leader().await, leader);
}

/// The snapshot is of many pieces, and what comes meanwhile is not held up by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_joins_while_the_partition_serves() {
    let mut cluster = Cluster::new();
    cluster.payload_bytes = 40_000;
    cluster.start(id(1), Origin::founds_alone()).await;
    cluster.leader().await;
    cluster.publish(0..60).await;
    cluster.members[&id(1)].membership().snapshot().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while cluster.members[&id(1)].purged_to() < 2 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cluster.start(id(2), Origin::Joins).await;
    let membership = cluster.members[&id(1)].membership();
    let joining = tokio::spawn(async move { membership.add_learner(id(2)).await });
    let mut tag = 60;
    while !joining.is_finished() {
        cluster.publish(tag..tag + 1).await;
        tag += 1;
    }
    joining.await.unwrap().unwrap();
    cluster.holds(id(2), 0..tag).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_given_back_and_what_is_referred_to_stays() {
    let mut cluster = Cluster::new();
    cluster.compact_after_bytes = 256 << 10;
    cluster.payload_bytes = 10_000;
    cluster.start(id(1), Origin::founds_alone()).await;
    cluster.leader().await;
    cluster.grow(3).await;
    let leader = cluster.leader().await;
    let before = cluster.members[&leader].purged_to();
    // The same forty topics again and again: what is referred to is 400 kB.
    for _ in 0..10 {
        cluster.publish(0..40).await;
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    for process in 1..=3 {
        let member = cluster.members.get_mut(&id(process)).unwrap();
        while member.purged_to() <= before || member.disk_bytes() > 3 << 20 {
            member.look_after_disk();
            assert!(Instant::now() < deadline, "member {process} has {} bytes on disk", member.disk_bytes());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cluster.holds(id(process), 0..40).await;
    }
    for process in 1..=3 {
        cluster.kill(id(process)).await;
        cluster.start(id(process), Origin::Known).await;
        cluster.holds(id(process), 0..40).await;
    }
}
