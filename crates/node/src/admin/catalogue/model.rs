//! Metrics with the names of the Azure IoT Operations broker: clients, messages, store.

use super::metrics;
use crate::admin::exposition::{Kind, Metric};

const HOST: &[&str] = &["ns", "host"];
const CATEGORY: &[&str] = &["ns", "host", "category"];
const CHAIN: &[&str] = &["ns", "backend_chain"];
const SESSIONS: &[&str] = &["ns", "backend_chain", "is_persistent"];

metrics! { MODEL:
    PUBLISHES_RECEIVED: Counter "aio_broker_publishes_received" CATEGORY, "PUBLISH packets from clients.";
    PUBLISHES_SENT: Counter "aio_broker_publishes_sent" CATEGORY, "PUBLISH packets to clients, one for each delivery.";
    PAYLOAD_BYTES_RECEIVED: Counter "aio_broker_payload_bytes_received" CATEGORY, "Payload bytes of PUBLISH packets from clients.";
    PAYLOAD_BYTES_SENT: Counter "aio_broker_payload_bytes_sent" CATEGORY, "Payload bytes of PUBLISH packets to clients.";
    AUTHENTICATION_SUCCESSES: Counter "aio_broker_authentication_successes" CATEGORY, "Clients let in.";
    AUTHENTICATION_DENY: Counter "aio_broker_authentication_deny" CATEGORY, "Clients refused.";
    AUTHENTICATION_FAILURES: Counter "aio_broker_authentication_failures" CATEGORY, "Authentications that could not be brought to an end.";
    AUTHORIZATION_ALLOW: Counter "aio_broker_authorization_allow" CATEGORY, "Requests of clients permitted.";
    AUTHORIZATION_DENY: Counter "aio_broker_authorization_deny" CATEGORY, "Requests of clients refused.";
    AUTHORIZATION_FAILURES: Counter "aio_broker_authorization_failures" CATEGORY, "Requests of clients that could not be decided on.";
    QOS0_DROPPED: Counter "aio_broker_qos0_messages_dropped" &["ns", "host", "category", "direction"], "QoS 0 messages dropped: incoming ones that could not be taken, outgoing ones because their client reads too slowly, or because they came too late from a backend that is not the leader any more.";
    RETAINED_MESSAGES: Gauge "aio_broker_store_retained_messages" CHAIN, "Retained messages held.";
    RETAINED_BYTES: Gauge "aio_broker_store_retained_bytes" CHAIN, "Payload bytes of retained messages.";
    WILL_MESSAGES: Gauge "aio_broker_store_will_messages" CHAIN, "Wills held for connected clients, and those that wait for their delay.";
    WILL_BYTES: Gauge "aio_broker_store_will_bytes" CHAIN, "Payload bytes of wills.";
    EXPIRED_MESSAGES: Counter "aio_broker_store_expired_messages" CHAIN, "Messages that expired in a queue before they were handed out.";
    TOTAL_SESSIONS: Gauge "aio_broker_store_total_sessions" SESSIONS, "Sessions, connected or held.";
    CONNECTED_SESSIONS: Gauge "aio_broker_store_connected_sessions" SESSIONS, "Sessions of connected clients.";
    SUBSCRIPTIONS: Gauge "aio_broker_store_subscriptions" CHAIN, "Subscriptions, shared ones and those of absent clients included.";
    SHARED_SUBSCRIPTIONS: Gauge "aio_broker_store_shared_subscriptions" CHAIN, "Shared subscriptions.";
    POOL_USED: Gauge "aio_broker_buffer_pool_used_percent" &["ns", "host", "name"], "How much of a pool of message memory is in use; back-pressure begins at 75.";
    REJECTED_MEMORY: Counter "aio_broker_backpressure_packets_rejected_memory" HOST, "Publishes refused with 0x97 because memory was short.";
    REJECTED_DISK: Counter "aio_broker_backpressure_packets_rejected_disk" CHAIN, "Publishes refused because the disk was full or the queues held as much of it as they may.";
    DISK_BUFFER_USAGE: Gauge "aio_broker_total_disk_backed_message_buffer_usage" HOST, "Bytes of queued messages on disk, each message once.";
    BACKEND_REPLICAS: Gauge "aio_broker_backend_replicas" HOST, "Replicas of partitions: one of each.";
    BACKEND_PARTITIONS: Gauge "aio_broker_backend_partitions" HOST, "Partitions.";
    BACKEND_WORKERS: Gauge "aio_broker_backend_workers" HOST, "Workers of each replica.";
    FRONTEND_REPLICAS: Gauge "aio_broker_frontend_replicas" HOST, "Frontends: this process.";
    FRONTEND_WORKERS: Gauge "aio_broker_frontend_workers" HOST, "Workers of each frontend.";
    BACKEND_RESTARTS: Counter "aio_broker_backend_replicas_restarts" HOST, "Starts of the process on its data directory, without the first.";
    FRONTEND_RESTARTS: Counter "aio_broker_frontend_replicas_restarts" HOST, "Starts of the process on its data directory, without the first.";
    VERSION: Counter "aio_broker_version" &["version"], "Constant 1, labelled by the version.";
}
