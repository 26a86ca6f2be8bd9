//! Every metric is driven away from 0 by a test; a name that no scene drives fails here.

use std::collections::BTreeSet;

use causeway_tests::{Broker, Cluster, Connect, Layout, Props, Publish, Settings, Version, eventually, http};

use crate::watch::{page, quiet, value};

/// One test a scene: it makes happen what its metrics count, and sees each of them leave 0.
macro_rules! scenes {
    ($($module:ident::$scene:ident drives [$($sample:literal,)*])*) => {
        $(#[test] fn $scene() { crate::$module::$scene(&[$($sample,)*]); })*
        const DRIVEN: &[&str] = &[$($($sample,)*)*];
    };
}

scenes! {
    traffic::messages_and_connections drives [
        "aio_broker_publishes_received", "aio_broker_publishes_sent",
        "aio_broker_payload_bytes_received", "aio_broker_payload_bytes_sent",
        "aio_broker_authentication_successes", "aio_broker_authorization_allow",
        "causeway_connections", "causeway_connections_accepted_total", "causeway_clients",
        "causeway_bytes_received_total", "causeway_bytes_sent_total",
        "causeway_packets_received_total", "causeway_packets_sent_total",
    ]
    traffic::clients_that_are_refused_or_ended drives [
        "aio_broker_authentication_deny", "aio_broker_authorization_deny",
        "causeway_protocol_errors_total", "causeway_keep_alive_timeouts_total",
    ]
    store::what_is_kept drives [
        "aio_broker_store_total_sessions{is_persistent=\"true\"}", "aio_broker_store_total_sessions{is_persistent=\"false\"}",
        "aio_broker_store_connected_sessions{is_persistent=\"true\"}",
        "aio_broker_store_connected_sessions{is_persistent=\"false\"}",
        "aio_broker_store_subscriptions", "aio_broker_store_shared_subscriptions",
        "aio_broker_store_retained_messages", "aio_broker_store_retained_bytes",
        "aio_broker_store_will_messages", "aio_broker_store_will_bytes",
        "causeway_queued_messages", "causeway_queued_bytes", "aio_broker_total_disk_backed_message_buffer_usage",
    ]
    store::what_expires drives [
        "aio_broker_store_expired_messages", "causeway_expired_messages_dropped_total", "causeway_sessions_expired_total",
    ]
    store::what_cannot_be_delivered drives [
        "causeway_too_large_messages_dropped_total", "causeway_queue_limit_messages_dropped_total",
        "causeway_shared_messages_orphaned_total",
    ]
    pressure::memory_is_short drives [
        "aio_broker_buffer_pool_used_percent{name=\"publish\"}", "causeway_buffered_bytes",
        "aio_broker_backpressure_packets_rejected_memory",
    ]
    pressure::a_reader_of_qos_0_does_not_read drives [
        "aio_broker_qos0_messages_dropped{direction=\"outgoing\"}",
    ]
    pressure::queues_hold_what_they_may drives [
        "causeway_queue_disk_full", "causeway_disk_publishes_refused_total{reason=\"queue_limit\"}",
        "aio_broker_backpressure_packets_rejected_disk", "causeway_health_status{status=\"Degraded\"}",
    ]
    pressure::the_disk_is_full drives [
        "causeway_disk_full", "causeway_disk_publishes_refused_total{reason=\"disk_full\"}",
        "aio_broker_qos0_messages_dropped{direction=\"incoming\"}",
    ]
    condition::configuration_changes drives [
        "causeway_configuration_rejected", "causeway_configuration_restart_pending",
        "causeway_configuration_changes_total{result=\"applied\"}", "causeway_configuration_changes_total{result=\"rejected\"}",
    ]
    condition::certificates_are_renewed drives [
        "causeway_certificate_renewals_total",
    ]
    condition::certificates_cannot_be_stored drives [
        "causeway_certificate_renewal_failures_total",
    ]
    condition::restarts_are_counted drives [
        "aio_broker_backend_replicas_restarts", "aio_broker_frontend_replicas_restarts",
    ]
    faults::the_self_check_fails drives [
        "causeway_self_check_failed_operations",
    ]
    faults::spans_find_no_room drives [
        "causeway_trace_spans_dropped_total",
    ]
    access::refused_requests_are_counted drives [
        "causeway_admin_requests_refused_total{reason=\"token\"}", "causeway_admin_requests_refused_total{reason=\"host\"}",
        "causeway_admin_requests_refused_total{reason=\"origin\"}",
    ]
    logins::passwords_right_and_wrong drives [
        "causeway_authentication_accepted_total{method=\"UserPassword\"}",
        "causeway_authentication_refused_total{reason=\"denied\"}",
        "causeway_authentication_refused_total{reason=\"limited\"}",
    ]
    logins::a_server_is_asked drives [
        "causeway_authentication_accepted_total{method=\"Custom\"}",
        "causeway_authentication_refused_total{reason=\"unavailable\"}", "aio_broker_authentication_failures",
        "causeway_authentication_requests_total{method=\"Custom\"}",
        "causeway_authentication_requests_unanswered_total{method=\"Custom\"}",
    ]
    logins::too_many_at_once drives [
        "causeway_authentication_refused_total{reason=\"busy\"}",
    ]
    dataflows::messages_cross drives [
        "aio_dataflow_messages_received", "aio_dataflow_messages_sent", "aio_dataflow_bytes_received",
        "aio_dataflow_bytes_sent", "aio_dataflow_processing_latency", "aio_dataflow_upload_latency",
        "aio_dataflow_active_dataflows", "aio_dataflow_version",
        "causeway_dataflow_up{dataflow=\"outward\",instance=\"0\",side=\"source\",endpoint=\"default\"}",
        "causeway_dataflow_up{dataflow=\"outward\",instance=\"0\",side=\"destination\",endpoint=\"remote\"}",
        "causeway_dataflow_connections_total{dataflow=\"outward\",side=\"source\"}",
        "causeway_dataflow_connections_total{dataflow=\"outward\",side=\"destination\"}",
    ]
    dataflows::messages_are_refused drives [
        "aio_dataflow_messages_retried", "aio_dataflow_messages_filtered",
        "aio_dataflow_messages_dropped_processing_errors",
        "aio_dataflow_errors{source_service_type=\"\",target_service_type=\"Unknown Mqtt Broker\",error_code=\"DataflowMqttTargetPublishRejected\"",
        "aio_dataflow_errors{source_service_type=\"\",target_service_type=\"Unknown Mqtt Broker\",error_code=\"PayloadError\"",
        "causeway_dataflow_dead_letters_total{dataflow=\"outward\",payload=\"kept\"}",
        "causeway_dataflow_dead_letters_total{dataflow=\"outward\",payload=\"omitted\"}",
        "causeway_dataflow_refusals_total{dataflow=\"outward\",reason=\"NotAuthorized\"}",
        "causeway_dataflow_loops_total",
    ]
    dataflows::messages_are_not_taken_in_time drives [
        "aio_dataflow_messages_dropped_when_busy", "aio_dataflow_messages_expired", "causeway_dataflow_held_messages",
        "causeway_dataflow_waiting_messages",
    ]
    dataflows::messages_stray drives [
        "causeway_dataflow_strays_total",
    ]
    dataflows::sessions_are_lost drives [
        "causeway_dataflow_sessions_lost_total{dataflow=\"outward\",side=\"destination\"}",
        "causeway_dataflow_connection_failures_total{dataflow=\"outward\",side=\"destination\"}",
        "aio_dataflow_errors{source_service_type=\"\",target_service_type=\"Unknown Mqtt Broker\",error_code=\"DataflowMqttTargetConnectionFailed\"",
    ]
    dataflows::credentials_and_configuration drives [
        "causeway_dataflow_credential_expiry_seconds", "aio_dataflow_reconcile_errors",
    ]
    audit::entries_are_written drives [
        "causeway_audit_entries_total",
    ]
    audit::entries_find_no_room drives [
        "causeway_audit_dropped_total{reason=\"busy\"}",
    ]
    audit::entries_cannot_be_written drives [
        "causeway_audit_dropped_total{reason=\"unwritable\"}", "causeway_health_status{status=\"Degraded\"}",
    ]
    process::what_runs drives [
        "aio_broker_version", "causeway_build_info", "causeway_health_status{status=\"Available\"}",
        "aio_broker_backend_replicas", "aio_broker_backend_partitions", "aio_broker_backend_workers",
        "aio_broker_frontend_replicas", "aio_broker_frontend_workers",
        "causeway_configuration_last_applied_timestamp_seconds", "causeway_certificate_expiry_timestamp_seconds",
        "process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
        "process_max_fds",
    ]
    process::the_self_check_goes_well drives [
        "causeway_self_check_rounds_total",
        "aio_broker_connect_route_replication_correctness", "aio_broker_publish_route_replication_correctness",
        "aio_broker_subscribe_route_replication_correctness{is_wildcard=\"false\"}",
        "aio_broker_subscribe_route_replication_correctness{is_wildcard=\"true\"}",
        "aio_broker_unsubscribe_route_replication_correctness{is_wildcard=\"false\"}",
        "aio_broker_unsubscribe_route_replication_correctness{is_wildcard=\"true\"}",
        "aio_broker_ping_correctness",
        "aio_broker_connect_latency_route_ms", "aio_broker_publish_latency_route_ms",
        "aio_broker_subscribe_latency_route_ms", "aio_broker_unsubscribe_latency_route_ms",
        "aio_broker_ping_latency_route_ms", "aio_broker_message_delivery_check_latency_route_ms",
        "aio_broker_message_delivery_check_total_messages_sent",
        "aio_broker_message_delivery_check_total_messages_received",
        "aio_broker_connect_latency_last_value_ms", "aio_broker_connect_latency_mu_ms",
        "aio_broker_connect_latency_sigma_ms",
        "aio_broker_publish_latency_last_value_ms", "aio_broker_publish_latency_mu_ms",
        "aio_broker_publish_latency_sigma_ms",
        "aio_broker_subscribe_latency_last_value_ms", "aio_broker_subscribe_latency_mu_ms",
        "aio_broker_subscribe_latency_sigma_ms",
        "aio_broker_unsubscribe_latency_last_value_ms", "aio_broker_unsubscribe_latency_mu_ms",
        "aio_broker_unsubscribe_latency_sigma_ms",
        "aio_broker_ping_latency_last_value_ms", "aio_broker_ping_latency_mu_ms", "aio_broker_ping_latency_sigma_ms",
        "aio_broker_message_delivery_check_latency_last_value_ms", "aio_broker_message_delivery_check_latency_mu_ms",
        "aio_broker_message_delivery_check_latency_sigma_ms",
    ]
}

/// What nothing from outside can make happen, and why.
const NOT_FROM_OUTSIDE: &[(&str, &str)] = &[
    (
        "aio_broker_authorization_failures",
        "rules are decided by what the broker holds: there is nothing that could fail",
    ),
    (
        "aio_broker_message_delivery_check_total_timeouts",
        "acknowledgement and delivery of a message come from the same broker in one go: none can be let through alone",
    ),
];

fn served(broker: &Broker) -> BTreeSet<String> {
    names(&page(broker))
}

/// What the processes of a small cluster serve.
fn served_by_processes() -> BTreeSet<String> {
    let cluster = Cluster::start(&Layout::of(1, 2, 1).redundancy(2));
    let processes = || cluster.frontends.iter().chain(&cluster.backends);
    let all = || processes().flat_map(|process| names(&http::get(process.admin(), "/metrics").expect("metrics").1));
    // One of the two leads, and knows of the other's copy.
    eventually("a leader", || {
        Some(all().collect::<BTreeSet<_>>()).filter(|all| all.contains("causeway_replication_missing"))
    })
}

fn names(text: &str) -> BTreeSet<String> {
    let names = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next());
    names.map(str::to_string).collect()
}

