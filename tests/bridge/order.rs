//! Without a fault: every message, in the order of its topic, once.

use std::time::{Duration, Instant};

use causeway_tests::Flow;
use causeway_tests::deadline::within;

use crate::crossing::{Crossing, Other, SOURCE, Way, await_way};
use crate::numbered::Series;
use crate::publishing::Publishing;
use crate::recorder::Recorder;

/// For 100,000 messages in a debug build beside other tests.
const LIMIT: Duration = Duration::from_secs(150);

fn crosses(way: Way, other: Other, count: u64) {
    let crossing = Crossing::start(way, other);
    let begin = Instant::now();
    let published = crossing.publish(Series::new(SOURCE, count));
    crossing.finish_within(&published, LIMIT);
    eprintln!("{count} messages in {:?}", begin.elapsed());
    crossing.recorder.verdict(&published).assert_once();
}

#[test]
fn large_100_000_messages_to_mosquitto_are_all_there_in_order_once() {
    crosses(Way::Out, Other::Mosquitto, 100_000);
}

#[test]
fn large_100_000_messages_from_mosquitto_are_all_there_in_order_once() {
    crosses(Way::In, Other::Mosquitto, 100_000);
}

#[test]
fn large_100_000_messages_to_causeway_are_all_there_in_order_once() {
    crosses(Way::Out, Other::Causeway, 100_000);
}

#[test]
fn large_100_000_messages_from_causeway_are_all_there_in_order_once() {
    crosses(Way::In, Other::Causeway, 100_000);
}

/// Two dataflows, one each way: what goes out does not hold up what comes in.
#[test]
fn messages_both_ways_at_once_are_all_there_in_order_once() {
    const COUNT: u64 = 20_000;
    let crossing = Crossing::start(Way::Out, Other::Causeway);
    let flow = Flow::new("return").from("remote", &["back/#"]).to("default", "home/${inputTopic.2+}");
    crossing.resources.dataflow(&flow);
    let home = Recorder::start(crossing.local.mqtt(), "home/#");
    await_way(crossing.remote.address(), "back", &home);
    let out = crossing.publish(Series::new(SOURCE, COUNT));
    let back = Publishing::start(crossing.remote.address(), Series::new("back", COUNT));
    crossing.finish_within(&out, LIMIT);
    within(LIMIT, "everything is back", || (home.count() >= COUNT).then_some(()));
    await_way(crossing.remote.address(), "back", &home);
    crossing.recorder.verdict(&out).assert_once();
    home.verdict(&back).assert_once();
}
