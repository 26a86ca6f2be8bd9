//! Connections between frontends and backends are cut, stalled and slowed; messages are not.

use causeway_tests::{Cluster, FaultProxy, Layout, Publish, Version, free_port};

use crate::scene::Scene;

/// A cluster of one backend that is found at a proxy.
fn behind_a_proxy(frontends: usize, broker: &str) -> (Cluster, FaultProxy) {
    let internal = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let proxy = FaultProxy::before(internal);
    let mut layout = Layout::of(frontends, 1, 2).broker(broker);
    layout.found_at = vec![Some(proxy.address())];
    layout.internal = vec![Some(internal)];
    (Cluster::start(&layout), proxy)
}

const PLAIN: &str = "advanced:\n  encryptInternalTraffic: Disabled\n";

fn cut_again_and_again(broker: &str) {
    let (mut cluster, proxy) = behind_a_proxy(1, broker);
    let mut scene = Scene::new(&cluster);
    let lost = scene.round(&mut cluster, |_| {
        for _ in 0..10 {
            std::thread::sleep(std::time::Duration::from_millis(150));
            proxy.cut();
        }
    });
    assert_eq!(lost, 0, "connections of clients ended");
    scene.judge(&mut cluster);
}

#[test]
fn an_encrypted_link_is_cut_again_and_again() {
    cut_again_and_again("");
}

#[test]
fn a_plain_link_is_cut_again_and_again() {
    cut_again_and_again(PLAIN);
}

#[test]
fn a_link_that_is_silent_is_given_up_and_made_again() {
    let (mut cluster, proxy) = behind_a_proxy(1, "");
    let mut scene = Scene::new(&cluster);
    let lost = scene.round(&mut cluster, |_| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        proxy.black_hole();
        std::thread::sleep(std::time::Duration::from_millis(700));
        proxy.pass();
        std::thread::sleep(std::time::Duration::from_millis(2500));
    });
    assert_eq!(lost, 0, "connections of clients ended");
    scene.judge(&mut cluster);
}

#[test]
fn a_slow_link_slows_publishers_and_loses_nothing() {
    let (mut cluster, proxy) = behind_a_proxy(1, "");
    proxy.slow(200_000);
    let mut scene = Scene::new(&cluster);
    scene.round(&mut cluster, |_| std::thread::sleep(std::time::Duration::from_secs(2)));
    proxy.pass();
    scene.judge(&mut cluster);
}

#[test]
fn a_frontend_that_was_cut_off_for_too_long_begins_anew() {
    let (mut cluster, proxy) = behind_a_proxy(1, "");
    let mut client = cluster.client(0, Version::V5);
    client.subscribe("a", 1);
    proxy.refuse();
    // Ten seconds without it, and the backend ends its sessions.
    causeway_tests::deadline::within(std::time::Duration::from_secs(40), "the backend gives the frontend up", || {
        cluster.backends[0].log().contains("a frontend has been away for too long").then_some(())
    });
    proxy.pass();
    client.expect_disconnect(0x8b);
    client.expect_closed();
    let mut client = causeway_tests::eventually("a client gets in again", || {
        causeway_tests::oracle::open(cluster.frontends[0].mqtt(), &causeway_tests::Connect::fresh(Version::V5))
    });
    client.subscribe("a", 1);
    client.publish(Publish::new("a", "anew").qos(1));
    assert_eq!(client.take().text(), "anew");
    drop(cluster.frontends.pop());
}