/// A broker that has gone through a self-check, so that it shows everything there is.
fn checked() -> Broker {
    let broker = Broker::start(Settings::new());
    eventually("a self-check", || (value(&broker, "causeway_self_check_rounds_total") > 0.0).then_some(()));
    broker
}

#[test]
fn no_metric_is_without_a_scene() {
    let served = served(&checked());
    let plain = |sample: &&str| sample.split('{').next().expect("a name").to_string();
    let driven: BTreeSet<String> = DRIVEN.iter().map(plain).collect();
    let known = |name: &str| NOT_FROM_OUTSIDE.iter().any(|(known, _)| *known == name);
    let missing: Vec<_> = served.iter().filter(|name| !driven.contains(*name) && !known(name)).collect();
    assert!(missing.is_empty(), "no scene drives {missing:?}");
    let gone: Vec<_> = driven.iter().filter(|name| !served.contains(*name)).collect();
    assert!(gone.is_empty(), "/metrics has no {gone:?}");
    let both: Vec<_> = NOT_FROM_OUTSIDE.iter().filter(|(name, _)| driven.contains(*name)).collect();
    assert!(both.is_empty(), "driven after all: {both:?}");
    let absent: Vec<_> = NOT_FROM_OUTSIDE.iter().filter(|(name, _)| !served.contains(*name)).collect();
    assert!(absent.is_empty(), "not served at all: {absent:?}");
}

