//! Metrics of dataflows: those with the names of Azure IoT Operations, and Causeway's own.

use super::metrics;
use crate::admin::exposition::{Kind, Metric};

const SOURCE: &[&str] = &["source_service_type", "category", "dataflow", "endpoint"];
const TARGET: &[&str] = &["target_service_type", "category", "dataflow", "endpoint"];
const TARGET_ONLY: &[&str] = &["target_service_type", "dataflow", "endpoint"];
const ERRORS: &[&str] = &["source_service_type", "target_service_type", "error_code", "dataflow", "endpoint"];
const UPLOAD: &[&str] = &["target_service_type", "success", "category", "dataflow", "endpoint"];
const LINK: &[&str] = &["dataflow", "instance", "side", "endpoint"];
const DATAFLOW: &[&str] = &["dataflow"];
const SIDE: &[&str] = &["dataflow", "side"];

metrics! { DATAFLOW_MODEL:
    RECEIVED: Counter "aio_dataflow_messages_received" SOURCE, "Messages from the source, those that came again included.";
    SENT: Counter "aio_dataflow_messages_sent" TARGET, "Messages that the destination acknowledged; with QoS 0, that were written.";
    RETRIED: Counter "aio_dataflow_messages_retried" TARGET, "Messages that were refused for now, and sent again.";
    EXPIRED: Counter "aio_dataflow_messages_expired" TARGET_ONLY, "Messages not sent because their expiry interval passed after they were received.";
    FILTERED: Counter "aio_dataflow_messages_filtered" TARGET_ONLY, "Messages not sent because of a rule: they had come by here before, or no filter of the dataflow asks for them.";
    DROPPED_ERRORS: Counter "aio_dataflow_messages_dropped_processing_errors" TARGET_ONLY, "Messages that the destination will never take. They are not lost: they are in the dead letter topic.";
    DROPPED_BUSY: Counter "aio_dataflow_messages_dropped_when_busy" SOURCE, "QoS 0 messages not taken because too much was held.";
    BYTES_RECEIVED: Counter "aio_dataflow_bytes_received" SOURCE, "Payload bytes of messages from the source.";
    BYTES_SENT: Counter "aio_dataflow_bytes_sent" TARGET, "Payload bytes of messages that the destination acknowledged; with QoS 0, that were written.";
    ERRORS_SEEN: Counter "aio_dataflow_errors" ERRORS, "Connections to the source or the destination that failed or broke, and messages that could not be sent, by the reason codes of dataflows; the service type of the other end is empty.";
    PROCESSING: Histogram "aio_dataflow_processing_latency" SOURCE, "From receipt to the destination's acknowledgement, in milliseconds; with QoS 0, to its being written.";
    UPLOAD_TIME: Histogram "aio_dataflow_upload_latency" UPLOAD, "From sending to the destination's acknowledgement, in milliseconds.";
    ACTIVE: Gauge "aio_dataflow_active_dataflows" &[], "Dataflows that run in this process.";
    RECONCILE: Gauge "aio_dataflow_reconcile_errors" &[], "1 while dataflows or anything else as it is written is refused and another configuration runs.";
    DATAFLOW_VERSION: Counter "aio_dataflow_version" &["version"], "Constant 1, labelled by the version.";
}

metrics! { DATAFLOW_OWN:
    UP: Gauge "causeway_dataflow_up" LINK, "1 while a connection stands: accepted, and subscribed where it is a source.";
    CREDENTIAL_EXPIRY: Gauge "causeway_dataflow_credential_expiry_seconds" LINK, "Until what was shown to the server ends, in seconds; negative once it has. Not there where it does not end.";
    HELD: Gauge "causeway_dataflow_held_messages" DATAFLOW, "Messages taken from the source and not yet done with; the others wait in the source's session.";
    WAITING: Gauge "causeway_dataflow_waiting_messages" DATAFLOW, "Messages that wait in the source's session, without those that are held. Only where the source is the broker of this process.";
    DEAD_LETTERS: Counter "causeway_dataflow_dead_letters_total" &["dataflow", "payload"], "Messages put into the dead letter topic, with their payload `kept`, or `omitted` because it was refused there too.";
    REFUSALS: Counter "causeway_dataflow_refusals_total" &["dataflow", "reason"], "Messages that the destination did not take, for now or for good, by the reason code's name; `unresolvable topic` where none came out of the template.";
    LOOPS: Counter "causeway_dataflow_loops_total" DATAFLOW, "Messages not sent because they had come by here before.";
    STRAYS: Counter "causeway_dataflow_strays_total" DATAFLOW, "Messages not sent because no filter of the dataflow asks for them.";
    LINK_CONNECTIONS: Counter "causeway_dataflow_connections_total" SIDE, "Connections that came about.";
    LINK_FAILURES: Counter "causeway_dataflow_connection_failures_total" SIDE, "Tries to connect that came to nothing, and connections that broke.";
    SESSIONS_LOST: Counter "causeway_dataflow_sessions_lost_total" SIDE, "Connections on which the server had forgotten the session that was to go on, and with it what had waited there.";
}
