//! A backend ends and comes back; its frontends' clients notice nothing but a pause.

use causeway_tests::{Client, Cluster, Connect, Layout, Publish, Version};

use crate::scene::Scene;

#[test]
fn clients_stay_connected_while_a_backend_is_killed_and_comes_back() {
    let mut cluster = Cluster::start(&Layout::of(1, 1, 2));
    let mut scene = Scene::new(&cluster);
    for _ in 0..4 {
        let lost = scene.round(&mut cluster, |cluster| {
            pause();
            cluster.backends[0].restart();
            pause();
        });
        assert_eq!(lost, 0, "connections ended");
    }
    scene.judge(&mut cluster);
}

#[test]
fn each_of_two_backends_is_killed_in_turn() {
    let mut cluster = Cluster::start(&Layout::of(2, 2, 4));
    let mut scene = Scene::new(&cluster);
    for n in 0..4 {
        let lost = scene.round(&mut cluster, |cluster| {
            pause();
            cluster.backends[n % 2].restart();
            pause();
        });
        assert_eq!(lost, 0, "connections ended");
    }
    scene.judge(&mut cluster);
}

#[test]
fn a_rolling_restart_of_all_processes_loses_nothing() {
    let mut cluster = Cluster::start(&Layout::of(2, 2, 4));
    let mut scene = Scene::new(&cluster);
    for n in 0..2 {
        scene.round(&mut cluster, |cluster| {
            assert!(cluster.backends[n].terminate().success());
            cluster.backends[n].start();
        });
        scene.round(&mut cluster, |cluster| {
            assert!(cluster.frontends[n].terminate().success());
        });
        cluster.frontends[n].start();
    }
    scene.judge(&mut cluster);
}

#[test]
fn everything_is_killed_and_everything_comes_back() {
    let mut cluster = Cluster::start(&Layout::of(2, 2, 3));
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
fn a_request_that_meets_no_backend_is_answered_when_it_is_back() {
    let mut cluster = Cluster::start(&Layout::of(1, 1, 1));
    let mut waiting = cluster.client(0, Version::V5);
    let mut listener = cluster.connect(0, &Connect::persistent(Version::V5, "listener"));
    listener.subscribe("a", 1);
    cluster.backends[0].kill();
    let id = waiting.send_publish(Publish::new("a", "while it was away").qos(1));
    cluster.backends[0].start();
    waiting.await_ack(causeway_tests::AckKind::PubAck, id);
    assert_eq!(listener.take().text(), "while it was away");
    // And a subscription that had been acknowledged before still holds.
    let mut sender: Client = cluster.client(0, Version::V5);
    sender.publish(Publish::new("a", "after").qos(1));
    assert_eq!(listener.take().text(), "after");
}

/// Long enough that messages are under way, and no condition of the test.
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(400));
}
