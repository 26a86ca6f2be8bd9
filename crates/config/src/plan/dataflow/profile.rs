//! What dataflows have in common, out of DataflowProfiles.

use std::collections::BTreeMap;

use super::super::leaves;
use super::BUILT_IN;
use crate::dataflow::{Profile, RemoteToRemote};
use crate::reading::Reading;
use crate::resource::{DATAFLOW_PROFILE, DataflowProfileSpec, RemoteToRemoteName, Resource, Resources};

const DEFAULT_METRICS_PORT: u16 = 9600;

/// All of them, by name.
pub(super) fn settle(resources: &Resources, reading: &mut Reading) -> BTreeMap<String, Profile> {
    let built_in = profile(BUILT_IN, &DataflowProfileSpec::default());
    let mut profiles = BTreeMap::from([(BUILT_IN.to_owned(), built_in)]);
    for resource in &resources.profiles {
        leaves::note(resource, "DataflowProfile", &DATAFLOW_PROFILE, reading);
        profiles.insert(resource.name.clone(), profile(&resource.name, &resource.spec));
    }
    profiles
}

fn profile(name: &str, spec: &DataflowProfileSpec) -> Profile {
    let diagnostics = spec.diagnostics.clone().unwrap_or_default();
    let port = diagnostics.metrics.and_then(|metrics| metrics.prometheus_port);
    Profile {
        name: name.to_owned(),
        instances: spec.instance_count.unwrap_or(1),
        remote_to_remote: match spec.remote_to_remote {
            Some(RemoteToRemoteName::Allowed) => RemoteToRemote::Allowed,
            Some(RemoteToRemoteName::Refused) | None => RemoteToRemote::Refused,
        },
        log_level: diagnostics.logs.and_then(|logs| logs.level).unwrap_or_default(),
        metrics_port: port.unwrap_or(DEFAULT_METRICS_PORT),
    }
}

/// The names that Dataflows may refer to.
pub(super) fn names(resources: &Resources) -> impl Iterator<Item = &str> + Clone {
    let written = |profile: &Resource<DataflowProfileSpec>| !profile.name.is_empty() && profile.name != BUILT_IN;
    let others = resources.profiles.iter().filter(move |profile| written(profile));
    std::iter::once(BUILT_IN).chain(others.map(|profile| profile.name.as_str()))
}
