//! Partitions with several copies: any one backend may end, for good or for a while, and nobody notices more than a pause.

use std::time::Duration;

use causeway_tests::deadline::{patience, within};
use causeway_tests::{Cluster, Connect, Layout, Publish, Version};

use crate::scene::Scene;

fn three_copies() -> Cluster {
    Cluster::start(&Layout::of(2, 3, 3).redundancy(3))
}

#[test]
fn each_of_three_backends_is_killed_under_load() {
    let mut cluster = three_copies();
    let mut scene = Scene::new(&cluster);
    for n in 0..3 {
        let lost = scene.round(&mut cluster, |cluster| {
            pause();
            cluster.backends[n].kill();
            std::thread::sleep(Duration::from_secs(2));
        });
        assert_eq!(lost, 0, "connections ended");
        cluster.backends[n].start();
        caught_up(&cluster);
    }
    scene.judge(&mut cluster);
}

#[test]
fn each_of_three_backends_falls_silent_and_comes_back() {
    let mut cluster = three_copies();
    let mut scene = Scene::new(&cluster);
    for n in 0..3 {
        let lost = scene.round(&mut cluster, |cluster| {
            pause();
            cluster.backends[n].signal(libc::SIGSTOP);
            std::thread::sleep(Duration::from_secs(4));
            cluster.backends[n].signal(libc::SIGCONT);
            pause();
        });
        assert_eq!(lost, 0, "connections ended");
        caught_up(&cluster);
    }
    scene.judge(&mut cluster);
}

#[test]
fn publishes_and_connects_go_on_with_one_backend_away() {
    let mut cluster = three_copies();
    let mut receiver = cluster.connect(1, &Connect::persistent(Version::V5, "receiver"));
    receiver.subscribe("on/+", 1);
    cluster.backends[1].kill();
    let mut sender = cluster.client(0, Version::V5);
    for n in 0..60 {
        assert_eq!(sender.publish(Publish::new(&format!("on/{n}"), n.to_string()).qos(1)), 0);
    }
    let mut texts: Vec<u32> = receiver.take_texts(60).iter().map(|text| text.parse().expect("a number")).collect();
    texts.sort_unstable();
    assert_eq!(texts, (0..60).collect::<Vec<_>>());
}

#[test]
fn a_rolling_restart_loses_nothing_and_no_connection_of_a_client() {
    let mut cluster = three_copies();
    let mut scene = Scene::new(&cluster);
    for n in 0..3 {
        let lost = scene.round(&mut cluster, |cluster| {
            assert!(cluster.backends[n].terminate().success());
            cluster.backends[n].start();
            caught_up(cluster);
        });
        assert_eq!(lost, 0, "connections ended");
    }
    scene.judge(&mut cluster);
}

#[test]
fn a_backend_that_has_lost_its_disk_gets_its_copies_again() {
    let mut cluster = three_copies();
    let mut scene = Scene::new(&cluster);
    scene.round(&mut cluster, |_| pause());
    cluster.backends[2].kill();
    std::fs::remove_dir_all(cluster.backends[2].data_dir().join("partitions")).expect("its state to remove");
    cluster.backends[2].start();
    caught_up(&cluster);
    // Now it has to do for one of the others.
    let lost = scene.round(&mut cluster, |cluster| {
        cluster.backends[0].kill();
        std::thread::sleep(Duration::from_secs(2));
    });
    assert_eq!(lost, 0, "connections ended");
    scene.judge(&mut cluster);
}

#[test]
fn everything_is_killed_at_once_and_comes_back() {
    let mut cluster = three_copies();
    let mut scene = Scene::new(&cluster);
    for _ in 0..2 {
        scene.round(&mut cluster, |cluster| {
            pause();
            cluster.kill();
        });
        cluster.launch();
    }
    scene.judge(&mut cluster);
}

