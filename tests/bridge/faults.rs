//! Faults of the other broker and of the way to it, in the middle of a stream: nothing acknowledged is lost, last copies
//! are in order, and copies come only of what was under way.

use causeway_tests::deadline::{patience, within};
use causeway_tests::eventually;

use crate::crossing::{Crossing, IN_FLIGHT, Other, SOURCE, Way, await_acknowledged};
use crate::numbered::Series;
use crate::publishing::Publishing;
use crate::verdict::Verdict;

const COUNT: u64 = 3_000;

/// A stream of some seconds.
fn stream() -> Series {
    Series::new(SOURCE, COUNT).per_second(1_000)
}

/// Publishes while `fault` does its work, which heals in the end; then looks at what has arrived.
fn survives(way: Way, other: Other, fault: impl FnOnce(&mut Crossing, &Publishing)) {
    run(way, other, fault);
}

fn run(way: Way, other: Other, fault: impl FnOnce(&mut Crossing, &Publishing)) -> Verdict {
    let mut crossing = Crossing::start(way, other);
    // What mosquitto holds when it is killed, it forgets; sessions and subscriptions it is to know.
    crossing.remote.save();
    let published = crossing.publish(stream());
    fault(&mut crossing, &published);
    crossing.finish(&published);
    let verdict = crossing.recorder.verdict(&published);
    verdict.assert_whole();
    verdict
}

/// Kills the other broker in the middle, twice.
fn killed(crossing: &mut Crossing, published: &Publishing) {
    for part in 1..=2 {
        crossing.await_arrived(part * COUNT / 4);
        if crossing.way == Way::In {
            // Only what mosquitto has saved is its to give; so that there is much of it, the way is slow.
            crossing.proxy.slow(20_000);
            await_acknowledged(published, crossing.recorder.count() + COUNT / 8);
            published.hold();
            published.settle();
            crossing.remote.save();
        }
        crossing.remote.kill();
        crossing.remote.restart();
        crossing.proxy.pass();
        published.go_on();
    }
}

/// Ends the other broker in order in the middle, and starts it again, twice.
fn restarted(crossing: &mut Crossing, _: &Publishing) {
    for part in 1..=2 {
        crossing.await_arrived(part * COUNT / 4);
        crossing.remote.stop();
        crossing.remote.restart();
    }
}

/// Times that connections are reset.
const RESETS: u64 = 5;

/// RST again and again: what is under way then may come again, and nothing else.
fn survives_resets(way: Way, other: Other) {
    let verdict = run(way, other, reset);
    assert!(verdict.duplicates <= RESETS * IN_FLIGHT, "{} duplicates", verdict.duplicates);
}

fn reset(crossing: &mut Crossing, _: &Publishing) {
    for part in 1..=RESETS {
        crossing.await_arrived(part * COUNT / 8);
        let before = crossing.proxy.accepted();
        crossing.proxy.cut();
        eventually("the dataflow connects again", || (crossing.proxy.accepted() > before).then_some(()));
    }
}

/// Bytes go nowhere, and nobody says so: keep alive finds out.
fn swallowed(crossing: &mut Crossing, _: &Publishing) {
    crossing.await_arrived(COUNT / 4);
    crossing.proxy.black_hole();
    let before = crossing.proxy.accepted();
    within(patience() * 2, "the dataflow gives the connection up", || {
        (crossing.proxy.accepted() > before).then_some(())
    });
    assert!(crossing.proxy.swallowed() > 0);
    crossing.proxy.pass();
    // A way that is there again knows nothing of connections of before.
    crossing.proxy.cut();
}

/// Nothing is lost on a slow way, so nothing comes twice.
fn survives_slowness(way: Way, other: Other) {
    assert_eq!(run(way, other, slowed).duplicates, 0);
}

/// So slow that the stream backs up; then fast again.
fn slowed(crossing: &mut Crossing, published: &Publishing) {
    crossing.await_arrived(COUNT / 4);
    crossing.proxy.slow(5_000);
    within(patience(), "everything is published", || published.is_done().then_some(()));
    assert!(crossing.recorder.count() < COUNT, "the proxy is not slow");
    crossing.await_arrived(crossing.recorder.count() + 100);
    crossing.proxy.pass();
}

