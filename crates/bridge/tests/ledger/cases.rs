//! Single cases, spelled out.

use bridge::{Errand, Ledger, Refusal, Seen};

fn ledger(window: u16, bodies: &[(&str, u16)]) -> Ledger<u16> {
    let mut ledger = Ledger::new(window, 10);
    for (lane, id) in bodies {
        ledger.push((*lane).into(), Some(*id), Errand::Forward, *id);
    }
    ledger
}

fn send(ledger: &mut Ledger<u16>) -> Vec<u16> {
    std::iter::from_fn(|| ledger.next(Errand::Forward).map(|(_, body)| *body)).collect()
}

fn settled(ledger: &mut Ledger<u16>) -> Vec<u16> {
    std::iter::from_fn(|| ledger.settled()).collect()
}

#[test]
fn acknowledgements_leave_in_the_order_of_receipt() {
    let mut ledger = ledger(3, &[("a", 1), ("b", 2), ("c", 3)]);
    assert_eq!(send(&mut ledger), [1, 2, 3]);
    ledger.finished(1);
    assert!(settled(&mut ledger).is_empty());
    ledger.finished(0);
    assert_eq!(settled(&mut ledger), [1, 2]);
    ledger.finished(2);
    assert_eq!(settled(&mut ledger), [3]);
    assert!(ledger.is_empty());
}

#[test]
fn those_behind_a_refused_message_in_its_lane_go_again() {
    let mut ledger = ledger(4, &[("a", 1), ("a", 2), ("b", 3), ("a", 4)]);
    assert_eq!(send(&mut ledger), [1, 2, 3, 4]);
    ledger.refused(0, Refusal::ForNow);
    (1..4).for_each(|number| ledger.finished(number));
    assert!(ledger.is_held(Errand::Forward));
    assert!(send(&mut ledger).is_empty());
    ledger.retry(Errand::Forward);
    // One, to see whether the refusal stands.
    assert_eq!(send(&mut ledger), [1]);
    ledger.finished(0);
    assert_eq!(send(&mut ledger), [2, 4]);
    assert_eq!(settled(&mut ledger), [1]);
    ledger.finished(1);
    ledger.finished(3);
    assert_eq!(settled(&mut ledger), [2, 3, 4]);
}

#[test]
fn a_message_refused_for_good_holds_nobody_up() {
    let mut ledger = ledger(2, &[("a", 1), ("a", 2)]);
    assert_eq!(send(&mut ledger), [1, 2]);
    ledger.refused(0, Refusal::ForGood);
    ledger.finished(1);
    assert!(settled(&mut ledger).is_empty());
    assert!(send(&mut ledger).is_empty());
    assert_eq!(ledger.next(Errand::DeadLetter), Some((0, &1)));
    ledger.finished(0);
    assert_eq!(settled(&mut ledger), [1, 2]);
}

#[test]
fn what_was_not_sent_goes_first() {
    let mut ledger = ledger(2, &[("a", 1), ("a", 2), ("a", 3)]);
    assert_eq!(send(&mut ledger), [1, 2]);
    ledger.refused(0, Refusal::Unsent);
    ledger.refused(1, Refusal::Unsent);
    assert_eq!(send(&mut ledger), [1, 2]);
}

#[test]
fn a_message_that_comes_again_is_not_forwarded_again() {
    let mut ledger = ledger(3, &[("a", 1), ("a", 2), ("a", 3)]);
    assert_eq!(send(&mut ledger), [1, 2, 3]);
    ledger.finished(0);
    ledger.finished(1);
    ledger.source_lost();
    // The first was acknowledged, and the source heard it; its claim is void when the second comes.
    assert!(settled(&mut ledger).is_empty());
    assert!(ledger.reclaim(2, Seen::First, |_| true).is_none());
    assert!(ledger.reclaim(2, Seen::Again, |_| false).is_none());
    assert_eq!(ledger.reclaim(2, Seen::Again, |body| *body == 2), Some(&mut 2));
    assert_eq!(settled(&mut ledger), [2]);
    assert!(ledger.reclaim(3, Seen::Again, |_| true).is_some());
    ledger.finished(2);
    assert_eq!(settled(&mut ledger), [3]);
}

