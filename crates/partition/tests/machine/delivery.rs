//! Queues of persistent sessions: windows, acknowledgements, redelivery, expiry.

use mqtt::QoS;
use partition::*;

use crate::harness::*;

fn subscriber(machine: &mut Machine, window: u16, qos: QoS) -> Client {
    let mut client = machine.connect("sub", 1, PERSISTENT);
    client.window = window;
    machine.subscribe(&client, "t", options(qos));
    client
}

#[test]
fn a_publish_reaches_an_attached_session_with_the_lower_qos() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("sub", 1, PERSISTENT);
    let replies = machine.subscribe(&client, "t", options(QoS::AtLeastOnce));
    let session = SessionSlot(0);
    assert_eq!(
        replies,
        [Reply::Attached { session, epoch: client.epoch }, Reply::Subscribed { tag: Tag(2), existed: false }]
    );
    let replies = machine.publish("t", "m", QoS::ExactlyOnce);
    let [delivery] = &deliveries(&replies)[..] else { panic!("{replies:?}") };
    assert_eq!((delivery.qos, delivery.dup, delivery.retain), (QoS::AtLeastOnce, false, false));
    assert_eq!((delivery.packet_id.get(), delivery.entry), (1, 0));
    assert_eq!(machine.payload(delivery.body), "m");
    assert_eq!(machine.acknowledge(&client, delivery, Step::Done), []);
    assert_eq!(machine.partition.counters().queued, 0);
    assert_eq!(machine.partition.first_live_index(), None);
}

#[test]
fn qos_0_goes_directly_and_only_while_attached() {
    let mut machine = Machine::new(0, 1);
    let client = subscriber(&mut machine, 10, QoS::AtLeastOnce);
    let replies = machine.publish("t", "now", QoS::AtMostOnce);
    assert_eq!(machine.delivered(&replies), ["now~"]);
    machine.run(&client.detach());
    assert_eq!(machine.publish("t", "lost", QoS::AtMostOnce), []);
    assert_eq!(machine.partition.counters().queued, 0);
}

#[test]
fn queues_scope_leaves_the_rest_to_the_frontend() {
    let mut machine = Machine::new(0, 1);
    let transient = machine.connect("direct", 2, 0);
    machine.subscribe(&transient, "t", options(QoS::AtLeastOnce));
    subscriber(&mut machine, 10, QoS::AtLeastOnce);
    let publish = |scope| {
        Command::Publish(Publish {
            reply: Some((transient.owner, Tag(9))),
            origin: Origin::Client { client_id: "p", exactly_once: None },
            scope,
            message: message("t", "m", QoS::AtLeastOnce),
        })
    };
    let replies = machine.replies(&publish(Scope::Queues));
    assert_eq!(machine.delivered(&replies), ["m"]);
    assert_eq!(replies.last(), Some(&Reply::Published { tag: Tag(9), matched: true }));
    let replies = machine.replies(&publish(Scope::Everyone));
    assert_eq!(machine.delivered(&replies), ["m~", "m"]);
}

#[test]
fn the_window_bounds_what_is_in_flight_and_acknowledgements_come_in_any_order() {
    let mut machine = Machine::new(0, 1);
    let client = subscriber(&mut machine, 2, QoS::AtLeastOnce);
    let mut handed = Vec::new();
    for payload in ["1", "2", "3", "4"] {
        handed.extend(deliveries(&machine.publish("t", payload, QoS::AtLeastOnce)));
    }
    assert_eq!(handed.len(), 2);
    let replies = machine.acknowledge(&client, &handed[1], Step::Done);
    assert_eq!(machine.delivered(&replies), ["3"]);
    assert_eq!(machine.acknowledge(&client, &handed[1], Step::Done), [], "what is done is not done again");
    let third = deliveries(&replies).remove(0);
    let replies = machine.acknowledge(&client, &third, Step::Done);
    assert_eq!(machine.delivered(&replies), ["4"]);
    assert_eq!(third.packet_id.get(), 3, "the identifier follows from the entry's number");
}

