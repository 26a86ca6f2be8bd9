//! A group whose members all belong to it from its first entry on: nobody acknowledges anything alone.

use std::time::Duration;

use super::cluster::{Cluster, NOW, acknowledged, id, retained};
use crate::outgoing::Outgoing;
use crate::raft::{Origin, RaftError, Standing};

fn founds_with(others: impl IntoIterator<Item = u32>) -> Origin {
    Origin::Founds { with: others.into_iter().map(id).collect() }
}

/// Two that have joined with nothing, and the first.
async fn of_three() -> Cluster {
    let mut cluster = Cluster::new();
    for process in 2..=3 {
        cluster.start(id(process), Origin::Joins).await;
    }
    cluster.start(id(1), founds_with(2..=3)).await;
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_vote_from_the_first_entry_on() {
    let mut cluster = of_three().await;
    let leader = cluster.leader().await;
    let members = cluster.members[&leader].membership().members();
    assert_eq!((members.voters, members.is_joint), ((1..=3).map(id).collect(), false));
    cluster.publish(0..20).await;
    for process in 1..=3 {
        cluster.holds(id(process), 0..20).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_go_on_without_who_has_founded_it() {
    let mut cluster = of_three().await;
    // As soon as anybody leads.
    cluster.leader().await;
    cluster.kill(id(1)).await;
    cluster.publish(0..20).await;
    cluster.start(id(1), Origin::Known).await;
    cluster.holds(id(1), 0..20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_founds_acknowledges_nothing_alone() {
    let mut cluster = Cluster::new();
    cluster.start(id(1), founds_with(2..=3)).await;
    let (mut batches, mut out) = (vec![retained("t/0", "x", 0)], Outgoing::default());
    // Some times as long as a group of one takes to be led.
    for _ in 0..30 {
        let standing = cluster.members.get_mut(&id(1)).unwrap().run(&mut batches, NOW, &mut out).unwrap();
        assert!(!matches!(standing, Standing::Leading { .. }), "{standing:?}");
        assert!(acknowledged(&mut out).is_empty());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cluster.start(id(3), Origin::Joins).await;
    cluster.publish(0..10).await;
    cluster.holds(id(3), 0..10).await;
}

/// Before anybody else has heard of the group, and after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_founds_is_killed_and_comes_back() {
    let mut cluster = Cluster::new();
    cluster.start(id(1), founds_with(2..=3)).await;
    for _ in 0..2 {
        cluster.kill(id(1)).await;
        // It is one already, whatever it is told.
        cluster.start(id(1), founds_with([])).await;
        assert_eq!(cluster.members[&id(1)].membership().members().voters, (1..=3).map(id).collect());
        if !cluster.members.contains_key(&id(2)) {
            cluster.start(id(2), Origin::Joins).await;
        }
        cluster.publish(0..10).await;
    }
}

/// A crash between the group's first entry and the ballot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_entry_is_found_again() {
    let mut cluster = Cluster::new();
    cluster.start(id(1), founds_with(2..=3)).await;
    cluster.kill(id(1)).await;
    std::fs::remove_file(cluster.dir(id(1)).join("ballot")).unwrap();
    let refused = cluster.try_start(id(1), Origin::Joins).await.unwrap_err();
    assert!(matches!(refused, RaftError::NotEmpty { .. }), "{refused}");
    cluster.start(id(1), Origin::founds_alone()).await;
    assert_eq!(cluster.members[&id(1)].membership().members().voters, (1..=3).map(id).collect());
    cluster.start(id(2), Origin::Joins).await;
    cluster.publish(0..10).await;
}