#[test]
fn a_source_that_forgot_is_owed_nothing() {
    let mut ledger = ledger(2, &[("a", 1), ("a", 2)]);
    assert_eq!(send(&mut ledger), [1, 2]);
    ledger.finished(0);
    ledger.source_lost();
    ledger.source_forgot();
    ledger.finished(1);
    assert!(settled(&mut ledger).is_empty());
    assert!(ledger.is_empty());
}

#[test]
fn a_full_ledger_waits_for_nothing_to_come_again() {
    let mut ledger = Ledger::new(2, 2);
    for id in [1, 2] {
        ledger.push("a".into(), Some(id), Errand::Forward, id);
    }
    assert!(!ledger.has_room());
    assert_eq!(send(&mut ledger), [1, 2]);
    ledger.source_lost();
    ledger.finished(0);
    assert!(ledger.has_room());
    assert_eq!(ledger.len(), 1);
}

#[test]
fn what_has_no_errand_is_acknowledged_in_its_turn() {
    let mut ledger = ledger(2, &[("a", 1)]);
    ledger.push("a".into(), Some(2), Errand::Nothing, 2);
    assert!(settled(&mut ledger).is_empty());
    assert_eq!(send(&mut ledger), [1]);
    ledger.finished(0);
    assert_eq!(settled(&mut ledger), [1, 2]);
}

/// What needs no acknowledgement may come among what the source sends again.
#[test]
fn a_message_of_qos_0_voids_no_claim() {
    let mut ledger = ledger(2, &[("a", 1)]);
    assert_eq!(send(&mut ledger), [1]);
    ledger.source_lost();
    ledger.push("a".into(), None, Errand::Forward, 2);
    assert!(ledger.reclaim(1, Seen::Again, |_| true).is_some());
}

/// Those that were with a message which ended the connection go one at a time, until as many as the window are answered.
#[test]
fn after_a_doubt_a_window_goes_one_at_a_time() {
    let mut ledger = ledger(3, &[("a", 1), ("a", 2), ("a", 3), ("a", 4), ("a", 5)]);
    assert_eq!(send(&mut ledger), [1, 2, 3]);
    ledger.doubt(Errand::Forward);
    (0..3).for_each(|number| ledger.refused(number, Refusal::Unsent));
    for number in 0..3 {
        assert_eq!(send(&mut ledger), [number as u16 + 1]);
        ledger.finished(number);
    }
    assert_eq!(send(&mut ledger), [4, 5]);
}

/// A refusal for now keeps everything back, whatever else is in doubt.
#[test]
fn a_doubt_does_not_end_a_wait() {
    let mut ledger = ledger(2, &[("a", 1), ("a", 2)]);
    assert_eq!(send(&mut ledger), [1, 2]);
    ledger.refused(0, Refusal::ForNow);
    ledger.doubt(Errand::Forward);
    ledger.refused(1, Refusal::Unsent);
    assert!(ledger.is_held(Errand::Forward) && send(&mut ledger).is_empty());
}

/// One that is refused for good is an answer too: the window opens again.
#[test]
fn a_refusal_for_good_ends_a_probe() {
    let mut ledger = ledger(2, &[("a", 1), ("a", 2), ("a", 3)]);
    assert_eq!(send(&mut ledger), [1, 2]);
    ledger.refused(0, Refusal::ForNow);
    ledger.finished(1);
    ledger.retry(Errand::Forward);
    assert_eq!(send(&mut ledger), [1]);
    ledger.refused(0, Refusal::ForGood);
    assert_eq!(send(&mut ledger), [2, 3]);
}

/// An answer to something else, sent before the refusal, does not open the window: what has to go again would be
/// overtaken by what is behind it.
#[test]
fn what_is_still_gone_at_a_retry_comes_back_before_anything_goes() {
    let mut ledger = ledger(4, &[("a", 1), ("b", 2), ("a", 3)]);
    assert_eq!(send(&mut ledger), [1, 2, 3]);
    ledger.refused(0, Refusal::ForNow);
    ledger.retry(Errand::Forward);
    ledger.finished(1);
    ledger.push("a".into(), Some(4), Errand::Forward, 4);
    assert!(send(&mut ledger).is_empty());
    ledger.finished(2);
    assert_eq!(send(&mut ledger), [1]);
    ledger.finished(0);
    assert_eq!(send(&mut ledger), [3, 4]);
}
