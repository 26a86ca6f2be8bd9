//! The page of metrics, read as strictly as its format is written.

use std::collections::{BTreeMap, BTreeSet};

use super::fixture::{Fixture, running};
use crate::admin::catalogue;
use crate::admin::exposition::{Kind, Metric};
use crate::self_check::{Latency, Operation, RouteResult, SelfCheckReport, Wildcard};

/// A metric as a page has it: kind, help, values by labels as written.
#[derive(Debug, Default)]
struct Read {
    kind: String,
    help: String,
    values: BTreeMap<Vec<(String, String)>, f64>,
}

/// Reads exposition format 0.0.4 and fails at whatever is not in it.
fn parse(text: &str) -> BTreeMap<String, Read> {
    assert!(text.ends_with('\n'));
    let mut metrics: BTreeMap<String, Read> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!metrics.contains_key(name), "{name} twice");
            metrics.insert(name.to_owned(), Read { help: unescaped(help, false), ..Read::default() });
            current = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let metric = metrics.get_mut(name).unwrap();
            assert!(name == current && metric.kind.is_empty() && ["counter", "gauge"].contains(&kind), "{line}");
            metric.kind = kind.to_owned();
        } else {
            let (name, labels, value) = sample(line);
            assert_eq!(name, current, "{line}");
            let metric = metrics.get_mut(&name).unwrap();
            assert!(!metric.kind.is_empty(), "{line}");
            assert!(metric.values.insert(labels, value).is_none(), "twice: {line}");
        }
    }
    metrics
}

fn sample(line: &str) -> (String, Vec<(String, String)>, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let is_name = |text: &str| {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        first && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    assert!(is_name(name), "{line}");
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, value) = rest.split_once("=\"").unwrap();
            assert!(is_name(label), "{line}");
            let end = closing_quote(value);
            labels.push((label.to_owned(), unescaped(&value[..end], true)));
            rest = &value[end + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').unwrap();
    }
    let value = rest.strip_prefix(' ').unwrap();
    let value = match value {
        "+Inf" => f64::INFINITY,
        value => {
            assert!(value.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte)), "{line}");
            value.parse().unwrap()
        }
    };
    (name.to_owned(), labels, value)
}

fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    let is_end = |(_, c): &(usize, char)| {
        let end = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        end
    };
    text.char_indices().find(is_end).unwrap().0
}

fn unescaped(text: &str, in_label: bool) -> String {
    let (mut plain, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next().unwrap() {
                'n' => plain.push('\n'),
                '\\' => plain.push('\\'),
                '"' if in_label => plain.push('"'),
                other => panic!("\\{other} in {text}"),
            },
            c => plain.push(c),
        }
    }
    plain
}