#[test]
fn without_a_majority_nothing_is_acknowledged_and_with_it_everything_is() {
    let mut cluster = Cluster::start(&Layout::of(1, 3, 1).redundancy(3));
    let mut receiver = cluster.connect(0, &Connect::persistent(Version::V5, "receiver"));
    receiver.subscribe("m", 1);
    cluster.backends[1].kill();
    cluster.backends[2].kill();
    let mut sender = cluster.frontends[0].raw(Version::V5);
    sender.send_connect(&Connect::fresh(Version::V5));
    assert_eq!(sender.poll(Duration::from_secs(2)), None, "an answer that nobody has agreed to");
    cluster.backends[2].start();
    sender.expect_connack();
    assert_eq!(sender.publish(Publish::new("m", "agreed").qos(1)), 0);
    assert_eq!(receiver.take().text(), "agreed");
}

#[test]
fn a_fourth_backend_takes_its_share_while_messages_go_on() {
    let mut cluster = Cluster::start(&Layout::of(2, 3, 3).redundancy(3));
    let mut scene = Scene::new(&cluster);
    cluster.grow();
    let lost = scene.round(&mut cluster, |cluster| {
        cluster.backends[3].launch();
        for n in 0..3 {
            assert!(cluster.backends[n].terminate().success());
            cluster.backends[n].start();
        }
        cluster.backends[3].wait_until_ready();
        caught_up(cluster);
    });
    assert_eq!(lost, 0, "connections ended");
    // Frontends look for leaders where the longer list says.
    for n in 0..2 {
        cluster.frontends[n].terminate();
        cluster.frontends[n].start();
    }
    let lost = scene.round(&mut cluster, |cluster| {
        cluster.backends[1].kill();
        std::thread::sleep(Duration::from_secs(2));
    });
    assert_eq!(lost, 0, "connections ended");
    scene.judge(&mut cluster);
}

#[test]
fn one_copy_becomes_three_and_one_again() {
    let mut cluster = Cluster::start(&Layout::of(1, 3, 3));
    let mut scene = Scene::new(&cluster);
    scene.round(&mut cluster, |_| pause());
    for copies in [3, 1] {
        cluster.set_redundancy(copies);
        for n in 0..3 {
            cluster.backends[n].terminate();
        }
        cluster.frontends[0].terminate();
        cluster.launch();
        if copies == 3 {
            caught_up(&cluster);
            let lost = scene.round(&mut cluster, |cluster| {
                pause();
                cluster.backends[0].kill();
                std::thread::sleep(Duration::from_secs(2));
            });
            assert_eq!(lost, 0, "connections ended");
            cluster.backends[0].start();
            caught_up(&cluster);
        }
    }
    scene.judge(&mut cluster);
}

/// What the others have written meanwhile is not in their logs any more: they have cut these behind snapshots.
#[test]
fn a_backend_that_was_away_for_long_gets_a_snapshot() {
    const PAYLOAD: usize = 128 * 1024;
    const TOPICS: usize = 16;
    let mut cluster = Cluster::start(&Layout::of(1, 3, 1).redundancy(3));
    let mut keeper = cluster.connect(0, &Connect::persistent(Version::V5, "keeper"));
    keeper.subscribe("waits", 1);
    keeper.disconnect();
    cluster.backends[2].kill();
    let mut sender = cluster.client(0, Version::V5);
    sender.publish(Publish::new("waits", "for long").qos(1));
    let is_cut = |cluster: &Cluster| {
        let log = cluster.backends[0].data_dir().join("partitions/0/log");
        let mut names = std::fs::read_dir(&log).expect("the log").flatten().map(|entry| entry.file_name());
        !names.any(|name| name.to_string_lossy().starts_with("00000000000000000001"))
    };
    // Each retained message takes the place of the one before: the log grows by much more than it holds.
    for n in 0.. {
        assert!(n < 3000, "the log is never cut: {:?}", cluster.backends[0].log());
        let payload = vec![b'a' + (n % 23) as u8; PAYLOAD];
        let taken = sender.publish(Publish::new(&format!("large/{}", n % TOPICS), payload).qos(1).retained());
        assert_eq!(taken, 0x10, "taken, though nobody subscribes to it");
        if n % 100 == 99 && is_cut(&cluster) {
            break;
        }
    }
    cluster.backends[2].start();
    caught_up_of(&cluster, 1);
    cluster.backends[2].says(&["a snapshot from another member is in place"]);
    // Now it has to do for one of the others.
    cluster.backends[0].kill();
    let (mut keeper, answer) = cluster.frontends[0].attempt(&Connect::persistent(Version::V5, "keeper"));
    assert!(answer.code == 0 && answer.session_present, "{answer:?}");
    assert_eq!(keeper.take().text(), "for long");
    let mut reader = cluster.client(0, Version::V5);
    reader.subscribe("large/+", 0);
    let mut topics: Vec<String> = (0..TOPICS)
        .map(|_| reader.take())
        .map(|message| {
            assert_eq!(message.payload.len(), PAYLOAD);
            message.topic
        })
        .collect();
    topics.sort();
    topics.dedup();
    assert_eq!(topics.len(), TOPICS);
}

