//! Metrics of Causeway's own, and those of the process.

use super::metrics;
use crate::admin::exposition::{Kind, Metric};

const CERTIFICATE: &[&str] = &["listener"];

metrics! { OWN:
    CONNECTIONS: Gauge "causeway_connections" &[], "Network connections open.";
    CONNECTIONS_ACCEPTED: Counter "causeway_connections_accepted_total" &[], "Network connections accepted.";
    CLIENTS: Gauge "causeway_clients" &[], "Clients connected, the broker's own not counted.";
    BYTES_RECEIVED: Counter "causeway_bytes_received_total" &[], "Bytes read from clients.";
    BYTES_SENT: Counter "causeway_bytes_sent_total" &[], "Bytes written to clients.";
    PACKETS_RECEIVED: Counter "causeway_packets_received_total" &[], "MQTT packets from clients.";
    PACKETS_SENT: Counter "causeway_packets_sent_total" &[], "MQTT packets to clients.";
    PROTOCOL_ERRORS: Counter "causeway_protocol_errors_total" &[], "Connections closed for a malformed packet or a protocol error.";
    KEEP_ALIVE_TIMEOUTS: Counter "causeway_keep_alive_timeouts_total" &[], "Connections closed because nothing came in 1.5 times the keep alive.";
    BUFFERED_BYTES: Gauge "causeway_buffered_bytes" &[], "Bytes of messages in memory that wait for clients.";
    QUEUED_MESSAGES: Gauge "causeway_queued_messages" &[], "Entries of persistent sessions' queues.";
    QUEUED_BYTES: Gauge "causeway_queued_bytes" &[], "Bytes of messages in persistent sessions' queues, once for each queue.";
    TOO_LARGE: Counter "causeway_too_large_messages_dropped_total" &[], "Messages not delivered because they exceed a client's Maximum Packet Size.";
    EXPIRED_IN_MEMORY: Counter "causeway_expired_messages_dropped_total" &[], "Messages that expired in memory while they waited for their client.";
    QUEUE_LIMIT: Counter "causeway_queue_limit_messages_dropped_total" &[], "Messages dropped by subscriberQueueLimit.";
    ORPHANED: Counter "causeway_shared_messages_orphaned_total" &[], "Messages taken back from a leaving member of a shared subscription that had no other.";
    SESSIONS_EXPIRED: Counter "causeway_sessions_expired_total" &[], "Sessions whose expiry passed.";
    DISK_FULL: Gauge "causeway_disk_full" &[], "1 while publishes are refused for want of disk space.";
    QUEUE_DISK_FULL: Gauge "causeway_queue_disk_full" &[], "1 while the queues hold diskBackedMessageBuffer.maxSize and publishes that would be queued are refused.";
    DISK_REFUSED: Counter "causeway_disk_publishes_refused_total" &["reason"], "Publishes refused for want of disk: `disk_full` or `queue_limit` (diskBackedMessageBuffer.maxSize).";
    CONFIGURATION_REJECTED: Gauge "causeway_configuration_rejected" &[], "1 while the configuration as it is written is refused and another runs.";
    CONFIGURATION_RESTART: Gauge "causeway_configuration_restart_pending" &[], "How many changes wait for the next start of the process.";
    CONFIGURATION_CHANGES: Counter "causeway_configuration_changes_total" &["result"], "Changes of the configuration since the start: `applied` or `rejected`.";
    CONFIGURATION_TAKEN: Gauge "causeway_configuration_last_applied_timestamp_seconds" &[], "When the configuration that runs was taken, in seconds since 1970.";
    AUTHENTICATION_ACCEPTED: Counter "causeway_authentication_accepted_total" &["method"], "Logins and re-authentications accepted, by the method that accepted.";
    AUTHENTICATION_REFUSED: Counter "causeway_authentication_refused_total" &["reason"], "Logins and re-authentications refused: `denied` for what was shown, or because nothing was; `unavailable` because it could not be found out; `limited` unseen, because the address failed too often; `busy` unseen, because too many were under way.";
    AUTHENTICATION_ASKED: Counter "causeway_authentication_requests_total" &["method"], "Requests to the servers that methods ask: the Kubernetes API, key sets, authentication servers.";
    AUTHENTICATION_UNANSWERED: Counter "causeway_authentication_requests_unanswered_total" &["method"], "Those that brought no answer that can be used.";
    AUDIT_ENTRIES: Counter "causeway_audit_entries_total" &[], "Entries written to the audit log.";
    AUDIT_DROPPED: Counter "causeway_audit_dropped_total" &["reason"], "Entries that are missing in the audit log: `busy`, more came at once than may wait; `unwritable`, the file could not be written.";
    CERTIFICATE_EXPIRY: Gauge "causeway_certificate_expiry_timestamp_seconds" CERTIFICATE, "When the certificate of a listener ends, in seconds since 1970.";
    CERTIFICATE_RENEWALS: Counter "causeway_certificate_renewals_total" CERTIFICATE, "Certificates put in use after the first.";
    CERTIFICATE_FAILURES: Counter "causeway_certificate_renewal_failures_total" CERTIFICATE, "Certificates that could not be made or stored.";
    SELF_CHECK_ROUNDS: Counter "causeway_self_check_rounds_total" &[], "Rounds of the self-check that ended.";
    SELF_CHECK_FAILED: Gauge "causeway_self_check_failed_operations" &[], "Operations that failed in the last round of the self-check.";
    SPANS_DROPPED: Counter "causeway_trace_spans_dropped_total" &[], "Spans dropped because spanChannelCapacity was reached.";
    HEALTH: Gauge "causeway_health_status" &["status"], "1 for the status that /health reports, 0 for the others.";
    ADMIN_REFUSED: Counter "causeway_admin_requests_refused_total" &["reason"], "Requests to the admin endpoint refused: `token`, `host` or `origin`.";
    BUILD: Gauge "causeway_build_info" &["version"], "Constant 1, labelled by the version.";
}

metrics! { PROCESS:
    START_TIME: Gauge "process_start_time_seconds" &[], "When the process started, in seconds since 1970.";
    CPU: Counter "process_cpu_seconds_total" &[], "User and system CPU time, in seconds.";
    RESIDENT: Gauge "process_resident_memory_bytes" &[], "Resident memory, in bytes.";
    OPEN_FDS: Gauge "process_open_fds" &[], "Open file descriptors.";
    MAX_FDS: Gauge "process_max_fds" &[], "How many file descriptors may be open.";
}
