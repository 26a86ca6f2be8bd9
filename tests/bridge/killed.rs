//! kill -9 of the broker under test, in the middle of a stream and again and again: its dataflows die with it.

use std::time::Duration;

use causeway_tests::Settings;
use causeway_tests::random::Random;

use crate::crossing::{Crossing, Other, SETTINGS, SOURCE, Way, fixed};
use crate::numbered::Series;

const COUNT: u64 = 3_000;
const KILLS: u64 = 6;

/// Whether the other broker dies too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Both {
    Die,
    No,
}

fn survives(way: Way, other: Other, both: Both) {
    survives_with(fixed(), way, other, both);
}

/// A sleep stands here for a moment chosen at random, not for waiting.
fn survives_with(settings: Settings, way: Way, other: Other, both: Both) {
    let seed = Random::seed();
    eprintln!("CAUSEWAY_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let mut crossing = Crossing::with(way, other, SETTINGS, settings);
    let published = crossing.publish(Series::new(SOURCE, COUNT).per_second(1_000));
    for part in 1..=KILLS {
        crossing.await_arrived(part * COUNT / (2 * KILLS));
        std::thread::sleep(Duration::from_millis(random.below(100)));
        crossing.local.kill();
        if both == Both::Die && part % 2 == 0 {
            crossing.remote.kill();
            crossing.remote.restart();
        }
        crossing.local.restart();
    }
    crossing.finish(&published);
    crossing.recorder.verdict(&published).assert_whole();
}

#[test]
fn nothing_to_mosquitto_is_lost_by_kill_9() {
    survives(Way::Out, Other::Mosquitto, Both::No);
}

#[test]
fn nothing_from_mosquitto_is_lost_by_kill_9() {
    survives(Way::In, Other::Mosquitto, Both::No);
}

#[test]
fn nothing_to_causeway_is_lost_by_kill_9() {
    survives(Way::Out, Other::Causeway, Both::No);
}

#[test]
fn nothing_from_causeway_is_lost_by_kill_9() {
    survives(Way::In, Other::Causeway, Both::No);
}

#[test]
fn nothing_to_causeway_is_lost_by_kill_9_of_both() {
    survives(Way::Out, Other::Causeway, Both::Die);
}

#[test]
fn nothing_from_causeway_is_lost_by_kill_9_of_both() {
    survives(Way::In, Other::Causeway, Both::Die);
}

#[test]
fn nothing_to_causeway_is_lost_by_kill_9_with_several_partitions() {
    survives_with(fixed().set("--partitions", 3).set("--workers", 2), Way::Out, Other::Causeway, Both::No);
}

#[test]
fn nothing_from_causeway_is_lost_by_kill_9_with_several_partitions() {
    survives_with(fixed().set("--partitions", 3).set("--workers", 2), Way::In, Other::Causeway, Both::No);
}
