//! QoS 2 on the way in.

use mqtt::QoS;
use partition::*;

use crate::harness::*;

const PUBLISHED: Reply = Reply::Published { tag: Tag(4), matched: true };

fn machine() -> (Machine, Client) {
    let mut machine = Machine::new(0, 1);
    let subscriber = machine.connect("sub", 1, 0);
    machine.subscribe(&subscriber, "t", options(QoS::AtMostOnce));
    let publisher = machine.connect("pub", 2, PERSISTENT);
    (machine, publisher)
}

#[test]
fn mqtt_4_3_3_10_a_repeated_publish_is_answered_and_not_published_again() {
    let (mut machine, publisher) = machine();
    let publish = publisher.publish_twice_never(7, message("t", "m", QoS::ExactlyOnce));
    let replies = machine.replies(&publish);
    assert_eq!((machine.delivered(&replies), &replies[1]), (vec!["m~".into()], &PUBLISHED));
    assert_eq!(machine.replies(&publish), [PUBLISHED]);
    assert_eq!(machine.replies(&publisher.release(7)), [Reply::Released { tag: Tag(5), found: true }]);
    assert_eq!(machine.replies(&publisher.release(7)), [Reply::Released { tag: Tag(5), found: false }]);
    assert_eq!(machine.replies(&publish).len(), 2, "the identifier is free again");
}

#[test]
fn what_was_received_is_remembered_over_a_reconnect() {
    let (mut machine, publisher) = machine();
    machine.run(&publisher.publish_twice_never(7, message("t", "m", QoS::ExactlyOnce)));
    machine.close(&publisher, false);
    let again = machine.connect("pub", 3, PERSISTENT);
    machine.attach(&again, 1);
    assert_eq!(machine.replies(&again.publish_twice_never(7, message("t", "m", QoS::ExactlyOnce))), [PUBLISHED]);
}

#[test]
fn what_comes_of_a_connection_that_was_taken_over_is_remembered_for_the_next_until_that_is_attached() {
    let (mut machine, publisher) = machine();
    let again = machine.connect("pub", 3, PERSISTENT);
    let late = publisher.publish_twice_never(7, message("t", "m", QoS::ExactlyOnce));
    assert_eq!(machine.replies(&late).len(), 2, "where the session is noted to have something, the next one looks");
    machine.attach(&again, 1);
    assert_eq!(machine.replies(&again.publish_twice_never(7, message("t", "m", QoS::ExactlyOnce))), [PUBLISHED]);
    let later = publisher.publish_twice_never(8, message("t", "n", QoS::ExactlyOnce));
    assert_eq!(machine.replies(&later), [Reply::Refused { tag: Tag(4), epoch: again.epoch }]);
}

#[test]
fn mqtt_3_1_2_4_a_clean_start_forgets_what_was_received() {
    let (mut machine, publisher) = machine();
    machine.run(&publisher.publish_twice_never(7, message("t", "old", QoS::ExactlyOnce)));
    let mut again = Client::new("pub", 3);
    again.epoch = machine.open(&again, true, PERSISTENT).epoch;
    let replies = machine.replies(&again.publish_twice_never(7, message("t", "new", QoS::ExactlyOnce)));
    assert_eq!(machine.delivered(&replies), ["new~"]);
}

#[test]
fn a_new_session_is_not_taken_for_the_old_one_before_its_end_is_known_here() {
    let mut cluster = Cluster::new(2);
    let clients = cluster.one_for_each("t");
    let (home, topic_home) = (PartitionId(0), PartitionId(1));
    let (id, topic) = (clients[&home].clone(), clients[&topic_home].clone());
    let mut client = Client::new(&id, 1);
    let open = |clean_start| {
        Command::Open(Open { owner: client.owner, client_id: &id, clean_start, session_expiry: 60, will: None })
    };
    let epoch = |replies: &[(PartitionId, Reply)]| match &replies.last() {
        Some((_, Reply::Opened(opened))) => opened.epoch,
        other => panic!("{other:?}"),
    };
    let (first, second) = (open(false), open(true));
    let first = epoch(&cluster.apply(home, &first));
    cluster.held = Some(Default::default());
    client.epoch = first;
    cluster.apply(home, &client.touch(cluster.slots.all()));
    let replies = cluster.apply(topic_home, &client.publish_twice_never(7, message(&topic, "a", QoS::ExactlyOnce)));
    assert_eq!(replies.len(), 1);
    let second = epoch(&cluster.apply(home, &second));
    client.epoch = second;
    let publish = client.publish_twice_never(7, message(&topic, "b", QoS::ExactlyOnce));
    cluster.apply(topic_home, &publish);
    cluster.let_go();
    let release = cluster.apply(topic_home, &client.release(7));
    assert_eq!(
        release,
        [(topic_home, Reply::Released { tag: Tag(5), found: true })],
        "the drop of the old one came late"
    );
    assert_eq!(cluster.machines[0].partition.counters().outbox, 0);
}
