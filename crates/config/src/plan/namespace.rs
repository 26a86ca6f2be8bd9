//! The namespace that resources are in.

use crate::EffectiveValue;
use crate::Origin;
use crate::reading::{Reading, Spot};
use crate::resource::Resources;

/// Where Azure IoT Operations is, unless somebody says otherwise.
const DEFAULT: &str = "azure-iot-operations";

/// The first namespace that a resource of the broker says it is in. One process serves one.
pub(super) fn settle(resources: &Resources, reading: &mut Reading) -> String {
    let broker = resources.broker.iter().filter_map(|b| Some((b.namespace.as_deref()?, b.place(""))));
    let listeners = resources.listeners.iter().filter_map(|l| Some((l.namespace.as_deref()?, l.place(""))));
    let authentications = resources.authentications.iter().filter_map(|a| Some((a.namespace.as_deref()?, a.place(""))));
    let authorizations = resources.authorizations.iter().filter_map(|a| Some((a.namespace.as_deref()?, a.place(""))));
    let endpoints = resources.endpoints.iter().filter_map(|e| Some((e.namespace.as_deref()?, e.place(""))));
    let profiles = resources.profiles.iter().filter_map(|p| Some((p.namespace.as_deref()?, p.place(""))));
    let dataflows = resources.dataflows.iter().filter_map(|d| Some((d.namespace.as_deref()?, d.place(""))));
    let guards = authentications.chain(authorizations);
    let bridge = endpoints.chain(profiles).chain(dataflows);
    let mut said: Vec<(&str, Spot)> = broker.chain(listeners).chain(guards).chain(bridge).collect();
    let (namespace, origin) = match said.first() {
        Some((namespace, spot)) => ((*namespace).to_owned(), spot.origin()),
        None => (DEFAULT.to_owned(), Origin::Default),
    };
    said.retain(|(other, _)| *other != namespace);
    for (other, spot) in said {
        let expected = format!(
            "others are in the namespace {namespace}, and one process serves one; leave it out or give this one"
        );
        reading.refuse_at(&spot.moved(spot.line, "metadata.namespace"), format!("\"{other}\""), expected);
    }
    reading.values.push(EffectiveValue { path: "namespace".to_owned(), value: namespace.clone(), origin, note: None });
    namespace
}
