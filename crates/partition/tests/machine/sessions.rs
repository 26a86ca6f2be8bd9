//! Sessions begin, are resumed, taken over, and end.

use mqtt::QoS;
use partition::*;

use crate::harness::*;

#[test]
fn mqtt_3_1_2_5_a_persistent_session_is_resumed_and_a_transient_one_is_not() {
    let mut machine = Machine::new(0, 1);
    for (expiry, kind, present) in [(PERSISTENT, SessionKind::Persistent, true), (0, SessionKind::Transient, false)] {
        let client = Client::new("c", 1);
        let first = machine.open(&client, true, expiry);
        assert_eq!((first.kind, first.session_present), (kind, false));
        machine.close(&Client { epoch: first.epoch, ..client.clone() }, true);
        let second = machine.open(&client, false, expiry);
        assert_eq!((second.session_present, second.touched.is_empty()), (present, true));
        assert!(second.epoch > first.epoch);
    }
}

#[test]
fn mqtt_3_1_2_4_a_clean_start_discards_the_session() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("c", 1, PERSISTENT);
    machine.subscribe(&client, "t", options(QoS::AtLeastOnce));
    machine.close(&client, true);
    machine.publish("t", "m", QoS::AtLeastOnce);
    assert_eq!(machine.partition.counters().queued, 1);
    let opened = machine.open(&client, true, PERSISTENT);
    assert!(!opened.session_present && opened.touched.is_empty());
    let counters = machine.partition.counters();
    assert_eq!((counters.subscriptions, counters.queued, counters.sessions), (0, 0, 1));
    assert_eq!(machine.partition.first_live_index(), None);
}

#[test]
fn mqtt_3_1_4_3_a_second_connection_takes_over_and_the_first_is_told() {
    let mut machine = Machine::new(0, 1);
    let first = machine.connect("c", 1, PERSISTENT);
    let second = Client::new("c", 2);
    let open = Open { owner: second.owner, client_id: "c", clean_start: false, session_expiry: PERSISTENT, will: None };
    let effects = machine.run(&Command::Open(open));
    assert_eq!(effects[0], Effect::Reply { to: first.owner, reply: Reply::Kick { epoch: first.epoch } });
    let Effect::Reply { to, reply: Reply::Opened(opened) } = &effects[1] else { panic!("{effects:?}") };
    assert_eq!((*to, opened.session_present), (second.owner, true));
    assert!(opened.touched.contains(PartitionId(0)));
    machine.close(&first, true);
    assert_eq!(machine.partition.counters().connected, 1, "the end of the old connection concerns nobody");
}

#[test]
fn a_session_ends_at_its_expiry_and_never_before() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("c", 1, 100);
    machine.subscribe(&client, "t", options(QoS::AtLeastOnce));
    let forever = machine.connect("forever", 2, u32::MAX);
    machine.close(&client, true);
    machine.close(&forever, true);
    machine.pass(99);
    assert_eq!(machine.partition.counters().sessions, 2);
    machine.pass(1);
    let counters = machine.partition.counters();
    assert_eq!((counters.sessions, counters.subscriptions, counters.expired_sessions), (1, 0, 1));
    machine.pass(1_000_000_000);
    assert_eq!(machine.partition.counters().sessions, 1);
}

#[test]
fn an_expiry_that_has_passed_counts_before_it_is_swept() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("c", 1, 100);
    machine.close(&client, true);
    machine.now += 100_000;
    assert!(!machine.open(&client, false, 100).session_present);
    assert_eq!(machine.partition.counters().expired_sessions, 1);
}

#[test]
fn only_an_expiry_that_passes_makes_a_session_expired() {
    let mut machine = Machine::new(0, 1);
    let first = machine.connect("c", 1, 100);
    machine.close(&first, true);
    let second = machine.open(&Client::new("c", 2), true, 0);
    machine.close(&Client { epoch: second.epoch, ..Client::new("c", 2) }, true);
    assert_eq!((machine.partition.counters().sessions, machine.partition.counters().expired_sessions), (0, 0));
}

#[test]
fn mqtt_3_14_2_2_a_disconnect_may_change_the_expiry() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("c", 1, PERSISTENT);
    let close = |session_expiry| {
        Command::Close(Close { client_id: "c", epoch: client.epoch, session_expiry, publish_will: false })
    };
    machine.run(&close(Some(0)));
    assert_eq!(machine.partition.counters().sessions, 0);
}

#[test]
fn a_resumed_session_with_expiry_0_keeps_its_queue_until_the_connection_ends() {
    let mut machine = Machine::new(0, 1);
    let first = machine.connect("c", 1, PERSISTENT);
    machine.subscribe(&first, "t", options(QoS::AtLeastOnce));
    machine.close(&first, false);
    machine.publish("t", "m", QoS::AtLeastOnce);
    let second = machine.connect("c", 2, 0);
    assert_eq!(second.kind, SessionKind::Persistent);
    let replies = machine.attach(&second, 5);
    assert_eq!(machine.delivered(&replies), ["m"]);
    machine.close(&second, false);
    assert_eq!(machine.partition.counters().subscriptions, 0);
}

#[test]
fn many_deadlines_are_met_in_bounded_ticks() {
    let mut machine = Machine::new(0, 1);
    for n in 0..600 {
        let client = machine.connect(&format!("c{n}"), n, 10);
        machine.close(&client, false);
    }
    machine.now += 10_000;
    machine.run(&Command::Tick);
    assert_eq!(machine.partition.counters().sessions, 600 - 256);
    machine.pass(0);
    assert_eq!(machine.partition.counters().sessions, 0);
}