/// Every process has the new number from its own restart on, while the others go on.
#[test]
fn one_copy_becomes_three_by_restarts_one_after_the_other() {
    let mut cluster = Cluster::start(&Layout::of(2, 3, 3));
    let mut scene = Scene::new(&cluster);
    scene.round(&mut cluster, |_| pause());
    cluster.set_redundancy(3);
    scene.round(&mut cluster, |cluster| {
        for n in 0..3 {
            assert!(cluster.backends[n].terminate().success());
            cluster.backends[n].start();
        }
        caught_up(cluster);
    });
    // Frontends look for leaders at one backend alone until they know better.
    scene.round(&mut cluster, |cluster| {
        for n in 0..2 {
            assert!(cluster.frontends[n].terminate().success());
            cluster.frontends[n].start();
        }
    });
    let lost = scene.round(&mut cluster, |cluster| {
        cluster.backends[0].kill();
        std::thread::sleep(Duration::from_secs(2));
    });
    assert_eq!(lost, 0, "connections ended");
    scene.judge(&mut cluster);
}

#[test]
fn of_five_copies_any_two_may_be_away() {
    let mut cluster = Cluster::start(&Layout::of(1, 5, 2).redundancy(5));
    let mut scene = Scene::new(&cluster);
    for away in [[0, 1], [3, 4]] {
        let lost = scene.round(&mut cluster, |cluster| {
            pause();
            away.iter().for_each(|n| cluster.backends[*n].kill());
            std::thread::sleep(Duration::from_secs(2));
        });
        assert_eq!(lost, 0, "connections ended");
        away.iter().for_each(|n| cluster.backends[*n].launch());
        away.iter().for_each(|n| cluster.backends[*n].wait_until_ready());
        whole(&cluster, 2, 5);
    }
    scene.judge(&mut cluster);
}

fn caught_up(cluster: &Cluster) {
    caught_up_of(cluster, 3);
}

fn caught_up_of(cluster: &Cluster, partitions: usize) {
    whole(cluster, partitions, 3);
}

/// Every partition has one leader and all its copies again, as the backends' metrics tell.
fn whole(cluster: &Cluster, partitions: usize, copies: u32) {
    let sum = |name: &str, labels: &str| {
        let each = cluster.backends.iter().map(|backend| causeway_tests::http::metric(backend.admin(), name, labels));
        each.map(Option::unwrap_or_default).sum::<f64>()
    };
    within(patience() * 2, "every partition has one leader and all its copies", || {
        // Who has lost its disk knows of no group before it belongs to it again; who has left one may still tell of it.
        let mut partitions = (0..partitions).map(|partition| format!("partition=\"{partition}\""));
        let is_whole = |of: String| {
            sum("causeway_replication_voters", &of) >= f64::from(copies * copies)
                && sum("causeway_replication_leader", &of) == 1.0
        };
        (partitions.all(is_whole) && sum("causeway_replication_missing", "") == 0.0).then_some(())
    });
}

/// Long enough that messages are under way, and no condition of the test.
fn pause() {
    std::thread::sleep(Duration::from_millis(400));
}
