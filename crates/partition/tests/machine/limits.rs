//! Queue limits of persistent sessions.

use mqtt::QoS;
use partition::*;

use crate::harness::*;

#[test]
fn drop_oldest_drops_the_oldest_that_nobody_holds() {
    let mut machine = Machine::new(0, 1);
    let mut client = machine.connect("sub", 1, PERSISTENT);
    (client.window, client.limit) = (1, 2);
    machine.subscribe(&client, "t", options(QoS::AtLeastOnce));
    for payload in ["1", "2", "3", "4", "5"] {
        machine.publish("t", payload, QoS::AtLeastOnce);
    }
    let counters = machine.partition.counters();
    assert_eq!((counters.queued, counters.dropped_by_limit), (3, 2));
    let again = machine.connect("sub", 2, PERSISTENT);
    let replies = machine.attach(&again, 10);
    assert_eq!(machine.delivered(&replies), ["1!", "4", "5"]);
}

#[test]
fn without_a_limit_nothing_is_dropped() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("sub", 1, PERSISTENT);
    machine.subscribe(&client, "t", options(QoS::AtLeastOnce));
    machine.run(&client.detach());
    for _ in 0..5000 {
        machine.publish("t", "m", QoS::AtLeastOnce);
    }
    assert_eq!(machine.partition.counters().queued, 5000);
}

#[test]
fn a_limit_is_divided_among_the_partitions_that_hold_something() {
    let mut cluster = Cluster::new(3);
    let topics = cluster.one_for_each("t");
    let mut client = Client::new("sub", 1);
    let home = cluster.slots.partition_of_client(&client.id);
    let replies = cluster.apply(
        home,
        &Command::Open(Open {
            owner: client.owner,
            client_id: &client.id.clone(),
            clean_start: false,
            session_expiry: PERSISTENT,
            will: None,
        }),
    );
    let (_, Reply::Opened(opened)) = &replies[0] else { panic!("{replies:?}") };
    (client.epoch, client.kind, client.window, client.limit) = (opened.epoch, opened.kind, 1, 30);
    for partition in cluster.slots.all().iter() {
        cluster.apply(home, &client.touch(PartitionSet::default().with(partition)));
        cluster.apply(partition, &client.subscribe(&topics[&partition], options(QoS::AtLeastOnce)));
        cluster.apply(partition, &client.detach());
    }
    for (partition, topic) in &topics {
        for _ in 0..50 {
            cluster.apply(*partition, &publish("p", message(topic, "m", QoS::AtLeastOnce)));
        }
    }
    // The last partition takes its whole part only when it is told of the others.
    cluster.apply(home, &client.touch(cluster.slots.all()));
    let queued: Vec<_> = cluster.machines.iter().map(|machine| machine.partition.counters().queued).collect();
    assert_eq!(queued[..2], [10, 10]);
    assert!(queued[2] <= 30);
}