/// Nobody listens for a while.
fn refused(crossing: &mut Crossing, published: &Publishing) {
    crossing.await_arrived(COUNT / 4);
    crossing.proxy.refuse();
    within(patience(), "everything is published", || published.is_done().then_some(()));
    crossing.proxy.pass();
}

#[test]
fn mosquitto_as_the_destination_is_killed() {
    survives(Way::Out, Other::Mosquitto, killed);
}

#[test]
fn mosquitto_as_the_source_is_killed() {
    survives(Way::In, Other::Mosquitto, killed);
}

#[test]
fn causeway_as_the_destination_is_killed() {
    survives(Way::Out, Other::Causeway, killed_at_once);
}

#[test]
fn causeway_as_the_source_is_killed() {
    survives(Way::In, Other::Causeway, killed_at_once);
}

/// Kills the other broker in the middle, as it stands.
fn killed_at_once(crossing: &mut Crossing, _: &Publishing) {
    for part in 1..=3 {
        crossing.await_arrived(part * COUNT / 5);
        crossing.remote.kill();
        crossing.remote.restart();
    }
}

#[test]
fn mosquitto_as_the_destination_is_restarted() {
    survives(Way::Out, Other::Mosquitto, restarted);
}

#[test]
fn mosquitto_as_the_source_is_restarted() {
    survives(Way::In, Other::Mosquitto, restarted);
}

#[test]
fn causeway_as_the_destination_is_restarted() {
    survives(Way::Out, Other::Causeway, restarted);
}

#[test]
fn causeway_as_the_source_is_restarted() {
    survives(Way::In, Other::Causeway, restarted);
}

#[test]
fn connections_to_mosquitto_are_reset_again_and_again() {
    survives_resets(Way::Out, Other::Mosquitto);
}

#[test]
fn connections_from_mosquitto_are_reset_again_and_again() {
    survives_resets(Way::In, Other::Mosquitto);
}

#[test]
fn connections_to_causeway_are_reset_again_and_again() {
    survives_resets(Way::Out, Other::Causeway);
}

#[test]
fn connections_from_causeway_are_reset_again_and_again() {
    survives_resets(Way::In, Other::Causeway);
}

#[test]
fn the_way_to_mosquitto_is_swallowed_by_a_black_hole() {
    survives(Way::Out, Other::Mosquitto, swallowed);
}

#[test]
fn the_way_to_causeway_is_swallowed_by_a_black_hole() {
    survives(Way::Out, Other::Causeway, swallowed);
}

#[test]
fn the_way_from_mosquitto_is_swallowed_by_a_black_hole() {
    survives(Way::In, Other::Mosquitto, swallowed);
}

#[test]
fn the_way_from_causeway_is_swallowed_by_a_black_hole() {
    survives(Way::In, Other::Causeway, swallowed);
}

#[test]
fn the_way_to_mosquitto_becomes_slow() {
    survives_slowness(Way::Out, Other::Mosquitto);
}

#[test]
fn the_way_to_causeway_becomes_slow() {
    survives_slowness(Way::Out, Other::Causeway);
}

#[test]
fn the_way_from_mosquitto_becomes_slow() {
    survives_slowness(Way::In, Other::Mosquitto);
}

#[test]
fn the_way_from_causeway_becomes_slow() {
    survives_slowness(Way::In, Other::Causeway);
}

#[test]
fn the_way_to_mosquitto_is_refused_for_a_while() {
    survives(Way::Out, Other::Mosquitto, refused);
}

#[test]
fn the_way_to_causeway_is_refused_for_a_while() {
    survives(Way::Out, Other::Causeway, refused);
}

#[test]
fn the_way_from_mosquitto_is_refused_for_a_while() {
    survives(Way::In, Other::Mosquitto, refused);
}

#[test]
fn the_way_from_causeway_is_refused_for_a_while() {
    survives(Way::In, Other::Causeway, refused);
}
