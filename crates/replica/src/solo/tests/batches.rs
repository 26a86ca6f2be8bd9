//! Which batches of lanes are logged, and in which order what is not is applied.

use std::sync::Arc;

use mqtt::QoS;
use partition::{Command, FrontendGone, Incarnation, Numbered, Numbering, Reply, SessionKind, Tag};

use super::worker::{LANE, NOW, Place, Worker, payload};
use crate::queue_disk::QueueDisk;
use crate::solo::Outgoing;

/// A worker whose client 1 is transient and subscribes to `t/#`, and whose client 2 is persistent and to `p/#`.
fn ready() -> (Place, Worker) {
    let (mut place, mut worker) = (Place::new(), Worker::new(1));
    worker.subscribe(&mut place, 1, "t/#", SessionKind::Transient);
    worker.subscribe(&mut place, 2, "p/#", SessionKind::Persistent);
    worker.replies.clear();
    (place, worker)
}

fn payloads(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(payload).collect()
}

#[test]
fn what_goes_to_transient_sessions_alone_is_not_logged() {
    let (mut place, mut worker) = ready();
    let last = place.last();
    worker.publish("t/1", QoS::AtLeastOnce, false, 1);
    worker.publish("t/1", QoS::AtMostOnce, false, 2);
    worker.publish("nobody", QoS::AtLeastOnce, false, 3);
    let answers = place.run(vec![worker.batch()]);
    assert!(answers.iter().all(|(numbering, _)| *numbering == Numbering::Unnumbered));
    worker.take(answers);
    assert_eq!(worker.messages(), payloads([1, 2]));
    assert_eq!(worker.acknowledged(), [1, 3]);
    assert_eq!(place.last(), last);
    assert_eq!(place.solo.lane(LANE).unwrap().applied, 4, "the number is in no log");
}

#[test]
fn what_must_be_logged_takes_the_batches_of_its_lane_along_in_one_entry() {
    let (mut place, mut worker) = ready();
    let last = place.last();
    worker.publish("t/1", QoS::AtLeastOnce, false, 1);
    let first = worker.batch();
    worker.publish("p/1", QoS::AtLeastOnce, false, 2);
    worker.publish("t/1", QoS::AtMostOnce, false, 3);
    let second = worker.batch();
    worker.publish("t/1", QoS::AtLeastOnce, false, 4);
    let third = worker.batch();
    let answers = place.run(vec![first, second, third]);
    let unnumbered = answers.iter().filter(|(numbering, _)| *numbering == Numbering::Unnumbered).count();
    assert_eq!(unnumbered, 1, "what is QoS 0 is not logged");
    worker.take(answers);
    assert_eq!(worker.messages(), payloads([1, 2, 4, 3]));
    assert_eq!(worker.acknowledged(), [1, 2, 4]);
    assert_eq!(place.last(), last + 1);
    assert_eq!(place.solo.lane(LANE).unwrap().applied, 7);
}

#[test]
fn a_retained_qos_2_publish_or_a_note_of_what_was_received_is_logged() {
    let (mut place, mut worker) = ready();
    for qos in [Some(QoS::ExactlyOnce), None] {
        let last = place.last();
        if let Some(qos) = qos {
            worker.publish("nobody", qos, false, 1);
        }
        let answers = place.run(vec![worker.batch()]);
        worker.take(answers);
        assert_eq!(place.last(), last + 1);
    }
    assert_eq!(place.solo.lane(LANE).unwrap().received, worker.received);
}

#[test]
fn retained_and_other_qos_0_publishes_keep_their_order() {
    let (mut place, mut worker) = ready();
    for (n, retain) in [(1, false), (2, true), (3, false)] {
        worker.publish("t/1", QoS::AtMostOnce, retain, n);
    }
    let first = worker.batch();
    for (n, retain) in [(4, true), (5, false)] {
        worker.publish("t/1", QoS::AtMostOnce, retain, n);
    }
    let answers = place.run(vec![first, worker.batch()]);
    worker.take(answers);
    worker.publish("t/1", QoS::AtMostOnce, false, 6);
    let answers = place.run(vec![worker.batch()]);
    worker.take(answers);
    assert_eq!(worker.messages(), payloads(1..=6));
}

