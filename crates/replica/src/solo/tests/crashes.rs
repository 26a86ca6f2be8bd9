//! A worker and a replica that dies again and again: nothing is left out, nothing that is logged comes twice.

use std::collections::{BTreeMap, BTreeSet};

use mqtt::QoS;
use partition::{Reply, SessionKind};
use proptest::prelude::*;

use super::worker::{LANE, Place, Worker, payload};

/// A turn of the worker.
#[derive(Clone, Debug)]
struct Turn {
    publishes: Vec<(usize, QoS, bool)>,
    fate: Fate,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Its batch is worked off, and what is said of it arrives.
    Good,
    /// The worker does not hear that the batch need not be kept.
    NotTaken,
    /// What is said of it arrives with the next turn that goes well, if the replica lives until then.
    Slow,
    /// It waits for the next turn.
    Later,
    /// The replica dies before it has the batch.
    LostBefore,
    /// It dies when of the answers this many in 8 have arrived.
    LostAfter(usize),
    /// The log is given back.
    Compacted,
}

const TOPICS: [&str; 4] = ["t/1", "p/1", "p/2", "nobody"];

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let qos = prop::sample::select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
    let publish = (0..TOPICS.len(), qos, prop::bool::weighted(0.2));
    let fate = prop_oneof![
        6 => Just(Fate::Good),
        2 => Just(Fate::NotTaken),
        2 => Just(Fate::Later),
        1 => Just(Fate::LostBefore),
        2 => (0..9_usize).prop_map(Fate::LostAfter),
        1 => Just(Fate::Compacted),
    ];
    let turn = (prop::collection::vec(publish, 0..5), fate).prop_map(|(publishes, fate)| Turn { publishes, fate });
    prop::collection::vec(turn, 1..25)
}

/// Mostly what is not logged by itself, of one topic.
fn turns_of_one_topic() -> impl Strategy<Value = Vec<Turn>> {
    let publish = prop_oneof![
        6 => Just((0, QoS::AtLeastOnce, false)),
        2 => Just((1, QoS::AtLeastOnce, false)),
        1 => Just((0, QoS::AtLeastOnce, true)),
    ];
    let fate = prop_oneof![
        3 => Just(Fate::Good),
        4 => Just(Fate::Slow),
        2 => Just(Fate::NotTaken),
        1 => Just(Fate::Later),
        1 => Just(Fate::LostBefore),
        3 => (0..9_usize).prop_map(Fate::LostAfter),
    ];
    let turn = (prop::collection::vec(publish, 1..3), fate).prop_map(|(publishes, fate)| Turn { publishes, fate });
    prop::collection::vec(turn, 1..25)
}

/// What was published: by number, where and how.
type Published = BTreeMap<u32, (usize, QoS, bool)>;

fn live(turns: &[Turn]) -> (Worker, Published) {
    let (mut place, mut worker) = (Place::new(), Worker::new(1));
    worker.subscribe(&mut place, 1, "t/#", SessionKind::Transient);
    worker.subscribe(&mut place, 2, "p/#", SessionKind::Persistent);
    worker.replies.clear();
    let (mut published, mut batches, mut n) = (Published::new(), Vec::new(), 0);
    let mut on_their_way = Vec::new();
    for turn in turns {
        for (topic, qos, retain) in &turn.publishes {
            n += 1;
            worker.publish(TOPICS[*topic], *qos, *retain, n);
            published.insert(n, (*topic, *qos, *retain));
        }
        batches.push(worker.batch());
        match turn.fate {
            Fate::Later => continue,
            Fate::LostBefore => {
                on_their_way.clear();
                place.crash();
                batches = worker.reopen(&mut place);
            }
            Fate::LostAfter(eighths) => {
                on_their_way.extend(place.serve(std::mem::take(&mut batches)));
                let arrived = on_their_way.len() * eighths.min(8) / 8;
                worker.take(on_their_way.drain(..).take(arrived));
                place.crash();
                batches = worker.reopen(&mut place);
            }
            Fate::Good | Fate::Slow | Fate::NotTaken | Fate::Compacted => {}
        }
        on_their_way.extend(place.serve(std::mem::take(&mut batches)));
        if matches!(turn.fate, Fate::Slow) {
            continue;
        }
        worker.take(on_their_way.drain(..));
        match turn.fate {
            Fate::NotTaken => {}
            Fate::Compacted => place.compact(),
            _ => place.settle(&mut worker),
        }
    }
    on_their_way.extend(place.serve(batches));
    worker.take(on_their_way);
    place.settle(&mut worker);
    assert_eq!(place.solo.lane(LANE).unwrap().answered, worker.received);
    (worker, published)
}

/// Numbers of the messages that came of one topic and QoS, retained or not.
fn came(worker: &Worker, published: &Published, topic: usize, qos: QoS) -> Vec<u32> {
    let numbers = worker.messages().into_iter().map(|text| text.parse::<u32>().unwrap());
    numbers.filter(|n| published[n].0 == topic && published[n].1 == qos).collect()
}

/// Without what has come before.
fn first_times(numbers: &[u32]) -> Vec<u32> {
    let mut seen = BTreeSet::new();
    numbers.iter().copied().filter(|n| seen.insert(*n)).collect()
}