#[test]
fn the_window_is_one_mebibyte_of_bodies_but_at_least_one_message() {
    let mut machine = Machine::new(0, 1);
    let client = subscriber(&mut machine, 100, QoS::AtLeastOnce);
    let large = "x".repeat(700 * 1024);
    let mut handed = Vec::new();
    for _ in 0..3 {
        handed.extend(deliveries(&machine.publish("t", &large, QoS::AtLeastOnce)));
    }
    assert_eq!(handed.len(), 1);
    let replies = machine.acknowledge(&client, &handed[0], Step::Done);
    assert_eq!(deliveries(&replies).len(), 1);
}

#[test]
fn mqtt_4_4_0_1_a_new_attachment_gets_everything_unacknowledged_again_with_the_same_identifiers() {
    let mut machine = Machine::new(0, 1);
    let client = subscriber(&mut machine, 2, QoS::ExactlyOnce);
    let mut first = Vec::new();
    for (payload, qos) in [("1", QoS::ExactlyOnce), ("2", QoS::AtLeastOnce), ("3", QoS::ExactlyOnce)] {
        first.extend(deliveries(&machine.publish("t", payload, qos)));
    }
    let received = machine.acknowledge(&client, &first[0], Step::Received);
    let (session, packet_id) = (first[0].session, first[0].packet_id);
    assert_eq!(received, [Reply::Received { session, entry: 0, packet_id }]);

    let again = machine.connect("sub", 7, PERSISTENT);
    assert!(again.epoch > client.epoch);
    let replies = machine.attach(&again, 2);
    assert_eq!(replies[0], Reply::Attached { session, epoch: again.epoch });
    assert_eq!(replies[1], Reply::Received { session, entry: 0, packet_id });
    assert_eq!(machine.delivered(&replies), ["2!"]);
    assert_eq!(deliveries(&replies)[0].packet_id, first[1].packet_id);
    assert_eq!(machine.acknowledge(&client, &first[1], Step::Done), [], "an earlier epoch has no say");
    let replies = machine.replies(&again.acknowledge(session, 0, Step::Done));
    assert_eq!(machine.delivered(&replies), ["3"]);
}

#[test]
fn an_older_epoch_is_refused() {
    let mut machine = Machine::new(0, 1);
    let old = subscriber(&mut machine, 2, QoS::AtLeastOnce);
    let new = machine.connect("sub", 2, PERSISTENT);
    machine.attach(&new, 2);
    let refused = |tag| vec![Reply::Refused { tag: Tag(tag), epoch: new.epoch }];
    assert_eq!(machine.attach(&old, 2), refused(0));
    assert_eq!(machine.subscribe(&old, "u", options(QoS::AtLeastOnce)), refused(2));
    assert_eq!(machine.replies(&old.unsubscribe("t")), refused(3));
    assert_eq!(machine.replies(&old.touch(PartitionSet::default())), refused(1));
    assert_eq!(machine.replies(&old.publish_twice_never(1, message("t", "m", QoS::ExactlyOnce))), refused(4));
}

#[test]
fn expired_messages_are_swept_while_offline_and_counted() {
    let mut machine = Machine::new(0, 1);
    let client = subscriber(&mut machine, 2, QoS::AtLeastOnce);
    machine.run(&client.detach());
    for (payload, seconds) in [("1", Some(30)), ("2", None), ("3", Some(10)), ("4", Some(90))] {
        let expires = seconds.map(|seconds| Timestamp(machine.now + seconds * 1000));
        machine.run(&publish("p", Message { expires, ..message("t", payload, QoS::AtLeastOnce) }));
    }
    machine.pass(60);
    let counters = machine.partition.counters();
    assert_eq!((counters.queued, counters.expired), (2, 2));
    let again = machine.connect("sub", 7, PERSISTENT);
    let replies = machine.attach(&again, 10);
    assert_eq!(machine.delivered(&replies), ["2", "4"]);
    machine.pass(60);
    assert_eq!(machine.partition.counters().expired, 2, "what has been handed over does not expire");
}