#[test]
fn a_batch_that_comes_again_is_skipped_and_its_qos_0_publishes_are_dropped() {
    let (mut place, mut worker) = ready();
    worker.publish("p/1", QoS::AtLeastOnce, false, 1);
    worker.publish("t/1", QoS::AtMostOnce, false, 2);
    let answers = place.run(vec![worker.batch()]);
    worker.take(answers);
    let last = place.last();
    let again = worker.reopen(&mut place);
    assert_eq!(again.len(), 1);
    assert!(place.run(again).is_empty());
    assert_eq!(place.last(), last, "it is not logged again");

    // One that never arrived.
    worker.taken();
    worker.publish("t/1", QoS::AtMostOnce, false, 3);
    worker.publish("t/1", QoS::AtLeastOnce, false, 4);
    worker.publish("t/1", QoS::AtMostOnce, true, 5);
    let _ = worker.batch();
    let again = worker.reopen(&mut place);
    let answers = place.run(again);
    worker.take(answers);
    assert_eq!(worker.messages(), payloads([1, 2, 4, 5]));
    assert_eq!(worker.acknowledged(), [1, 4]);
}

#[test]
fn batches_of_a_life_that_is_over_are_dropped() {
    let (mut place, mut worker) = ready();
    let opening = Command::Numbered(Numbered::opening(LANE, Incarnation(2))).to_frame();
    place.run(vec![opening.into()]);
    let last = place.last();
    worker.publish("p/1", QoS::ExactlyOnce, false, 1);
    assert!(place.run(vec![worker.batch()]).is_empty());
    assert_eq!(place.last(), last);
    let mut next = Worker::new(2);
    next.publish("p/1", QoS::AtLeastOnce, false, 1);
    let answers = place.run(vec![next.batch()]);
    next.take(answers);
    assert_eq!((next.acknowledged(), next.received), (vec![1], 1));
}

#[test]
fn the_first_batch_of_a_lane_is_logged_whatever_is_in_it() {
    let mut place = Place::new();
    let mut worker = Worker::new(1);
    worker.publish("nobody", QoS::AtLeastOnce, false, 1);
    let answers = place.run(vec![worker.batch()]);
    worker.take(answers);
    assert_eq!((place.last(), worker.received), (1, 1));
    assert_eq!(place.solo.lane(LANE).unwrap().applied, 1);
}

#[test]
fn what_would_be_queued_and_has_no_room_is_refused_and_the_rest_of_its_batch_is_not() {
    let (mut place, mut worker) = ready();
    let disk = Arc::new(QueueDisk::default());
    disk.set_limit(Some(1));
    place.solo.share_queue_disk(disk);
    worker.publish("p/1", QoS::AtLeastOnce, false, 1);
    worker.publish("t/1", QoS::ExactlyOnce, false, 2);
    worker.publish("t/1", QoS::AtMostOnce, false, 3);
    let answers = place.run(vec![worker.batch()]);
    worker.take(answers);
    assert!(matches!(worker.replies[0].0, Reply::Rejected { tag: Tag(1) }));
    assert_eq!((worker.messages(), worker.acknowledged()), (vec![&payload(2)[..], &payload(3)], vec![2]));
    assert_eq!(place.solo.lane(LANE).unwrap().applied, 5);
    assert_eq!(place.solo.counters().rejected_queue_disk, 1);
    place.crash();
    assert_eq!(place.solo.lane(LANE).unwrap().applied, 5, "what was logged is whole");
}

#[test]
fn who_begins_alone_takes_all_frontends_for_gone_and_others_wait_for_theirs() {
    let (mut place, mut worker) = ready();
    worker.subscribe(&mut place, 3, "p/#", SessionKind::Transient);
    place.crash();
    assert_eq!(place.solo.counters().connected, 3);
    assert!(place.solo.lane(LANE).is_some());
    let mut out = Outgoing::default();
    place.solo.resume(0, &mut Vec::new(), NOW, &mut out).unwrap();
    assert_eq!(place.solo.counters().connected, 0);
    assert_eq!(place.solo.lane(LANE), None);
    let known = place.solo.partition().frontend(LANE.frontend).unwrap();
    assert!(known.is_gone);
    let last = place.last();
    place.solo.resume(0, &mut Vec::new(), NOW, &mut out).unwrap();
    assert_eq!(place.last(), last + 1, "once");
    assert!(out.answers.is_empty());
}

#[test]
fn what_is_of_no_lane_goes_into_the_same_entry() {
    let (mut place, mut worker) = ready();
    let last = place.last();
    worker.publish("p/1", QoS::AtLeastOnce, false, 1);
    let gone = Command::FrontendGone(FrontendGone { frontend: 9 }).to_frame();
    let answers = place.run(vec![gone.into(), worker.batch(), Command::Tick.to_frame().into()]);
    worker.take(answers);
    assert_eq!((worker.acknowledged(), place.last()), (vec![1], last + 1));
}
