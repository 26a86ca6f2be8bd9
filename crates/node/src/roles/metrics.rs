//! The broker's figures in the form of metrics, with the names of the Azure IoT Operations broker where it has one.

use frontend::Totals;
use partition::Counters;

use crate::admin::{Family, Kind, Sample};

pub(super) fn families(totals: &Totals, buffered: u64, partitions: &Counters, disk_full: bool) -> Vec<Family> {
    let mut families = publishes(totals, partitions);
    families.extend(access(totals));
    families.extend(store(partitions));
    families.extend(connections(totals));
    families.push(gauge("causeway_buffered_bytes", "Bytes of messages that wait for clients.", buffered));
    families.push(gauge(
        "causeway_disk_full",
        "1 while publishes are refused for want of disk space.",
        disk_full.into(),
    ));
    families
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Family {
    Family::single(name, help, Kind::Counter, value as f64)
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Family {
    Family::single(name, help, Kind::Gauge, value as f64)
}

fn publishes(totals: &Totals, partitions: &Counters) -> Vec<Family> {
    let t = totals;
    let expired = t.expired_dropped + partitions.expired;
    vec![
        counter("aio_broker_publishes_received_total", "PUBLISH from clients.", t.publishes_received),
        counter("aio_broker_publishes_sent_total", "PUBLISH to clients, one a delivery.", t.publishes_sent),
        counter("aio_broker_payload_bytes_received_total", "Payload bytes from clients.", t.payload_bytes_received),
        counter("aio_broker_payload_bytes_sent_total", "Payload bytes to clients.", t.payload_bytes_sent),
        qos0_dropped(t),
        counter(
            "aio_broker_backpressure_packets_rejected_memory_total",
            "Publishes refused with 0x97 because memory was short.",
            t.rejected_memory,
        ),
        counter(
            "aio_broker_backpressure_packets_rejected_disk_total",
            "Publishes refused because the disk was full.",
            t.rejected_disk,
        ),
        counter("aio_broker_store_expired_messages_total", "Messages that expired undelivered.", expired),
        counter(
            "causeway_too_large_messages_dropped_total",
            "Messages not delivered because they exceed a client's Maximum Packet Size.",
            t.too_large_dropped,
        ),
        counter(
            "causeway_queue_limit_messages_dropped_total",
            "Messages dropped by a subscriber queue limit.",
            partitions.dropped_by_limit,
        ),
        counter(
            "causeway_shared_messages_orphaned_total",
            "Messages taken back from a leaving member of a shared subscription that had no other.",
            partitions.orphaned,
        ),
    ]
}

fn access(totals: &Totals) -> Vec<Family> {
    let t = totals;
    vec![
        counter("aio_broker_authentication_successes_total", "Clients let in.", t.authentication_successes),
        counter("aio_broker_authentication_deny_total", "Clients refused.", t.authentication_deny),
        counter("aio_broker_authorization_allow_total", "Requests permitted.", t.authorization_allow),
        counter("aio_broker_authorization_deny_total", "Requests refused.", t.authorization_deny),
    ]
}

fn store(partitions: &Counters) -> Vec<Family> {
    let p = partitions;
    vec![
        gauge("aio_broker_store_retained_messages", "Retained messages held.", p.retained as u64),
        gauge("aio_broker_store_retained_bytes", "Bytes of retained messages.", p.retained_bytes),
        gauge("aio_broker_store_will_messages", "Wills held.", p.wills as u64),
        gauge("aio_broker_store_total_sessions", "Sessions, connected or held.", p.sessions as u64),
        gauge("aio_broker_store_connected_sessions", "Sessions of connected clients.", p.connected as u64),
        gauge("aio_broker_store_subscriptions", "Subscriptions held.", p.subscriptions as u64),
        gauge("aio_broker_store_shared_subscriptions", "Shared subscriptions held.", p.shared_subscriptions as u64),
        gauge("causeway_queued_messages", "Entries of persistent sessions' queues.", p.queued),
        gauge("causeway_queued_bytes", "Bytes of messages in persistent sessions' queues.", p.queued_bytes),
        counter("causeway_sessions_expired_total", "Sessions whose expiry passed.", p.expired_sessions),
    ]
}

fn connections(totals: &Totals) -> Vec<Family> {
    let t = totals;
    vec![
        gauge("causeway_connections", "Network connections open.", t.connections),
        counter("causeway_connections_accepted_total", "Network connections accepted.", t.connections_accepted),
        counter("causeway_bytes_received_total", "Bytes read from clients.", t.bytes_received),
        counter("causeway_bytes_sent_total", "Bytes written to clients.", t.bytes_sent),
        counter("causeway_packets_received_total", "MQTT packets from clients.", t.packets_received),
        counter("causeway_packets_sent_total", "MQTT packets to clients.", t.packets_sent),
        counter(
            "causeway_protocol_errors_total",
            "Connections closed for a malformed packet or a protocol error.",
            t.protocol_errors,
        ),
        counter(
            "causeway_keep_alive_timeouts_total",
            "Connections closed because nothing came in 1.5 times the keep alive.",
            t.keep_alive_timeouts,
        ),
    ]
}

fn qos0_dropped(totals: &Totals) -> Family {
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
