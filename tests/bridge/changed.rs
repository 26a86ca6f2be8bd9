//! What a user does while messages flow: switches a dataflow off and on, gives it another topic, ends the broker in order.

use causeway_tests::deadline::{patience, within};
use causeway_tests::eventually;

use crate::crossing::{Crossing, IN_FLIGHT, Other, SOURCE, Way, await_acknowledged, cross};
use crate::numbered::Series;
use crate::publishing::Publishing;
use crate::verdict::Verdict;

const COUNT: u64 = 3_000;

/// Publishes while `change` does its work; everything has to arrive.
fn survives(way: Way, other: Other, change: impl FnOnce(&mut Crossing, &Publishing)) -> Verdict {
    let mut crossing = Crossing::start(way, other);
    let published = crossing.publish(Series::new(SOURCE, COUNT).per_second(1_000));
    crossing.await_arrived(COUNT / 4);
    change(&mut crossing, &published);
    crossing.finish(&published);
    let verdict = crossing.recorder.verdict(&published);
    verdict.assert_whole();
    verdict
}

/// Off until nothing is connected and much has come in; then on.
fn off_and_on(crossing: &mut Crossing, published: &Publishing) {
    crossing.resources.dataflow(&cross(crossing.way).with("mode: Disabled"));
    eventually("the dataflow stops", || (crossing.proxy.open() == 0).then_some(()));
    let waiting = published.acknowledged() + COUNT / 10;
    await_acknowledged(published, waiting);
    assert!(crossing.recorder.missing(published.series(), waiting) > 0, "messages pass a dataflow that is off");
    crossing.resources.dataflow(&cross(crossing.way));
}

/// What is under way when it stops arrives before it does.
#[test]
fn nothing_is_lost_or_doubled_to_mosquitto_while_off() {
    assert_eq!(survives(Way::Out, Other::Mosquitto, off_and_on).duplicates, 0);
}

#[test]
fn nothing_is_lost_or_doubled_from_mosquitto_while_off() {
    assert_eq!(survives(Way::In, Other::Mosquitto, off_and_on).duplicates, 0);
}

#[test]
fn nothing_is_lost_or_doubled_to_causeway_while_off() {
    assert_eq!(survives(Way::Out, Other::Causeway, off_and_on).duplicates, 0);
}

#[test]
fn nothing_is_lost_or_doubled_from_causeway_while_off() {
    assert_eq!(survives(Way::In, Other::Causeway, off_and_on).duplicates, 0);
}

/// Messages go to another topic from some moment on: each to one of both, in order.
fn moved(way: Way) {
    let verdict = survives(way, Other::Mosquitto, |crossing, _| {
        let arrived = crossing.recorder.count();
        crossing
            .resources
            .dataflow(&cross(way).to(["remote", "default"][usize::from(way == Way::In)], "to/moved/${inputTopic.2+}"));
        within(patience(), "messages arrive on the new topic", || {
            crossing.recorder.has_topic("to/moved/t0").then_some(())
        });
        assert!(crossing.recorder.count() > arrived);
    });
    assert_eq!(verdict.duplicates, 0);
}

#[test]
fn nothing_is_lost_when_the_topic_at_the_remote_changes() {
    moved(Way::Out);
}

#[test]
fn nothing_is_lost_when_the_topic_here_changes() {
    moved(Way::In);
}

/// SIGTERM of the process with broker and dataflow in it, twice.
fn ended(way: Way, other: Other) {
    let verdict = survives(way, other, |crossing, _| {
        for part in 1..=2 {
            crossing.await_arrived(part * COUNT / 4);
            assert!(crossing.local.terminate(libc::SIGTERM).success());
            crossing.local.restart();
        }
    });
    assert!(verdict.duplicates <= 2 * IN_FLIGHT, "{} duplicates", verdict.duplicates);
}

#[test]
fn nothing_to_mosquitto_is_lost_by_sigterm() {
    ended(Way::Out, Other::Mosquitto);
}

#[test]
fn nothing_from_mosquitto_is_lost_by_sigterm() {
    ended(Way::In, Other::Mosquitto);
}

#[test]
fn nothing_to_causeway_is_lost_by_sigterm() {
    ended(Way::Out, Other::Causeway);
}

#[test]
fn nothing_from_causeway_is_lost_by_sigterm() {
    ended(Way::In, Other::Causeway);
}
