//! `diagnostics.traces`: what is kept of operations that carry a `traceparent`, and of the broker's own.

use causeway_tests::deadline::{eventually, patience, within};
use causeway_tests::{Client, Props, Publish, freeze, http};

use super::served::{Served, V, refused_broker};

const OFF: &str = "  selfCheck:\n    mode: Disabled\n";

fn traces(fields: &str) -> String {
    format!("diagnostics:\n{OFF}  traces: {{{fields}}}\n")
}

fn trace_id(number: u32) -> String {
    format!("{:032x}", u128::from(number) + (0xcafe << 64))
}

fn traced(topic: &str, number: u32, flags: &str) -> Publish {
    let parent = format!("00-{}-00000000000000aa-{flags}", trace_id(number));
    Publish::new(topic, "x").qos(1).props(Props::new().user("traceparent", &parent))
}

fn is_kept(served: &Served, number: u32) -> bool {
    let path = format!("/api/v1/traces/{}", trace_id(number));
    let status = http::get(served.address("admin"), &path).expect("an answer").0;
    assert!([200, 404].contains(&status), "{path}: {status}");
    status == 200
}

#[test]
pub fn mode() {
    let served = Served::by(&traces("mode: Enabled"));
    let mut publisher = served.broker.client(V);
    publisher.publish(traced("spans/one", 1, "01"));
    eventually("the trace is there", || is_kept(&served, 1).then_some(()));
    let trace = served.api(&format!("traces/{}", trace_id(1)));
    let span = trace["spans"].as_array().and_then(|spans| spans.iter().find(|span| span["name"] == "PUBLISH"));
    let span = span.unwrap_or_else(|| panic!("no span of the publish: {trace}"));
    assert_eq!((&span["topic"], &span["clientId"]), (&"spans/one".into(), &publisher.id.clone().into()));
    assert_eq!(span["parentSpanId"], "00000000000000aa");
    assert!(served.api("traces").to_string().contains(&trace_id(1)));
    // The sampled flag decides; what comes after it has been seen, so this has been, too.
    publisher.publish(traced("spans/unsampled", 2, "00"));
    publisher.publish(traced("spans/sampled", 3, "01"));
    eventually("the next trace is there", || is_kept(&served, 3).then_some(()));
    assert!(!is_kept(&served, 2));

    served.change(&traces("mode: Disabled"));
    assert!(!is_kept(&served, 1), "what was kept goes");
    publisher.publish(traced("spans/off", 4, "01"));
    served.change(&traces("mode: Enabled"));
    eventually("traces are kept again", || {
        publisher.publish(traced("spans/on", 5, "01"));
        is_kept(&served, 5).then_some(())
    });
    assert!(!is_kept(&served, 4));
}

/// Publishes that many with long topics: each takes several hundred bytes of what is kept.
fn publish_many(publisher: &mut Client, first: u32, count: u32) {
    let topic = format!("{:x>250}", "");
    for block in (first..first + count).collect::<Vec<_>>().chunks(100) {
        let ids: Vec<u16> = block.iter().map(|n| publisher.send_publish(traced(&topic, *n, "01"))).collect();
        for id in ids {
            publisher.await_ack(causeway_tests::AckKind::PubAck, id);
        }
    }
}

#[test]
pub fn cache_size() {
    // More than a megabyte of spans, less than three.
    const MANY: u32 = 5_000;
    let channel = "spanChannelCapacity: 100000";
    let served = Served::by(&traces(&format!("cacheSizeMegabytes: 16, {channel}")));
    let mut publisher = served.broker.client(V);
    publish_many(&mut publisher, 0, MANY);
    eventually("all of it is there", || is_kept(&served, MANY - 1).then_some(()));
    assert!(is_kept(&served, 0));
    assert_eq!(served.metric("causeway_trace_spans_dropped_total", ""), Some(0.0));
    served.change(&traces(&format!("cacheSizeMegabytes: 1, {channel}")));
    assert!(!is_kept(&served, 0), "the oldest is still there in one megabyte");
    assert!(is_kept(&served, MANY - 1));
    // And it stays bounded.
    publish_many(&mut publisher, MANY, MANY);
    eventually("new ones are there", || is_kept(&served, 2 * MANY - 1).then_some(()));
    assert!(!is_kept(&served, MANY - 1));
}

/// While nobody takes spans off the channel.
#[test]
pub fn span_channel_capacity() {
    for (capacity, are_lost) in [(1_000, true), (100_000, false)] {
        let served = Served::by(&traces(&format!("spanChannelCapacity: {capacity}")));
        let Some(frozen) = freeze::freeze(&served.broker, "traces") else { return };
        publish_many(&mut served.broker.client(V), 0, 3_000);
        let dropped = served.metric("causeway_trace_spans_dropped_total", "").expect("a counter");
        assert_eq!(dropped > 0.0, are_lost, "capacity {capacity}: {dropped} dropped");
        drop(frozen);
        eventually("the first ones are there", || is_kept(&served, 0).then_some(()));
        if !are_lost {
            eventually("and the last ones", || is_kept(&served, 2_999).then_some(()));
        }
    }
}

/// How many traces there are after so many rounds of the self-check.
fn after(served: &Served, rounds: f64) -> usize {
    within(patience() * 4, "a round has ended", || {
        (served.metric("causeway_self_check_rounds_total", "") >= Some(rounds)).then_some(())
    });
    served.api("traces")["items"].as_array().expect("a list").len()
}

/// A round of the self-check is traced when it is due; rounds are 30 seconds apart.
#[test]
pub fn self_tracing() {
    let with = |fields: &str| Served::by(&format!("diagnostics:\n  traces:\n    selfTracing: {{{fields}}}\n"));
    let (often, seldom) = (with("mode: Enabled, intervalSeconds: 1"), with("intervalSeconds: 300"));
    let never = with("mode: Disabled");
    let without = Served::by("diagnostics:\n  traces:\n    mode: Disabled\n    selfTracing:\n      mode: Enabled\n");
    assert_eq!((after(&often, 1.0), after(&seldom, 1.0), after(&never, 1.0), after(&without, 1.0)), (1, 1, 0, 0));
    assert_eq!((after(&often, 2.0), after(&seldom, 2.0), after(&never, 2.0)), (2, 1, 0));
}

#[test]
fn out_of_range_is_refused() {
    let told = refused_broker(&traces(
        "mode: Often, cacheSizeMegabytes: 0, spanChannelCapacity: 999, selfTracing: {mode: Maybe, intervalSeconds: 0}",
    ));
    for field in
        ["mode", "cacheSizeMegabytes", "spanChannelCapacity", "selfTracing.mode", "selfTracing.intervalSeconds"]
    {
        assert!(told.contains(&format!("spec.diagnostics.traces.{field}")), "{field}: {told}");
    }
}