fn scrape(fixture: &Fixture) -> BTreeMap<String, Read> {
    let answer = fixture.get("/metrics");
    let content_type = answer.header("content-type");
    assert_eq!((answer.status, content_type), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    parse(&answer.body)
}

fn value(page: &BTreeMap<String, Read>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels: Vec<_> = labels.iter().map(|(label, value)| (String::from(*label), String::from(*value))).collect();
    page[name].values[&labels]
}

fn self_check() -> SelfCheckReport {
    let route = |operation, chain, wildcard| RouteResult {
        operation,
        frontend: 1,
        chain,
        wildcard,
        correct: operation != Operation::Publish,
        latency_ms: (operation != Operation::Publish).then_some(0.5),
    };
    let latency = |operation| (operation, Latency { last_ms: 1.5, mean_ms: 1.25, deviation_ms: 0.25 });
    SelfCheckReport {
        rounds: 3,
        failures: vec!["Failed Operation PUBLISH (1/8)".to_owned()],
        routes: vec![
            route(Operation::Connect, Some(0), None),
            route(Operation::Ping, None, None),
            route(Operation::Subscribe, Some(0), Some(Wildcard::Yes)),
            route(Operation::Subscribe, Some(0), Some(Wildcard::No)),
            route(Operation::Publish, Some(0), None),
            route(Operation::Unsubscribe, Some(0), Some(Wildcard::No)),
        ],
        latencies: [
            Operation::Connect,
            Operation::Ping,
            Operation::Subscribe,
            Operation::Publish,
            Operation::MessageDeliveryCheck,
            Operation::Unsubscribe,
        ]
        .map(latency)
        .to_vec(),
        messages_sent: 12,
        messages_received: 11,
        delivery_timeouts: 1,
    }
}

#[test]
fn the_page_has_every_metric_of_the_catalogue_and_no_other() {
    let fixture = running();
    fixture.self_check.publish(self_check());
    let page = scrape(&fixture);
    let written: BTreeSet<&str> = page.keys().map(String::as_str).collect();
    let declared: BTreeSet<&str> = catalogue::all().map(|metric| metric.name).collect();
    assert_eq!(written, declared);
    for metric in catalogue::all() {
        let read = &page[metric.name];
        assert_eq!((read.kind.as_str(), read.help.as_str()), (metric.kind.name(), metric.help), "{}", metric.name);
        for labels in read.values.keys() {
            let labels: Vec<&str> = labels.iter().map(|(label, _)| label.as_str()).collect();
            assert_eq!(labels, metric.labels, "{}", metric.name);
        }
    }
}

#[test]
fn names_are_the_models_or_say_whose_they_are() {
    let mut names = BTreeSet::new();
    for Metric { name, kind, help, .. } in catalogue::all() {
        assert!(names.insert(*name), "{name} twice");
        assert!(help.ends_with('.'), "{name}: {help}");
        let total = name.ends_with("_total");
        match name.split('_').next() {
            Some("aio") => assert!(!total && name.starts_with("aio_broker_"), "{name}"),
            Some("causeway" | "process") => assert_eq!(total, *kind == Kind::Counter, "{name}"),
            _ => panic!("{name}"),
        }
    }
    for absent in catalogue::ABSENT {
        assert!(absent.names.iter().all(|name| names.insert(name)), "{}", absent.why);
    }
}

#[test]
fn figures_stand_under_their_labels() {
    let fixture = running();
    let page = scrape(&fixture);
    let (ns, host) = (("ns", "azure-iot-operations"), ("host", "edge \"7\""));
    let category = |category| [ns, host, ("category", category)];
    assert_eq!(value(&page, "aio_broker_publishes_received", &category("line\\1\n")), 10.0);
    assert_eq!(value(&page, "aio_broker_publishes_received", &category("uncategorized")), 20.0);
    let outgoing = [ns, host, ("category", "uncategorized"), ("direction", "outgoing")];
    assert_eq!(value(&page, "aio_broker_qos0_messages_dropped", &outgoing), 21.0);
    let sessions = |chain, persistent| [ns, ("backend_chain", chain), ("is_persistent", persistent)];
    for (chain, persistent, total, connected) in
        [("0", "true", 4.0, 1.0), ("0", "false", 3.0, 2.0), ("1", "true", 0.0, 0.0)]
    {
        assert_eq!(value(&page, "aio_broker_store_total_sessions", &sessions(chain, persistent)), total);
        assert_eq!(value(&page, "aio_broker_store_connected_sessions", &sessions(chain, persistent)), connected);
    }
    let chain = [ns, ("backend_chain", "1")];
    assert_eq!(value(&page, "aio_broker_store_retained_messages", &chain), 8.0);
    assert_eq!(value(&page, "aio_broker_backpressure_packets_rejected_disk", &chain), 3.0);
    assert_eq!(value(&page, "aio_broker_backpressure_packets_rejected_memory", &[ns, host]), 6.0);
    assert_eq!(value(&page, "aio_broker_buffer_pool_used_percent", &[ns, host, ("name", "frontend")]), 25.0);
    assert_eq!(value(&page, "aio_broker_total_disk_backed_message_buffer_usage", &[ns, host]), 9.0);
    for (name, expected) in [
        ("backend_partitions", 2.0),
        ("backend_replicas", 2.0),
        ("frontend_workers", 3.0),
        ("frontend_replicas_restarts", 2.0),
    ] {
        assert_eq!(value(&page, &format!("aio_broker_{name}"), &[ns, host]), expected, "{name}");
    }
    assert_eq!(value(&page, "causeway_connections", &[]), 5.0);
    assert_eq!(value(&page, "causeway_disk_publishes_refused_total", &[("reason", "queue_limit")]), 2.0);
    for (name, labels, expected) in [
        ("authentication_accepted_total", [("method", "X509")].as_slice(), 31.0),
        ("authentication_refused_total", &[("reason", "denied")], 40.0),
        ("authentication_refused_total", &[("reason", "unavailable")], 41.0),
        ("authentication_refused_total", &[("reason", "limited")], 42.0),
        ("authentication_refused_total", &[("reason", "busy")], 43.0),
        ("authentication_requests_total", &[("method", "ServiceAccountToken")], 50.0),
        ("authentication_requests_unanswered_total", &[("method", "Custom")], 62.0),
        ("audit_entries_total", &[], 70.0),
        ("audit_dropped_total", &[("reason", "busy")], 71.0),
        ("audit_dropped_total", &[("reason", "unwritable")], 72.0),
    ] {
        assert_eq!(value(&page, &format!("causeway_{name}"), labels), expected, "{name} {labels:?}");
    }
    assert_eq!(page["causeway_authentication_requests_total"].values.len(), 3, "of methods that ask nobody");
    assert_eq!(value(&page, "causeway_health_status", &[("status", "Available")]), 1.0);
    assert_eq!(value(&page, "causeway_health_status", &[("status", "Degraded")]), 0.0);
}

#[test]
fn the_self_check_is_told_by_route_and_in_sum() {
    let fixture = running();
    assert!(scrape(&fixture).keys().all(|name| !name.contains("latency") && !name.contains("correctness")));
    fixture.self_check.publish(self_check());
    let page = scrape(&fixture);
    let route = [("frontend", "1"), ("backend_chain", "0")];
    assert_eq!(value(&page, "aio_broker_connect_route_replication_correctness", &route), 1.0);
    assert_eq!(value(&page, "aio_broker_publish_route_replication_correctness", &route), 0.0);
    assert!(page["aio_broker_publish_latency_route_ms"].values.is_empty(), "none came");
    let wildcard = [route[0], route[1], ("is_wildcard", "true")];
    assert_eq!(value(&page, "aio_broker_subscribe_latency_route_ms", &wildcard), 0.5);
    assert_eq!(value(&page, "aio_broker_ping_correctness", &[("frontend", "1")]), 1.0);
    for (figure, expected) in [("last_value", 1.5), ("mu", 1.25), ("sigma", 0.25)] {
        for operation in ["connect", "publish", "subscribe", "unsubscribe", "ping", "message_delivery_check"] {
            let name = format!("aio_broker_{operation}_latency_{figure}_ms");
            assert_eq!(value(&page, &name, &[]), expected, "{name}");
        }
    }
    assert_eq!(value(&page, "aio_broker_message_delivery_check_total_timeouts", &[]), 1.0);
    assert_eq!(value(&page, "causeway_health_status", &[("status", "Degraded")]), 1.0);
    assert_eq!(fixture.json("/health")["reasonCode"], "BrokerProbeFailed");
}