#[test]
fn the_reference_page_names_what_is_served() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/metrics.md");
    let page = std::fs::read_to_string(&path).expect("docs/reference/metrics.md");
    let present = page.split("## Names that there are not").next().expect("a page");
    let rows = present.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let is_metric = |name: &&str| ["aio_", "causeway_", "process_"].iter().any(|prefix| name.starts_with(prefix));
    let written: BTreeSet<String> = rows.filter(is_metric).map(str::to_string).collect();
    assert_eq!(written, &served(&checked()) | &served_by_processes());
}

/// Help, type and samples of a metric stand together, each name once, and values are numbers.
#[test]
fn the_exposition_is_well_formed() {
    let text = page(&checked());
    let (mut seen, mut current, mut kind) = (BTreeSet::new(), String::new(), String::new());
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, help] => {
                assert!(seen.insert(name.to_string()), "{name} twice");
                assert!(!help.trim().is_empty(), "{name} without help");
                current = name.to_string();
            }
            ["#", "TYPE", name, of] => {
                assert_eq!(name, current);
                assert!(["counter", "gauge", "histogram"].contains(&of), "{line}");
                kind = of.to_string();
            }
            _ => {
                let (series, value) = line.rsplit_once(' ').expect("a series and a value");
                let suffix = series.split('{').next().and_then(|name| name.strip_prefix(&current));
                let parts: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(suffix.is_some_and(|suffix| parts.contains(&suffix)), "{line} under {current}");
                let value: f64 = value.parse().expect("a number");
                assert!(value.is_finite() && (kind == "gauge" || value >= 0.0), "{line}");
            }
        }
    }
    assert!(seen.len() > 100, "{} metrics", seen.len());
}

