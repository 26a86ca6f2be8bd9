//! What crosses between brokers, out of Dataflows, DataflowEndpoints, DataflowProfiles and the objects they refer to.

mod client_ids;
mod credentials;
mod endpoint;
mod loops;
mod operations;
mod own_broker;
mod profile;
mod subject;
mod topics;

use std::collections::BTreeMap;

use super::leaves;
use crate::dataflow::{Dataflow, Endpoint, Profile};
use crate::reading::Reading;
use crate::resource::{DATAFLOW, Resources};
use crate::{EffectiveValue, Origin};
use operations::{Flow, Neighbours};
use subject::Subject;

/// The endpoint and the profile that are there without being written.
const BUILT_IN: &str = "default";

/// All of them, by name.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) endpoints: BTreeMap<String, Endpoint>,
    pub(super) profiles: BTreeMap<String, Profile>,
    pub(super) dataflows: BTreeMap<String, Dataflow>,
}

pub(super) fn settle(resources: &Resources, namespace: &str, reading: &mut Reading) -> Settled {
    let endpoints = endpoint::settle(resources, namespace, reading);
    let profiles = profile::settle(resources, reading);
    note_built_in(resources, reading);
    let mut flows = Vec::new();
    for resource in &resources.dataflows {
        leaves::note(resource, "Dataflow", &DATAFLOW, reading);
        let subject = Subject { resource, reading: &mut *reading };
        let neighbours = Neighbours { resources, endpoints: &endpoints, profiles: &profiles };
        flows.extend(operations::settle(subject, &neighbours));
    }
    client_ids::check(&flows, &endpoints, reading);
    loops::check(&flows, &endpoints, reading);
    let dataflows = flows.into_iter().map(|Flow { dataflow, .. }| (dataflow.name.clone(), dataflow)).collect();
    Settled { endpoints, profiles, dataflows }
}

/// What is built in is told where it may matter.
fn note_built_in(resources: &Resources, reading: &mut Reading) {
    if resources.dataflows.is_empty() {
        return;
    }
    let mut note = |kind: &str, value: &str| {
        let path = format!("{kind}/{BUILT_IN}");
        reading.values.push(EffectiveValue { path, value: value.to_owned(), origin: Origin::Default, note: None });
    };
    if !resources.endpoints.iter().any(|endpoint| endpoint.name == BUILT_IN) {
        note("DataflowEndpoint", "this broker, reached within the process");
    }
    if !resources.profiles.iter().any(|profile| profile.name == BUILT_IN) {
        note("DataflowProfile", "one instance");
    }
}
