//! Flags and the plans or problems that come of them.

use std::net::SocketAddr;
use std::time::Duration;

use super::{HOST, Host, Plan};
use crate::{
    Cardinality, ClusterRecord, Durability, Given, Input, LogLevel, MemoryProfile, Problems, QueueStrategy, Request,
};

fn request(settings: &[(&str, &str)]) -> Request {
    let mut request = Request::default();
    for (flag, text) in settings {
        let given = Some(Given::flag(flag, (*text).to_owned()));
        let slot = match *flag {
            "--mqtt" => &mut request.mqtt,
            "--mqtts" => &mut request.mqtts,
            "--ws" => &mut request.ws,
            "--admin" => &mut request.admin,
            "--bind" => &mut request.bind,
            "--workers" => &mut request.workers,
            "--partitions" => &mut request.partitions,
            "--durability" => &mut request.durability,
            "--max-packet-size" => &mut request.max_packet_size,
            "--max-keep-alive" => &mut request.max_keep_alive,
            "--max-session-expiry" => &mut request.max_session_expiry,
            "--max-message-expiry" => &mut request.max_message_expiry,
            "--max-receive-maximum" => &mut request.max_receive_maximum,
            "--receive-maximum" => &mut request.receive_maximum,
            "--topic-alias-maximum" => &mut request.topic_alias_maximum,
            "--queue-limit" => &mut request.queue_limit,
            "--queue-strategy" => &mut request.queue_strategy,
            "--memory-profile" => &mut request.memory_profile,
            "--sys-interval" => &mut request.sys_interval,
            "--log-level" => &mut request.log_level,
            other => panic!("no such setting: {other}"),
        };
        *slot = given;
    }
    request
}

/// With flags alone.
fn check(request: Request, host: &Host) -> Result<Plan, Problems> {
    Plan::check(&Input { flags: request, ..Input::default() }, host)
}

fn plan(settings: &[(&str, &str)]) -> Plan {
    check(request(settings), &HOST).unwrap()
}

/// Where a listener is bound.
fn address(plan: &Plan, name: &str) -> Option<SocketAddr> {
    plan.listeners.iter().find(|listener| listener.name == name).map(|listener| listener.address)
}

/// The only problem of one setting.
fn problem(flag: &str, text: &str) -> String {
    let problems = check(request(&[(flag, text)]), &HOST).unwrap_err();
    assert_eq!(problems.iter().count(), 1, "{problems}");
    problems.to_string()
}

#[test]
fn an_empty_request_gives_the_documented_defaults() {
    let plan = plan(&[]);
    let local = |port| Some(SocketAddr::from(([127, 0, 0, 1], port)));
    assert_eq!(address(&plan, "mqtt"), local(1883));
    assert_eq!(address(&plan, "mqtts"), local(8883));
    assert_eq!(address(&plan, "ws"), local(8083));
    assert_eq!(plan.admin.as_ref().map(|admin| admin.address), local(9600));
    assert_eq!((plan.workers.get(), plan.partitions.get()), (4, 4));
    assert_eq!(plan.durability, Durability::Async);
    assert_eq!(plan.memory, MemoryProfile::Medium);
    assert_eq!(plan.sys_interval, Some(Duration::from_secs(10)));
    assert_eq!(plan.log_level, LogLevel::Info);
    let clients = plan.clients;
    assert_eq!(clients.max_packet_size.get(), 64 << 20);
    assert_eq!(clients.max_receive_maximum.get(), 65_535);
    assert_eq!(clients.receive_maximum.get(), 1000);
    assert_eq!(clients.max_session_expiry, None);
    assert_eq!(clients.max_message_expiry, None);
    assert_eq!(clients.max_keep_alive, None);
    assert_eq!(clients.queue_limit, None);
    assert!(plan.notices.is_empty());
}

