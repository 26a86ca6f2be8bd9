//! The broker's figures in the form of metrics, with the names of the Azure IoT Operations broker where it has one.

use frontend::Totals;
use partition::Counters;

use crate::admin::{Family, Kind, Sample};

pub(super) fn families(totals: &Totals, buffered: u64, partitions: &Counters, disk_full: bool) -> Vec<Family> {
    let counter = |name, help, value: u64| Family::single(name, help, Kind::Counter, value as f64);
    let gauge = |name, help, value: u64| Family::single(name, help, Kind::Gauge, value as f64);
    vec![
        counter("aio_broker_publishes_received_total", "PUBLISH packets from clients.", totals.publishes_received),
        counter(
            "aio_broker_publishes_sent_total",
            "PUBLISH packets to clients, one a delivery.",
            totals.publishes_sent,
        ),
        counter(
            "aio_broker_payload_bytes_received_total",
            "Payload bytes of PUBLISH packets from clients.",
            totals.payload_bytes_received,
        ),
        counter(
            "aio_broker_payload_bytes_sent_total",
            "Payload bytes of PUBLISH packets to clients.",
            totals.payload_bytes_sent,
        ),
        counter(
            "aio_broker_authentication_successes_total",
            "Clients that were let in.",
            totals.authentication_successes,
        ),
        counter("aio_broker_authentication_deny_total", "Clients that were refused.", totals.authentication_deny),
        counter("aio_broker_authorization_allow_total", "Requests that were permitted.", totals.authorization_allow),
        counter("aio_broker_authorization_deny_total", "Requests that were refused.", totals.authorization_deny),
        dropped(totals),
        counter(
            "aio_broker_backpressure_packets_rejected_memory_total",
            "Publishes refused with 0x97 because memory was short.",
            totals.rejected_memory,
        ),
        counter(
            "aio_broker_backpressure_packets_rejected_disk_total",
            "Publishes refused because the disk was full.",
            totals.rejected_disk,
        ),
        counter(
            "aio_broker_store_expired_messages_total",
            "Messages that expired before they were delivered.",
            totals.expired_dropped + partitions.expired,
        ),
        gauge("aio_broker_store_retained_messages", "Retained messages held.", partitions.retained as u64),
        gauge("aio_broker_store_retained_bytes", "Bytes of retained messages.", partitions.retained_bytes),
        gauge("aio_broker_store_will_messages", "Wills held.", partitions.wills as u64),
        gauge("aio_broker_store_total_sessions", "Sessions, connected or held.", partitions.sessions as u64),
        gauge("aio_broker_store_connected_sessions", "Sessions of connected clients.", partitions.connected as u64),
        gauge("aio_broker_store_subscriptions", "Subscriptions held.", partitions.subscriptions as u64),
        gauge(
            "aio_broker_store_shared_subscriptions",
            "Shared subscriptions held.",
            partitions.shared_subscriptions as u64,
        ),
        gauge("causeway_connections", "Network connections open.", totals.connections),
        counter("causeway_connections_accepted_total", "Network connections accepted.", totals.connections_accepted),
        counter("causeway_bytes_received_total", "Bytes read from clients.", totals.bytes_received),
        counter("causeway_bytes_sent_total", "Bytes written to clients.", totals.bytes_sent),
        counter("causeway_packets_received_total", "MQTT packets from clients.", totals.packets_received),
        counter("causeway_packets_sent_total", "MQTT packets to clients.", totals.packets_sent),
        counter(
            "causeway_too_large_messages_dropped_total",
            "Messages not delivered because they exceed a client's Maximum Packet Size.",
            totals.too_large_dropped,
        ),
        counter(
            "causeway_queue_limit_messages_dropped_total",
            "Messages dropped by a subscriber queue limit.",
            partitions.dropped_by_limit,
        ),
        counter(
            "causeway_protocol_errors_total",
            "Connections closed for a malformed packet or a protocol error.",
            totals.protocol_errors,
        ),
        counter(
            "causeway_keep_alive_timeouts_total",
            "Connections closed because nothing came in 1.5 times the keep alive.",
            totals.keep_alive_timeouts,
        ),
        gauge("causeway_buffered_bytes", "Bytes of messages that wait for clients.", buffered),
        gauge("causeway_queued_messages", "Entries of persistent sessions' queues.", partitions.queued),
        gauge("causeway_queued_bytes", "Bytes of messages in persistent sessions' queues.", partitions.queued_bytes),
        gauge("causeway_disk_full", "1 while publishes are refused for want of disk space.", disk_full.into()),
    ]
}

fn dropped(totals: &Totals) -> Family {
    let sample = |direction: &'static str, value: u64| Sample {
        labels: vec![("direction", direction.into())],
        value: value as f64,
    };
    Family {
        name: "aio_broker_qos0_messages_dropped_total",
        help: "QoS 0 messages dropped.",
        kind: Kind::Counter,
        samples: vec![
            sample("incoming", totals.qos0_dropped_incoming),
            sample("outgoing", totals.qos0_dropped_outgoing),
        ],
    }
}
