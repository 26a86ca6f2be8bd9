//! The other broker away for long: what waits lies in the local broker's session on disk, not in memory.

use std::time::Duration;

use causeway_tests::deadline::within;

use crate::crossing::{Crossing, Other, SOURCE, Way, await_acknowledged};
use crate::numbered::Series;
use crate::shown;

const COUNT: u64 = 50_000;
/// Bytes; the messages alone are 50 MB.
const MEMORY: u64 = 150_000_000;
const PAYLOAD: usize = 1_000;

#[test]
fn backlog_of_50_000_messages_waits_for_a_remote_that_is_away() {
    let crossing = Crossing::start(Way::Out, Other::Mosquitto);
    let idle = crossing.local.resident();
    crossing.proxy.refuse();
    // What crosses while a connection is being cut may cross twice.
    shown::until(&crossing.local, "cross", "the way is closed", |shown| {
        (shown["instances"][0][shown::DESTINATION]["state"] != "Up").then_some(())
    });
    let series = Series { bytes: PAYLOAD, ..Series::new(SOURCE, COUNT) };
    let published = crossing.publish(series);
    let mut peak = 0;
    within(Duration::from_secs(60), "the backlog is published", || {
        peak = peak.max(crossing.local.resident());
        published.is_done().then_some(())
    });
    let full = crossing.local.resident();
    assert_eq!(crossing.recorder.count(), 0);
    crossing.proxy.pass();
    within(Duration::from_secs(120), "the backlog arrives", || {
        peak = peak.max(crossing.local.resident());
        (crossing.recorder.count() >= COUNT).then_some(())
    });
    crossing.finish(&published);
    eprintln!("{idle} bytes resident before, {full} with the backlog, {peak} at most");
    assert!(peak < MEMORY, "{peak} bytes of memory for {COUNT} messages of {PAYLOAD} bytes");
    crossing.recorder.verdict(&published).assert_once();
}

/// The broker that holds the backlog is killed, twice, before the other one comes back.
#[test]
fn a_backlog_survives_kill_9_while_the_remote_is_away() {
    const COUNT: u64 = 10_000;
    let mut crossing = Crossing::start(Way::Out, Other::Causeway);
    crossing.proxy.refuse();
    let published = crossing.publish(Series::new(SOURCE, COUNT));
    for part in 1..=2 {
        await_acknowledged(&published, part * COUNT / 3);
        crossing.local.kill();
        crossing.local.restart();
    }
    within(Duration::from_secs(60), "the backlog is published", || published.is_done().then_some(()));
    crossing.proxy.pass();
    crossing.finish(&published);
    crossing.recorder.verdict(&published).assert_whole();
}
