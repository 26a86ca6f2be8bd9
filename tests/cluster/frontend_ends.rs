//! A frontend ends: what its clients owed and were owed.

use causeway_tests::deadline::within;
use causeway_tests::{AckKind, Cluster, Connect, Layout, Publish, Version, Will};

use crate::scene::Scene;

#[test]
fn wills_are_published_and_sessions_resumed_elsewhere_after_a_kill() {
    let mut cluster = Cluster::start(&Layout::of(2, 1, 2));
    let mut witness = cluster.client(1, Version::V5);
    witness.subscribe("will/+", 1);
    let connect = Connect::persistent(Version::V5, "survivor").will(Will::new("will/survivor", "gone").qos(1));
    let mut survivor = cluster.connect(0, &connect);
    survivor.subscribe("s/+", 1);
    let transient = Connect::new(Version::V5, "transient").will(Will::new("will/transient", "gone").qos(1));
    let _transient = cluster.connect(0, &transient);
    cluster.client(1, Version::V5).publish(Publish::new("s/1", "unacknowledged").qos(1));
    let first = survivor.expect_publish();

    cluster.frontends[0].kill();
    let mut topics: Vec<String> =
        (0..2).map(|_| within(std::time::Duration::from_secs(40), "a will", || Some(witness.take())).topic).collect();
    topics.sort();
    assert_eq!(topics, ["will/survivor", "will/transient"], "[MQTT-3.1.2-8]");
    witness.quiet();

    let mut survivor = cluster.connect(1, &connect);
    assert!(survivor.connack.session_present);
    let again = survivor.expect_publish();
    assert_eq!((again.packet_id, again.text(), again.dup), (first.packet_id, "unacknowledged", true), "[MQTT-4.4.0-1]");
    survivor.ack(AckKind::PubAck, again.packet_id);
}

#[test]
fn a_client_is_taken_over_from_a_frontend_that_was_killed_just_now() {
    let mut cluster = Cluster::start(&Layout::of(2, 1, 2));
    let connect = Connect::persistent(Version::V5, "hasty");
    let mut client = cluster.connect(0, &connect);
    client.subscribe("h", 1);
    cluster.frontends[0].kill();
    let mut client = cluster.connect(1, &connect);
    assert!(client.connack.session_present);
    cluster.client(1, Version::V5).publish(Publish::new("h", "here").qos(1));
    assert_eq!(client.take().text(), "here");
}

#[test]
fn a_publisher_is_not_kept_waiting_for_ever_by_a_subscriber_whose_frontend_was_killed() {
    let mut cluster = Cluster::start(&Layout::of(2, 1, 1));
    let mut away = cluster.client(0, Version::V5);
    away.subscribe("t", 1);
    let mut sender = cluster.client(1, Version::V5);
    cluster.frontends[0].kill();
    let code = sender.publish(Publish::new("t", "1").qos(1));
    assert!([0x00, 0x10].contains(&code), "{code:#x}");
    // At once where the message was logged, for the sake of another in its batch; else when the frontend is given up.
    within(std::time::Duration::from_secs(40), "nobody subscribes any more", || {
        (sender.publish(Publish::new("t", "2").qos(1)) == 0x10).then_some(())
    });
}

#[test]
fn frontends_are_killed_and_come_back_under_load() {
    let mut cluster = Cluster::start(&Layout::of(2, 1, 2));
    let mut scene = Scene::new(&cluster);
    for n in 0..4 {
        scene.round(&mut cluster, |cluster| {
            std::thread::sleep(std::time::Duration::from_millis(400));
            cluster.frontends[n % 2].kill();
        });
        cluster.frontends[n % 2].start();
    }
    scene.judge(&mut cluster);
}

#[test]
fn a_frontend_that_ends_well_leaves_nothing_behind() {
    let mut cluster = Cluster::start(&Layout::of(2, 1, 2));
    let mut witness = cluster.client(1, Version::V5);
    witness.subscribe("will/+", 1);
    let connect = Connect::fresh(Version::V5).will(Will::new("will/x", "gone").qos(1));
    let mut client = cluster.connect(0, &connect);
    assert!(cluster.frontends[0].terminate().success());
    client.expect_disconnect(0x8b);
    assert_eq!(witness.take().text(), "gone");
    cluster.frontends[0].start();
    cluster.client(0, Version::V5).publish(Publish::new("will/y", "new").qos(1));
    assert_eq!(witness.take().text(), "new");
}

/// There is nobody to hand over to, and nobody to wait for.
#[test]
fn a_frontend_whose_backends_are_gone_does_not_wait_for_them() {
    let mut cluster = Cluster::start(&Layout::of(1, 2, 2));
    let mut client = cluster.client(0, Version::V5);
    client.subscribe("a", 1);
    cluster.backends.iter_mut().for_each(causeway_tests::node_process::NodeProcess::kill);
    client.send_publish(Publish::new("a", "nobody takes it").qos(1));
    let log = |cluster: &Cluster| cluster.frontends[0].log();
    assert!(cluster.frontends[0].terminate().success());
    let said = log(&cluster);
    assert!(said.contains("no backend is reached: what clients had sent"), "{said}");
    assert!(!said.contains("within 10 seconds"), "{said}");
    client.expect_disconnect(0x8b);
}