#[test]
fn mqtt_3_10_4_2_and_3_after_an_unsubscribe_only_what_was_queued_is_delivered() {
    let mut machine = Machine::new(0, 1);
    let client = subscriber(&mut machine, 1, QoS::AtLeastOnce);
    let first = deliveries(&machine.publish("t", "1", QoS::AtLeastOnce)).remove(0);
    machine.publish("t", "2", QoS::AtLeastOnce);
    assert_eq!(machine.replies(&client.unsubscribe("t")), [Reply::Unsubscribed { tag: Tag(3), existed: true }]);
    assert_eq!(machine.replies(&client.unsubscribe("t")), [Reply::Unsubscribed { tag: Tag(3), existed: false }]);
    machine.publish("t", "3", QoS::AtLeastOnce);
    let replies = machine.acknowledge(&client, &first, Step::Done);
    assert_eq!(machine.delivered(&replies), ["2"]);
}

#[test]
fn what_was_queued_outlives_its_subscription_and_its_connection() {
    let mut machine = Machine::new(0, 1);
    let client = subscriber(&mut machine, 1, QoS::AtLeastOnce);
    for payload in ["1", "2", "3"] {
        machine.publish("t", payload, QoS::AtLeastOnce);
    }
    machine.run(&client.unsubscribe("t"));
    machine.run(&client.close(false));
    let again = machine.connect("sub", 7, PERSISTENT);
    let replies = machine.attach(&again, 10);
    assert_eq!(machine.delivered(&replies), ["1!", "2", "3"]);
}

#[test]
fn mqtt_3_8_3_3_and_3_3_4_3_options_reach_the_delivery() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("sub", 1, PERSISTENT);
    let no_local = SubscriptionOptions { no_local: true, identifier: Some(5), ..options(QoS::AtLeastOnce) };
    machine.subscribe(&client, "t", no_local);
    let wide = SubscriptionOptions { identifier: Some(3), retain_as_published: true, ..options(QoS::AtMostOnce) };
    machine.subscribe(&client, "+", wide);
    let retained = Message { retain: true, ..message("t", "m", QoS::AtLeastOnce) };
    let replies = machine.replies(&publish("other", retained));
    let [delivery] = &deliveries(&replies)[..] else { panic!("{replies:?}") };
    assert_eq!((&delivery.subscription_ids[..], delivery.retain), (&[3, 5][..], true));
    let replies = machine.replies(&publish("sub", message("t", "own", QoS::AtLeastOnce)));
    assert_eq!(machine.delivered(&replies), ["own~"], "only the subscription of QoS 0 takes one's own");
}

#[test]
fn two_live_entries_never_share_a_packet_identifier() {
    let mut machine = Machine::new(0, 64);
    let client = subscriber(&mut machine, 2000, QoS::AtLeastOnce);
    let mut handed: Vec<Delivery> = Vec::new();
    for _ in 0..3000 {
        handed.extend(deliveries(&machine.publish("t", "m", QoS::AtLeastOnce)));
        if handed.len() > 1 {
            let done = handed.remove(1);
            handed.extend(deliveries(&machine.acknowledge(&client, &done, Step::Done)));
        }
        let mut ids: Vec<_> = handed.iter().map(|delivery| delivery.packet_id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), handed.len());
    }
    assert_eq!(handed.len(), 1, "the first one, never acknowledged, holds up the identifier's next turn");
    let first = handed.remove(0);
    assert!(!deliveries(&machine.acknowledge(&client, &first, Step::Done)).is_empty());
}

#[test]
fn frontend_gone_detaches_everybody_it_held() {
    let mut machine = Machine::new(0, 1);
    subscriber(&mut machine, 2, QoS::AtLeastOnce);
    let transient = machine.connect("direct", 2, 0);
    machine.subscribe(&transient, "t", options(QoS::AtLeastOnce));
    machine.run(&Command::FrontendGone(FrontendGone { frontend: 0 }));
    assert_eq!(machine.publish("t", "m", QoS::AtLeastOnce), []);
    let counters = machine.partition.counters();
    assert_eq!((counters.connected, counters.sessions, counters.subscriptions), (0, 1, 1));
    let again = machine.connect("sub", 3, PERSISTENT);
    let replies = machine.attach(&again, 2);
    assert_eq!(machine.delivered(&replies), ["m"]);
}