/// Whether each is followed by the next, or by one that comes again.
fn leaves_nothing_out(came: &[u32], sent: &[u32]) -> bool {
    let next = |n: u32| sent.iter().copied().find(|other| *other > n);
    came.windows(2).all(|pair| pair[1] <= pair[0] || Some(pair[1]) == next(pair[0]))
}

fn sent(published: &Published, topic: usize, qos: QoS) -> Vec<u32> {
    let is_it = |(_, (of, with, _)): &(&u32, &(usize, QoS, bool))| *of == topic && *with == qos;
    published.iter().filter(is_it).map(|(n, _)| *n).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_is_logged_comes_once_and_in_order_and_all_else_as_its_qos_says(turns in turns()) {
        let (worker, published) = live(&turns);
        for topic in 0..3 {
            // Queued, or logged for its QoS.
            for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
                if topic > 0 || qos == QoS::ExactlyOnce {
                    prop_assert_eq!(came(&worker, &published, topic, qos), sent(&published, topic, qos));
                }
            }
            let loose = came(&worker, &published, topic, QoS::AtMostOnce);
            prop_assert!(loose.windows(2).all(|pair| pair[0] < pair[1]), "at most once, in order: {:?}", loose);
            for n in sent(&published, topic, QoS::AtMostOnce) {
                prop_assert!(!published[&n].2 || loose.contains(&n), "{} is retained, hence logged", n);
            }
        }
        let direct = came(&worker, &published, 0, QoS::AtLeastOnce);
        let sent_direct = sent(&published, 0, QoS::AtLeastOnce);
        prop_assert_eq!(first_times(&direct), &sent_direct[..], "at least once, in order: {:?}", direct);
        prop_assert!(leaves_nothing_out(&direct, &sent_direct), "what comes again does so with all behind it: {:?}", direct);
        let mut acknowledged = worker.acknowledged();
        acknowledged.sort_unstable();
        acknowledged.dedup();
        let owed: Vec<_> = published.iter().filter(|(_, how)| how.1 > QoS::AtMostOnce).map(|(n, _)| *n).collect();
        prop_assert_eq!(acknowledged, owed);
    }

    #[test]
    fn what_is_logged_at_times_keeps_its_order(turns in turns_of_one_topic()) {
        let (worker, published) = live(&turns);
        let (came, sent) = (came(&worker, &published, 0, QoS::AtLeastOnce), sent(&published, 0, QoS::AtLeastOnce));
        prop_assert_eq!(first_times(&came), &sent[..], "{:?}", came);
        prop_assert!(leaves_nothing_out(&came, &sent), "{:?}", came);
    }

    #[test]
    fn without_a_crash_everything_comes_once_and_in_order(mut turns in turns()) {
        for turn in &mut turns {
            if matches!(turn.fate, Fate::LostBefore | Fate::LostAfter(_)) {
                turn.fate = Fate::Good;
            }
        }
        let (worker, published) = live(&turns);
        for topic in 0..3 {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                prop_assert_eq!(came(&worker, &published, topic, qos), sent(&published, topic, qos));
            }
        }
    }
}

#[test]
fn what_was_not_received_outlives_the_log_that_held_it() {
    let (mut place, mut worker) = (Place::new(), Worker::new(1));
    worker.subscribe(&mut place, 1, "t/#", SessionKind::Transient);
    worker.replies.clear();
    for n in 1..=300 {
        worker.publish("t/1", QoS::ExactlyOnce, false, n);
        // Nobody hears the answers.
        place.run(vec![worker.batch()]);
    }
    place.compact();
    for n in 301..=400 {
        worker.publish("t/1", QoS::ExactlyOnce, false, n);
        place.run(vec![worker.batch()]);
    }
    place.compact();
    let again = worker.reopen(&mut place);
    assert_eq!(worker.messages(), (1..=400).map(payload).collect::<Vec<_>>());
    assert!(place.run(again).is_empty());

    place.solo.confirmed(LANE, worker.received);
    place.compact();
    assert_eq!(place.solo.undelivered(LANE, worker.received).unwrap().map(|answers| answers.len()), Some(0));
    assert!(place.solo.undelivered(LANE, worker.received - 1).unwrap().is_none(), "it has said that it has it");
}

#[test]
fn what_only_a_snapshot_stands_for_is_lost_to_who_has_not_received_it() {
    let (mut place, mut worker) = (Place::new(), Worker::new(1));
    worker.subscribe(&mut place, 1, "t/#", SessionKind::Transient);
    worker.publish("t/1", QoS::ExactlyOnce, false, 1);
    place.run(vec![worker.batch()]);
    place.compact();
    worker.publish("t/1", QoS::ExactlyOnce, false, 2);
    place.run(vec![worker.batch()]);
    place.crash();
    let answered = place.solo.lane(LANE).unwrap().answered;
    assert!(place.solo.undelivered(LANE, worker.received).unwrap().is_none());
    let known = place.solo.undelivered(LANE, answered - 2).unwrap().expect("those of the log are known");
    assert!(matches!(known[0].1.reply, Reply::Direct(_)));
    assert!(place.solo.undelivered(LANE, answered + 1).unwrap().is_none());
}
