//! Queue limits of persistent sessions.

use mqtt::QoS;

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
fn an_attachment_brings_a_new_limit() {
    let mut machine = Machine::new(0, 1);
    let mut client = machine.connect("sub", 1, PERSISTENT);
    (client.window, client.limit) = (1, 4);
    machine.subscribe(&client, "t", options(QoS::AtLeastOnce));
    for payload in ["1", "2", "3", "4", "5", "6"] {
        machine.publish("t", payload, QoS::AtLeastOnce);
    }
    let mut lower = machine.connect("sub", 2, PERSISTENT);
    lower.limit = 2;
    let replies = machine.replies(&lower.attach_limited(1));
    assert_eq!(machine.delivered(&replies), ["1!"], "what was in hands is kept beside the limit");
    assert_eq!(machine.partition.counters().queued, 3);
    let mut none = machine.connect("sub", 3, PERSISTENT);
    none.limit = 0;
    let replies = machine.replies(&none.attach_limited(1));
    assert_eq!(machine.delivered(&replies), ["1!"]);
    for payload in ["7", "8", "9"] {
        machine.publish("t", payload, QoS::AtLeastOnce);
    }
    let counters = machine.partition.counters();
    assert_eq!((counters.queued, counters.dropped_by_limit), (6, 3));
    let again = machine.connect("sub", 4, PERSISTENT);
    let replies = machine.replies(&again.attach(10));
    assert_eq!(machine.delivered(&replies), ["1!", "5", "6", "7", "8", "9"]);
}