/// The labels of the model: namespace, host and category of the client, its own or none.
#[test]
fn labels_name_namespace_host_and_category() {
    let (broker, resources) = quiet("");
    let hostile = "line \"7\"\\west\nnorth";
    let mut client = broker.connect(&Connect::fresh(Version::V5).props(Props::new().user("metriccategory", hostile)));
    client.publish(Publish::new("labelled", "x").qos(1));
    let mut plain = broker.client(Version::V311);
    plain.publish(Publish::new("labelled", "x").qos(1));
    plain.publish(Publish::new("labelled", "x").qos(1));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    let series = |category: &str| {
        let host = host.trim();
        format!("aio_broker_publishes_received{{ns=\"azure-iot-operations\",host=\"{host}\",category=\"{category}\"}}")
    };
    let expected =
        [format!("{} 1", series("line \\\"7\\\"\\\\west\\nnorth")), format!("{} 2", series("uncategorized"))];
    eventually("both categories", || {
        let text = page(&broker);
        expected.iter().all(|line| text.lines().any(|found| found == line)).then_some(())
    });
    drop(resources);
}

/// 1000 categories at most: what comes after them is counted, under none of its own.
#[test]
fn categories_are_bounded() {
    let (broker, _resources) = quiet("");
    for n in 0..1_050 {
        let category = Props::new().user("metriccategory", &format!("category {n}"));
        broker.connect(&Connect::fresh(Version::V5).props(category)).vanish();
    }
    eventually("every client is counted", || {
        (value(&broker, "aio_broker_authentication_successes") >= 1_050.0).then_some(())
    });
    let text = page(&broker);
    let own =
        text.lines().filter(|line| line.starts_with("aio_broker_publishes_received{") && line.contains("category "));
    assert!((900..=1_000).contains(&own.count()), "{text}");
}
