//! Each process on a machine of its own, with real packets that come late, out of order, one way only, or not at all.
//!
//! What is between clients and frontends is left alone: clients must notice nothing but late acknowledgements.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use causeway_tests::{Cluster, Layout, Network, Publish, Quality, Version};

use crate::network_pulse::Pulse;
use crate::scene::Scene;

const PARTITIONS: usize = 3;
const COPIES: usize = 3;

/// Milliseconds: long enough that the others find another leader, and that links are given up.
const CUT: u64 = 3000;

/// Messages of a producer in a round at most.
const MESSAGES: usize = 4000;

/// Two frontends and three backends, each on its machine, and the test with its clients on another.
struct Site {
    network: Network,
    cluster: Cluster,
    scene: Scene,
}

impl Site {
    fn new() -> Self {
        let network = Network::new();
        network.add("clients").enter();
        let cluster = Cluster::start(&Layout::of(2, 3, PARTITIONS).redundancy(COPIES).on(&network));
        cluster.caught_up(PARTITIONS, COPIES);
        let scene = Scene::lasting(&cluster, MESSAGES);
        Site { network, cluster, scene }
    }

    /// Everybody at work while something is done to the network and undone; then it must be whole again by itself.
    fn during(&mut self, what: &str, done: impl FnOnce(&Network, &mut Cluster)) {
        let pulse = Pulse::start(&self.cluster);
        let network = &self.network;
        let lost = self.scene.round(&mut self.cluster, |cluster| {
            wait(400);
            done(network, cluster);
            cluster.caught_up(PARTITIONS, COPIES);
        });
        assert_eq!(lost, 0, "{what}: connections of clients ended");
        pulse.judge(what);
    }

    /// During a round, no packet goes from some machines to others, or between them, for [`CUT`].
    fn cut(&mut self, what: &str, some: &str, others: &str, way: fn(&Network, &str, &str, Quality)) {
        self.during(what, |network, _| {
            way(network, some, others, Quality::cut());
            wait(CUT);
            way(network, some, others, Quality::perfect());
        });
    }

    /// Nothing that was acknowledged is lost, QoS 2 came once, all in order.
    fn judge(mut self) {
        self.scene.judge(&mut self.cluster);
    }

    fn leader(&self) -> String {
        format!("backend-{}", self.cluster.leader(0))
    }
}

#[test]
fn everything_between_processes_comes_late_and_out_of_order_and_a_leader_is_killed() {
    let mut site = Site::new();
    site.network.between("backend-", "", Quality::late(20, 15));
    site.during("20 ms, 15 ms more or less", |_, _| wait(2000));
    let leader = site.cluster.leader(0);
    site.during("the same, a leader killed", |_, cluster| {
        cluster.backends[leader].kill();
        wait(2000);
        cluster.backends[leader].start();
    });
    assert!(site.network.figures().overtook > 1000, "packets came in order: {:?}", site.network);
    site.network.between("backend-", "", Quality::perfect());
    site.judge();
}

#[test]
fn between_processes_packets_are_lost_and_then_everything_is_narrow() {
    let mut site = Site::new();
    site.network.between("backend-", "", Quality::losing(5));
    site.during("5 % of packets lost", |_, _| wait(2000));
    assert!(site.network.figures().lost > 100, "packets were not lost: {:?}", site.network);
    site.network.between("backend-", "", Quality::narrow(100_000));
    site.during("100 kB a second", |_, _| wait(2000));
    assert!(site.network.figures().queued > 1000, "the wires were not full: {:?}", site.network);
    site.network.between("backend-", "", Quality::perfect());
    site.judge();
}

#[test]
fn a_leader_is_cut_off_in_one_direction_in_the_other_and_in_both() {
    let mut site = Site::new();
    let leader = site.leader();
    site.cut("nothing comes from a leader", &leader, "", Network::from_to);
    let leader = site.leader();
    site.cut("nothing comes to a leader", "", &leader, Network::from_to);
    let leader = site.leader();
    site.cut("a leader is cut off", &leader, "", Network::between);
    site.judge();
}

#[test]
fn some_do_not_reach_each_other_while_all_others_do() {
    let mut site = Site::new();
    let leader = site.leader();
    site.cut("a leader is cut off from backends alone", &leader, "backend-", Network::between);
    let leader = site.leader();
    site.cut("a frontend and a leader are apart", "frontend-0", &leader, Network::between);
    site.cut("all backends are apart", "backend-", "backend-", Network::between);
    site.judge();
}

#[test]
fn a_leader_that_only_frontends_reach_is_left_by_all_of_them() {
    let site = Site::new();
    // Nothing else happens at this frontend.
    let mut receiver = site.cluster.client(1, Version::V5);
    receiver.subscribe("heard/+", 1);
    let mut sender = site.cluster.client(0, Version::V5);
    let leader = site.leader();
    site.network.between(&leader, "backend-", Quality::cut());
    // Acknowledged and received while the cut lasts.
    let topics: Vec<String> = (0..24).map(|n| format!("heard/{n}")).collect();
    let mut longest = Duration::ZERO;
    for topic in &topics {
        let sent = Instant::now();
        assert_eq!(sender.publish(Publish::new(topic, "while").qos(1)), 0);
        longest = longest.max(sent.elapsed());
    }
    eprintln!("a leader that only frontends reach: longest wait for a PUBACK {:.2} s", longest.as_secs_f64());
    let topics = BTreeSet::from_iter(topics);
    let mut received = BTreeSet::new();
    while received != topics {
        received.insert(receiver.take().topic);
    }
    site.network.between(&leader, "backend-", Quality::perfect());
    site.cluster.caught_up(PARTITIONS, COPIES);
    sender.settle();
    receiver.settle();
}

#[test]
fn a_link_goes_down_and_comes_back_and_flaps() {
    let mut site = Site::new();
    let leader = site.cluster.leader(0);
    site.during("a leader's link is down", |_, cluster| {
        cluster.backends[leader].machine().link_down();
        wait(CUT);
        cluster.backends[leader].machine().link_up();
    });
    let leader = site.cluster.leader(0);
    site.during("a leader's link goes down and up eight times in 4 s", |_, cluster| {
        for _ in 0..8 {
            cluster.backends[leader].machine().link_down();
            wait(250);
            cluster.backends[leader].machine().link_up();
            wait(250);
        }
    });
    site.judge();
}

/// How long something lasts, or has lasted before the next happens; no condition of the test.
fn wait(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