#[test]
fn workers_and_partitions_follow_the_cores() {
    for (cores, expected) in [(1, 1), (2, 1), (3, 1), (4, 2), (32, 16), (128, 16)] {
        let host = Host { cores, remembered: None };
        let plan = check(Request::default(), &host).unwrap();
        assert_eq!(plan.workers.get(), expected, "{cores} cores");
        assert_eq!(plan.partitions.get(), expected, "{cores} cores");
    }
}

#[test]
fn a_data_directory_keeps_its_partitions() {
    let host = Host { cores: 8, remembered: Some(ClusterRecord { partitions: Cardinality::new(3).unwrap() }) };
    let plan = check(Request::default(), &host).unwrap();
    assert_eq!(plan.partitions.get(), 3);
    let same = check(request(&[("--partitions", "3")]), &host).unwrap();
    assert_eq!(same.partitions.get(), 3);
    let problems = check(request(&[("--partitions", "4")]), &host).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "--partitions 4: this data directory was made with 3; leave the setting out, or choose another --data-dir"
    );
}

#[test]
fn every_setting_can_be_given() {
    let plan = plan(&[
        ("--mqtt", "0.0.0.0:1884"),
        ("--mqtts", "off"),
        ("--ws", "[::1]:0"),
        ("--admin", "localhost:0"),
        ("--workers", "16"),
        ("--partitions", "1"),
        ("--durability", "fsync"),
        ("--max-packet-size", "1048576"),
        ("--max-keep-alive", "300"),
        ("--max-session-expiry", "282277"),
        ("--max-message-expiry", "1622"),
        ("--max-receive-maximum", "15000"),
        ("--receive-maximum", "65535"),
        ("--topic-alias-maximum", "0"),
        ("--queue-limit", "1000"),
        ("--queue-strategy", "drop-oldest"),
        ("--memory-profile", "Low"),
        ("--sys-interval", "0"),
        ("--log-level", "trace"),
    ]);
    assert_eq!(address(&plan, "mqtt"), "0.0.0.0:1884".parse().ok());
    assert_eq!(address(&plan, "mqtts"), None);
    assert_eq!(address(&plan, "ws"), "[::1]:0".parse().ok());
    assert_eq!(plan.admin.as_ref().map(|admin| admin.address), "127.0.0.1:0".parse().ok());
    assert_eq!((plan.workers.get(), plan.partitions.get()), (16, 1));
    assert_eq!(plan.durability, Durability::Fsync);
    assert_eq!(plan.memory, MemoryProfile::Low);
    assert_eq!(plan.sys_interval, None);
    assert_eq!(plan.log_level, LogLevel::Trace);
    let clients = plan.clients;
    assert_eq!(clients.max_packet_size.get(), 1_048_576);
    assert_eq!(clients.max_keep_alive.map(|s| s.get()), Some(300));
    assert_eq!(clients.max_session_expiry.map(|s| s.get()), Some(282_277));
    assert_eq!(clients.max_message_expiry.map(|s| s.get()), Some(1622));
    assert_eq!(clients.max_receive_maximum.get(), 15_000);
    assert_eq!(clients.receive_maximum.get(), 65_535);
    assert_eq!(clients.topic_alias_maximum, 0);
    let limit = clients.queue_limit.unwrap();
    assert_eq!(limit.length.get(), 1000);
    assert_eq!(limit.strategy, QueueStrategy::DropOldest);
    assert!(plan.notices.is_empty());
}

