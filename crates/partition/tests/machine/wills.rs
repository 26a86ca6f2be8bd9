//! Wills: when they are published, and that it is once.

use mqtt::QoS;
use partition::*;

use crate::harness::*;

fn watcher(machine: &mut Machine) {
    let watcher = machine.connect("watcher", 99, 0);
    machine.subscribe(&watcher, "will", options(QoS::AtMostOnce));
}

/// Opens "c" with a will of `delay` seconds and a session of `expiry` seconds.
fn open(machine: &mut Machine, clean_start: bool, delay: u32, expiry: u32) -> (Client, Vec<String>) {
    let mut client = Client::new("c", 1);
    let will = will(delay, message("will", "gone", QoS::AtLeastOnce));
    let (opened, replies) = machine.open_with(&client, clean_start, expiry, will);
    client.epoch = opened.epoch;
    let published = machine.delivered(&replies);
    (client, published)
}

fn close(machine: &mut Machine, client: &Client, publish_will: bool) -> Vec<String> {
    let replies = machine.close(client, publish_will);
    machine.delivered(&replies)
}

fn pass(machine: &mut Machine, seconds: u64) -> Vec<String> {
    let replies = machine.pass(seconds);
    machine.delivered(&replies)
}

#[test]
fn mqtt_3_1_2_8_a_will_is_published_when_the_connection_ends_abnormally() {
    let mut machine = Machine::new(0, 1);
    watcher(&mut machine);
    let (client, _) = open(&mut machine, true, 0, 0);
    assert_eq!(machine.partition.counters().wills, 1);
    assert_eq!(close(&mut machine, &client, true), ["gone~"]);
    let counters = machine.partition.counters();
    assert_eq!((counters.wills, counters.outbox), (0, 0));
    assert_eq!(close(&mut machine, &client, true), Vec::<String>::new());
}

#[test]
fn mqtt_3_1_2_10_a_normal_disconnect_removes_the_will() {
    let mut machine = Machine::new(0, 1);
    watcher(&mut machine);
    let (client, _) = open(&mut machine, true, 5, 100);
    assert!(close(&mut machine, &client, false).is_empty());
    assert!(pass(&mut machine, 200).is_empty());
}

#[test]
fn mqtt_3_1_3_9_a_delayed_will_is_not_sent_when_the_session_is_resumed_in_time() {
    let mut machine = Machine::new(0, 1);
    watcher(&mut machine);
    let (client, _) = open(&mut machine, true, 10, 100);
    assert!(close(&mut machine, &client, true).is_empty());
    assert!(pass(&mut machine, 9).is_empty());
    let (client, published) = open(&mut machine, false, 10, 100);
    assert!(published.is_empty() && pass(&mut machine, 20).is_empty());
    close(&mut machine, &client, true);
    assert_eq!(pass(&mut machine, 10), ["gone~"]);
    assert!(pass(&mut machine, 200).is_empty(), "not again when the session ends");
}

#[test]
fn a_delay_that_has_passed_is_not_saved_by_a_late_reconnect() {
    let mut machine = Machine::new(0, 1);
    watcher(&mut machine);
    let (client, _) = open(&mut machine, true, 10, 100);
    close(&mut machine, &client, true);
    machine.now += 10_000;
    assert_eq!(open(&mut machine, false, 10, 100).1, ["gone~"]);
}

#[test]
fn the_end_of_the_session_cuts_the_delay_short() {
    let mut machine = Machine::new(0, 1);
    watcher(&mut machine);
    let (client, _) = open(&mut machine, true, 50, 10);
    close(&mut machine, &client, true);
    assert_eq!(pass(&mut machine, 10), ["gone~"]);
    let (client, _) = open(&mut machine, true, 50, 100);
    close(&mut machine, &client, true);
    assert_eq!(open(&mut machine, true, 0, 0).1, ["gone~"], "a clean start ends it too");
}

#[test]
fn a_takeover_publishes_the_will_unless_a_delay_lets_the_session_go_on() {
    let mut machine = Machine::new(0, 1);
    watcher(&mut machine);
    open(&mut machine, true, 0, 100);
    assert_eq!(open(&mut machine, false, 5, 100).1, ["gone~"]);
    assert!(open(&mut machine, false, 5, 0).1.is_empty());
    assert_eq!(open(&mut machine, false, 5, 0).1, ["gone~"], "with expiry 0 the session ends with its connection");
}

#[test]
fn a_will_may_be_retained_and_its_expiry_begins_with_its_publication() {
    let mut machine = Machine::new(0, 1);
    let mut client = Client::new("c", 1);
    let message = Message { retain: true, ..message("will", "gone", QoS::AtLeastOnce) };
    let will = Some(Will { delay: 20, expiry: Some(30), message });
    client.epoch = machine.open_with(&client, true, 100, will).0.epoch;
    close(&mut machine, &client, true);
    machine.pass(20);
    let watcher = machine.connect("watcher", 99, 0);
    let replies = machine.subscribe(&watcher, "will", options(QoS::AtLeastOnce));
    let Reply::Retained { messages, more: None, .. } = &replies[1] else { panic!("{replies:?}") };
    assert_eq!(machine.message(messages[0].body).expires, Some(Timestamp(machine.now + 30_000)));
    machine.pass(30);
    assert_eq!(machine.partition.counters().retained, 0);
}

#[test]
fn a_will_for_another_partition_is_published_once_however_often_it_is_asked_for() {
    let mut cluster = Cluster::new(2);
    let names = cluster.one_for_each("t");
    let (home, topic_home) = (PartitionId(0), PartitionId(1));
    let (id, topic) = (names[&home].clone(), names[&topic_home].clone());
    let mut watcher = Client::new(&names[&topic_home], 9);
    watcher.epoch = Epoch(u64::MAX);
    cluster.apply(topic_home, &watcher.subscribe(&topic, options(QoS::AtMostOnce)));

    let mut client = Client::new(&id, 1);
    let open = Open {
        owner: client.owner,
        client_id: &id,
        clean_start: true,
        session_expiry: 0,
        will: will(0, message(&topic, "gone", QoS::AtLeastOnce)),
    };
    let replies = cluster.apply(home, &Command::Open(open));
    let (_, Reply::Opened(opened)) = &replies[0] else { panic!("{replies:?}") };
    client.epoch = opened.epoch;
    cluster.held = Some(Default::default());
    cluster.apply(home, &client.close(true));
    let mut out = Effects::new();
    cluster.at(home).partition.resume(&mut out);
    let again = out.drain().collect();
    cluster.follow(home, again);
    let repeated = cluster.held.as_ref().and_then(|held| held.front()).cloned().expect("the will is owed");
    let directs = |replies: Vec<(PartitionId, Reply)>| {
        replies.iter().filter(|(_, reply)| matches!(reply, Reply::Direct(_))).count()
    };
    assert_eq!(directs(cluster.let_go()), 1);
    for machine in &cluster.machines {
        assert_eq!(machine.partition.counters().outbox, 0);
    }
    cluster.at(topic_home).restart_from_snapshot();
    cluster.held = Some([repeated].into());
    assert_eq!(directs(cluster.let_go()), 0, "a copy that comes after everything is settled");
}
