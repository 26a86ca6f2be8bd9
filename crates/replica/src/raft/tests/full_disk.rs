//! Members whose disk is full: they refuse, or lag behind, and go on when there is space.

use std::time::{Duration, Instant};

use partition::Reply;

use super::cluster::{Cluster, id, retained};
use crate::log::SmallDisk;
use crate::raft::Origin;

const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishes_are_refused_until_there_is_space() {
    let Some(disk) = SmallDisk::mount(4096) else { return };
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 2 << 20]).unwrap();
    let mut cluster = Cluster::new();
    cluster.elsewhere.insert(id(1), disk.path().join("member"));
    cluster.payload_bytes = 20_000;
    cluster.start(id(1), Origin::founds_alone()).await;
    cluster.leader().await;
    cluster.publish(0..10).await;
    let deadline = Instant::now() + DEADLINE;
    let large = "x".repeat(20_000);
    let (mut tag, mut refused) = (1000, 0);
    while refused == 0 {
        let out = cluster.run(id(1), vec![retained("t/again", &large, tag)]).await;
        refused += out.answers.iter().filter(|(_, answer)| matches!(answer.reply, Reply::Rejected { .. })).count();
        tag += 1;
        assert!(Instant::now() < deadline);
    }
    assert!(cluster.members[&id(1)].is_disk_full());
    std::fs::remove_file(&ballast).unwrap();
    while cluster.members[&id(1)].is_disk_full() {
        cluster.members.get_mut(&id(1)).unwrap().look_after_disk();
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.publish(10..20).await;
    cluster.holds(id(1), 0..20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_without_space_holds_nobody_up() {
    let Some(disk) = SmallDisk::mount(3072) else { return };
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 2 << 20]).unwrap();
    let mut cluster = Cluster::new();
    cluster.elsewhere.insert(id(3), disk.path().join("member"));
    cluster.payload_bytes = 10_000;
    cluster.start(id(1), Origin::founds_alone()).await;
    cluster.leader().await;
    cluster.grow(3).await;
    cluster.publish(0..150).await;
    let deadline = Instant::now() + DEADLINE;
    while !cluster.members[&id(3)].is_disk_full() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.publish(150..152).await;
    std::fs::remove_file(&ballast).unwrap();
    cluster.publish(152..155).await;
    cluster.holds(id(3), 0..155).await;
}