#[test]
fn ranges_end_where_they_say() {
    for (flag, good, bad) in [
        ("--workers", &["1", "16"][..], &["0", "17", "-1", "two", ""][..]),
        ("--partitions", &["1", "16"], &["0", "17"]),
        ("--max-packet-size", &["1", "67108864"], &["0", "268435457", "1M"]),
        ("--max-keep-alive", &["0", "65535"], &["65536", "-1"]),
        ("--max-session-expiry", &["1", "4294967295"], &["0", "4294967296"]),
        ("--max-message-expiry", &["1", "4294967295"], &["0", "4294967296"]),
        ("--max-receive-maximum", &["1", "65535"], &["0", "65536"]),
        ("--receive-maximum", &["1", "65535"], &["0", "65536"]),
        ("--topic-alias-maximum", &["0", "65535"], &["65536"]),
        ("--queue-limit", &["1", "18446744073709551615"], &["0", "1.5"]),
        ("--sys-interval", &["0", "86400"], &["86401"]),
        ("--durability", &["async", "FSYNC"], &["memory", "sync"]),
        ("--queue-strategy", &["none"], &["drop-newest"]),
        ("--memory-profile", &["tiny", "High"], &["huge"]),
        ("--log-level", &["error", "Debug"], &["verbose"]),
        ("--mqtt", &["off", "[::]:1", "localhost:1"], &["1883", ":1883", "localhost", "a.b:1", "127.0.0.1:65536"]),
    ] {
        for text in good {
            plan(&[(flag, text)]);
        }
        for text in bad {
            let sentence = problem(flag, text);
            let start = format!("{flag} {text}: ");
            assert!(sentence.starts_with(&start), "{sentence}");
        }
    }
}

#[test]
fn problems_say_what_would_be_right() {
    for (flag, text, expected) in [
        ("--workers", "0", "give a number of workers from 1 to 16"),
        ("--queue-limit", "0", "give 1 or more messages"),
        ("--log-level", "loud", "give one of error, warn, info, debug, trace"),
        ("--durability", "memory", "with one replica nothing would survive a restart; give async or fsync"),
        ("--queue-strategy", "drop-oldest", "say at what length, with --queue-limit"),
    ] {
        assert_eq!(problem(flag, text), format!("{flag} {text}: {expected}"));
    }
    assert!(problem("--admin", "0.0.0.0:9600").contains("loopback only"));
}

#[test]
fn all_problems_come_at_once() {
    let request = request(&[
        ("--mqtt", "here"),
        ("--admin", "0.0.0.0:9600"),
        ("--workers", "99"),
        ("--durability", "memory"),
        ("--log-level", "loud"),
    ]);
    let problems = check(request, &HOST).unwrap_err();
    let places: Vec<&str> = problems.iter().map(|p| p.place.as_str()).collect();
    assert_eq!(places, ["--mqtt", "--admin", "--workers", "--durability", "--log-level"]);
    assert_eq!(problems.to_string().lines().count(), 5);
}

#[test]
fn one_address_serves_one_listener() {
    for settings in [
        &[("--mqtt", "127.0.0.1:5000"), ("--ws", "127.0.0.1:5000")][..],
        &[("--mqtt", "0.0.0.0:8883")],
        &[("--admin", "127.0.0.1:1883")],
    ] {
        let problems = check(request(settings), &HOST).unwrap_err();
        assert_eq!(problems.iter().count(), 1, "{problems}");
        assert!(problems.to_string().contains("has this address"), "{problems}");
    }
    plan(&[("--mqtt", "127.0.0.1:0"), ("--ws", "127.0.0.1:0")]);
    plan(&[("--mqtt", "127.0.0.2:8883")]);
}

#[test]
fn a_broker_nobody_can_reach_is_refused() {
    let off = [("--mqtt", "off"), ("--mqtts", "off"), ("--ws", "off")];
    let problems = check(request(&off), &HOST).unwrap_err();
    assert_eq!(problems.to_string(), "--mqtt off: leave at least one of mqtt, mqtts and ws on");
}

#[test]
fn settings_without_effect_are_noticed() {
    let noticed = plan(&[("--max-packet-size", "268435456")]);
    assert_eq!(noticed.clients.max_packet_size.get(), 64 << 20);
    assert_eq!(noticed.notices.len(), 1);
    let noticed = plan(&[("--queue-limit", "10")]);
    assert_eq!(noticed.clients.queue_limit.unwrap().strategy, QueueStrategy::None);
    assert!(noticed.notices[0].to_string().contains("no effect"));
}
