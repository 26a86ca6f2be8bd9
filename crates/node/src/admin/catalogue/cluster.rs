//! Metrics of a process of a cluster: its certificate, its links, its lanes.

use super::metrics;
use crate::admin::exposition::{Kind, Metric};

const PEER: &[&str] = &["role", "peer"];
const PARTITION: &[&str] = &["partition"];

metrics! { CLUSTER:
    INTERNAL_EXPIRY: Gauge "causeway_internal_certificate_expiry_seconds" &["certificate"], "Seconds until an internal certificate ends, below 0 when it has: `process`, this one's; `authority`, where that is here.";
    INTERNAL_RENEWALS: Counter "causeway_internal_certificate_renewals_total" &[], "Internal certificates of this process put in use after the first.";
    INTERNAL_FAILURES: Counter "causeway_internal_certificate_renewal_failures_total" &[], "Renewals of the internal certificate that failed.";
    INTERNAL_ISSUED: Counter "causeway_internal_certificates_issued_total" &["result"], "Requests to the authority in this process: `issued` or `refused`.";
    PEERS_REFUSED: Counter "causeway_internal_peers_refused_total" &["reason"], "Connections to the internal port that were not let in, by the reason.";
    LINKS: Gauge "causeway_links" PEER, "Links with a peer: one for each worker of a frontend, one with another backend.";
    LINKS_UP: Gauge "causeway_link_up" PEER, "Those of them that have a connection.";
    LINK_RECONNECTS: Counter "causeway_link_reconnects_total" PEER, "Connections that went on where another had ended or was replaced; nothing is lost by that.";
    LINK_SESSIONS: Counter "causeway_link_sessions_lost_total" PEER, "Times that both ends began anew, because one restarted or was apart for too long.";
    LINK_SENT: Counter "causeway_link_bytes_sent_total" PEER, "Bytes sent to a peer, above TLS.";
    LINK_RECEIVED: Counter "causeway_link_bytes_received_total" PEER, "Bytes received from a peer, above TLS.";
    LINK_MESSAGES_SENT: Counter "causeway_link_messages_sent_total" PEER, "Messages sent to a peer; each carries a batch.";
    LINK_MESSAGES_RECEIVED: Counter "causeway_link_messages_received_total" PEER, "Messages received from a peer.";
    LINK_WAITING: Gauge "causeway_link_waiting_bytes" PEER, "Bytes for a peer that it has not reported as received.";
    LANES_OPEN: Gauge "causeway_lanes_open" PARTITION, "Lanes to a partition that are open: one for each worker of this frontend, or of all frontends of this backend.";
    LANE_UNCONFIRMED: Gauge "causeway_lane_unconfirmed_bytes" PARTITION, "Of a frontend: bytes of commands that it keeps until the partition has taken them.";
    LANE_OPENINGS: Counter "causeway_lane_openings_total" PARTITION, "Of a frontend: times that lanes were opened, at the start and after each loss of the leader.";
    LANE_REPEATED: Counter "causeway_lane_batches_repeated_total" PARTITION, "Of a frontend: batches sent again to a leader that may have had them.";
    INCARNATIONS: Counter "causeway_frontend_incarnations_total" &[], "Of a frontend: times that it began anew. With each but the first all its clients were disconnected.";
    LANE_WAITING: Gauge "causeway_lane_waiting_bytes" PARTITION, "Of a backend: bytes of answers that workers have not taken.";
    LANE_HELD: Gauge "causeway_lane_held_acknowledgements" PARTITION, "Of a backend: acknowledgements to publishers that wait until other workers have taken the message.";
    LANE_LOST: Counter "causeway_lane_messages_lost_total" &["partition", "how"], "Of a backend: messages for workers that did not take what they had: `dropped`, of QoS 0; `refused`, of QoS 1, which their publishers were told. `passed_over`: publishes of QoS 0 that a frontend has sent again after a change of leader or a lost connection; they may have arrived the first time.";
    REPLICATION_LEADER: Gauge "causeway_replication_leader" PARTITION, "Of a backend: 1 for a partition that it leads, 0 for one of which it has a copy.";
    REPLICATION_VOTERS: Gauge "causeway_replication_voters" PARTITION, "Of a backend, with `redundancyFactor` above 1: the copies that decide together, as far as it knows; while they change, those of before and after.";
    REPLICATION_MISSING: Gauge "causeway_replication_missing" PARTITION, "Of the backend that leads a partition, with `redundancyFactor` above 1: copies that are not there, not heard for two seconds, or behind. 0: all are whole.";
}
