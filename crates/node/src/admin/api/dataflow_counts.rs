//! What a dataflow has carried, as the API shows it.

use std::collections::BTreeMap;

use bridge::Counts;
use schemars::JsonSchema;
use serde::Serialize;

/// What was carried since the process started.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DataflowCounts {
    /// From the source, those that came again included.
    messages_received: u64,
    /// Their payloads.
    bytes_received: u64,
    /// Acknowledged by the destination; with QoS 0 written.
    messages_sent: u64,
    /// Their payloads.
    bytes_sent: u64,
    /// Refused for now, and sent again.
    messages_retried: u64,
    /// Not sent because their expiry interval had passed here.
    messages_expired: u64,
    /// With QoS 0, and not taken because too much was held.
    messages_dropped_when_busy: u64,
    /// Not sent because they had come by here before.
    loops: u64,
    /// Not sent because no filter of the dataflow asks for them.
    strays: u64,
    /// Put into the dead letter topic.
    dead_letters: u64,
    /// Among these, without payload, because the dead letter topic did not take it.
    dead_letters_without_payload: u64,
    /// How often the destination did not take a message, for now or for good, by its reason.
    refusals: BTreeMap<String, u64>,
    source: EndCounts,
    destination: EndCounts,
}

/// What happened to the connections to an endpoint.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndCounts {
    /// Those that came about.
    connections: u64,
    /// Tries that came to nothing, and connections that broke.
    failures: u64,
    /// Connections on which the server had forgotten the session that was to go on.
    sessions_lost: u64,
}

impl From<&Counts> for DataflowCounts {
    fn from(counts: &Counts) -> Self {
        Self {
            messages_received: counts.received,
            bytes_received: counts.received_bytes,
            messages_sent: counts.sent,
            bytes_sent: counts.sent_bytes,
            messages_retried: counts.retried,
            messages_expired: counts.expired,
            messages_dropped_when_busy: counts.dropped,
            loops: counts.loops,
            strays: counts.strays,
            dead_letters: counts.dead_letters,
            dead_letters_without_payload: counts.bare_letters,
            refusals: counts.refused.iter().map(|refused| (refused.reason.clone(), refused.count)).collect(),
            source: EndCounts {
                connections: counts.source_connections,
                failures: counts.source_failures.total(),
                sessions_lost: counts.source_sessions_lost,
            },
            destination: EndCounts {
                connections: counts.destination_connections,
                failures: counts.destination_failures.total(),
                sessions_lost: counts.destination_sessions_lost,
            },
        }
    }
}
