//! Client identifiers that dataflows have at their brokers.

use std::collections::{BTreeMap, BTreeSet};

use super::operations::Flow;
use crate::dataflow::{Dataflow, Endpoint, EndpointKind, MqttVersion, Reach};
use crate::reading::{Reading, Spot};

/// Characters that every MQTT 3.1.1 broker has to take (MQTT-3.1.3-5).
const TAKEN_BY_ALL: usize = 23;
/// What Azure Event Grid takes.
const TAKEN_BY_EVENT_GRID: usize = 128;

/// A broker, by whichever endpoint it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Server<'a> {
    Local,
    At(&'a str, u16),
}

impl<'a> Server<'a> {
    pub(super) fn of(endpoint: &'a Endpoint) -> Self {
        match endpoint.kind {
            EndpointKind::Local => Self::Local,
            EndpointKind::EventGrid | EndpointKind::Custom => Self::At(&endpoint.host, endpoint.port),
        }
    }
}

/// Refuses client identifiers that two dataflows have at one broker: each would put the other out. And those that are too
/// long.
pub(super) fn check(flows: &[Flow], endpoints: &BTreeMap<String, Endpoint>, reading: &mut Reading) {
    let mut taken: BTreeMap<(Server<'_>, Option<&str>, String), &Flow> = BTreeMap::new();
    for flow in flows {
        let found = |name: &String| endpoints.get(name);
        let (Some(source), Some(destination)) = (found(&flow.dataflow.source), found(&flow.dataflow.destination))
        else {
            continue;
        };
        let ends = [(source, &flow.source, ""), (destination, &flow.destination, ending(source, destination))];
        for (endpoint, spot, ending) in ends {
            let ids = ids(endpoint, &flow.dataflow, ending);
            let mut told = BTreeSet::new();
            check_length(endpoint, &ids, spot, reading);
            for id in ids {
                // One without a prefix has something that no other installation has, and no prefix is.
                let unnamed = if endpoint.client_id_prefix.is_some() { None } else { Some("") };
                let first = taken.entry((Server::of(endpoint), unnamed, id.clone())).or_insert(flow);
                let other = &first.dataflow.name;
                if *other != flow.dataflow.name && told.insert(other) {
                    let expected = format!(
                        "the Dataflow {other} ({}:{}) has the client identifier {id} there, too; give one of them \
                         another name, or its endpoint another clientIdPrefix",
                        first.source.file.path, first.source.line
                    );
                    reading.refuse_at(spot, format!("\"{}\"", endpoint.name), expected);
                }
            }
        }
    }
}

/// What tells a dataflow's identifier as the destination's client from its identifier as the source's.
fn ending(source: &Endpoint, destination: &Endpoint) -> &'static str {
    let at_one_server = (&source.host, source.port) == (&destination.host, destination.port)
        || (source.kind, destination.kind) == (EndpointKind::Local, EndpointKind::Local);
    if destination.client_id_prefix.is_none() || at_one_server { "-out" } else { "" }
}

/// Those that are known: without a prefix, what comes behind it.
fn ids(endpoint: &Endpoint, dataflow: &Dataflow, ending: &str) -> Vec<String> {
    let prefix = endpoint.client_id_prefix.as_deref().unwrap_or_default();
    let base = format!("{prefix}{}{ending}", dataflow.name);
    match dataflow.instances {
        0 | 1 => vec![base],
        several => (1..=several).map(|n| format!("{base}-{n}")).collect(),
    }
}

fn check_length(endpoint: &Endpoint, ids: &[String], spot: &Spot, reading: &mut Reading) {
    if endpoint.client_id_prefix.is_none() || endpoint.reach == Reach::Memory {
        return;
    }
    let Some(longest) = ids.last() else { return };
    let length = longest.chars().count();
    if endpoint.kind == EndpointKind::EventGrid && length > TAKEN_BY_EVENT_GRID {
        let expected = format!(
            "the client identifier is the endpoint's clientIdPrefix and the Dataflow's name, {length} characters, and Azure \
             Event Grid takes {TAKEN_BY_EVENT_GRID}; give a shorter one of the two"
        );
        reading.refuse_at(spot, format!("\"{}\"", endpoint.name), expected);
    } else if endpoint.version == MqttVersion::V3 && length > TAKEN_BY_ALL {
        let sentence = format!(
            "the client identifier {longest} has {length} characters, and brokers of MQTT 3.1.1 may refuse more than \
             {TAKEN_BY_ALL}"
        );
        reading.notice(&spot.place(), format!("\"{}\"", endpoint.name), sentence);
    }
}
