//! The page of metrics: what stands on it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use super::crossing;
use super::exposition::{Labels, Read, parse};
use super::fixture::{Fixture, running};
use crate::admin::catalogue;
use crate::admin::exposition::{Kind, Metric};
use crate::self_check::{Latency, Operation, RouteResult, SelfCheckReport, Wildcard};

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
    // Those of clusters are another test's.
    let of_clusters: BTreeSet<&str> = catalogue::cluster::CLUSTER.iter().map(|metric| metric.name).collect();
    let alone = || catalogue::all().filter(|metric| !of_clusters.contains(metric.name));
    let declared: BTreeSet<&str> = alone().map(|metric| metric.name).collect();
    assert_eq!(written, declared);
    for metric in alone() {
        let read = &page[metric.name];
        assert_eq!((read.kind.as_str(), read.help.as_str()), (metric.kind.name(), metric.help), "{}", metric.name);
        for labels in read.all_labels() {
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
            Some("aio") => {
                assert!(!total && (name.starts_with("aio_broker_") || name.starts_with("aio_dataflow_")), "{name}");
            }
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
    let of_self_check =
        |name: &String| name.starts_with("aio_broker_") && (name.contains("latency") || name.contains("correctness"));
    assert!(!scrape(&fixture).keys().any(of_self_check));
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

#[test]
fn dataflows_are_told_over_all_their_instances() {
    let fixture = running();
    let mut west = crossing::cut_off(crossing::instance("west", 1), 200);
    west.status.source.credential_expires = Some(SystemTime::now() + Duration::from_secs(500));
    west.status.destination.credential_expires = Some(crossing::at(0));
    let instances = vec![crossing::instance("east", 0), crossing::instance("west", 0), west];
    crossing::show(&fixture.dataflows, instances);
    let page = scrape(&fixture);
    let (dataflow, category) = (("dataflow", "west"), ("category", "uncategorized"));
    let (from, to) = (("source_service_type", "Local AIO MQTT Broker"), ("target_service_type", "Unknown Mqtt Broker"));
    let (local, plant) = (("endpoint", "default"), ("endpoint", "plant"));
    for (name, labels, expected) in [
        ("messages_received", [from, category, dataflow, local].as_slice(), 42.0),
        ("messages_dropped_when_busy", &[from, category, dataflow, local], 58.0),
        ("bytes_received", &[from, category, dataflow, local], 44.0),
        ("messages_sent", &[to, category, dataflow, plant], 46.0),
        ("bytes_sent", &[to, category, dataflow, plant], 48.0),
        ("messages_retried", &[to, category, dataflow, plant], 50.0),
        ("messages_expired", &[to, dataflow, plant], 52.0),
        ("messages_filtered", &[to, dataflow, plant], 110.0),
        ("messages_dropped_processing_errors", &[to, dataflow, plant], 60.0),
        ("active_dataflows", &[], 2.0),
        ("reconcile_errors", &[], 0.0),
    ] {
        assert_eq!(value(&page, &format!("aio_dataflow_{name}"), labels), expected, "{name}");
    }
    let nobody = |label| (label, "");
    for (code, ends, endpoint, expected) in [
        ("DataflowMqttSourceConnectionFailed", [from, nobody("target_service_type")], local, 20.0),
        ("DataflowMqttSourceConfigurationError", [from, nobody("target_service_type")], local, 22.0),
        ("DataflowMqttSourceAuthenticationFailed", [from, nobody("target_service_type")], local, 24.0),
        ("DataflowMqttSourceSubscriptionFailed", [from, nobody("target_service_type")], local, 2.0),
        ("DataflowMqttTargetConnectionFailed", [nobody("source_service_type"), to], plant, 38.0),
        ("DataflowMqttTargetConfigurationError", [nobody("source_service_type"), to], plant, 16.0),
        ("DataflowMqttTargetAuthenticationFailed", [nobody("source_service_type"), to], plant, 18.0),
        ("DataflowMqttTargetPublishRejected", [nobody("source_service_type"), to], plant, 62.0),
        ("PayloadError", [nobody("source_service_type"), to], plant, 64.0),
    ] {
        let labels = [ends[0], ends[1], ("error_code", code), dataflow, endpoint];
        assert_eq!(value(&page, "aio_dataflow_errors", &labels), expected, "{code}");
    }
    let link = |instance, side, endpoint| [dataflow, ("instance", instance), ("side", side), endpoint];
    for (instance, side, endpoint, expected) in
        [("0", "destination", plant, 1.0), ("1", "destination", plant, 0.0), ("1", "source", local, 1.0)]
    {
        assert_eq!(
            value(&page, "causeway_dataflow_up", &link(instance, side, endpoint)),
            expected,
            "{instance} {side}"
        );
    }
    let left = |side, endpoint| value(&page, "causeway_dataflow_credential_expiry_seconds", &link("1", side, endpoint));
    assert!((400.0..=500.0).contains(&left("source", local)) && left("destination", plant) < 0.0);
    assert_eq!(page["causeway_dataflow_credential_expiry_seconds"].values.len(), 2);
    for (name, labels, expected) in [
        ("held_messages", [dataflow].as_slice(), 6.0),
        ("waiting_messages", &[dataflow], 10.0),
        ("dead_letters_total", &[dataflow, ("payload", "kept")], 34.0),
        ("dead_letters_total", &[dataflow, ("payload", "omitted")], 26.0),
        ("refusals_total", &[dataflow, ("reason", "NotAuthorized")], 62.0),
        ("loops_total", &[dataflow], 54.0),
        ("strays_total", &[dataflow], 56.0),
        ("connections_total", &[dataflow, ("side", "source")], 66.0),
        ("connection_failures_total", &[dataflow, ("side", "destination")], 72.0),
        ("sessions_lost_total", &[dataflow, ("side", "destination")], 76.0),
    ] {
        assert_eq!(value(&page, &format!("causeway_dataflow_{name}"), labels), expected, "{name} {labels:?}");
    }
}

#[test]
fn latencies_are_told_by_bucket() {
    let fixture = running();
    let page = scrape(&fixture);
    let labels = |labels: &[(&str, &str)]| -> Labels {
        labels.iter().map(|(label, value)| (String::from(*label), String::from(*value))).collect()
    };
    let (dataflow, category) = (("dataflow", "west"), ("category", "uncategorized"));
    let source =
        labels(&[("source_service_type", "Local AIO MQTT Broker"), category, dataflow, ("endpoint", "default")]);
    let processing = &page["aio_dataflow_processing_latency"].histograms[&source];
    assert_eq!(processing.buckets[..4], [(0.1, 10.0), (0.25, 10.0), (0.5, 24.0), (1.0, 24.0)]);
    assert_eq!((processing.sum, processing.count), (9.0, 24.0));
    let target = [("target_service_type", "Unknown Mqtt Broker"), ("success", "true"), category, dataflow];
    let target = labels(&[target.as_slice(), &[("endpoint", "plant")]].concat());
    let upload = &page["aio_dataflow_upload_latency"].histograms[&target];
    let last = upload.buckets.len() - 2;
    assert_eq!(upload.buckets[last..], [(60_000.0, 0.0), (f64::INFINITY, 2.0)]);
    assert_eq!((upload.sum, upload.count), (122_000.0, 2.0));
}
