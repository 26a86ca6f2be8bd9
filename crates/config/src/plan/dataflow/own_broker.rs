//! By which addresses this broker itself is meant.

use std::collections::BTreeSet;

use crate::format::ServerAddress;
use crate::resource::Resources;

/// The name and port that Azure IoT Operations gives its broker.
pub(super) const NAME: &str = "aio-broker";
pub(super) const PORT: u16 = 18883;

/// Names and ports of this broker's Services.
pub(super) struct OwnBroker {
    services: BTreeSet<(String, u16)>,
    namespace: String,
}

impl OwnBroker {
    pub(super) fn of(resources: &Resources, namespace: &str) -> Self {
        let mut services = BTreeSet::from([(NAME.to_owned(), PORT)]);
        for listener in &resources.listeners {
            let name = listener.spec.service_name.as_deref().unwrap_or(&listener.name);
            let ports = listener.spec.ports.iter().flatten().filter_map(|port| port.port);
            services.extend(ports.map(|port| (name.to_owned(), port)));
        }
        Self { services, namespace: namespace.to_owned() }
    }

    /// Whether an address is one of them: the Service's name alone, or as the cluster's DNS completes it.
    pub(super) fn is_at(&self, address: &ServerAddress) -> bool {
        let host = address.host.trim_end_matches('.');
        let (name, domain) = host.split_once('.').unwrap_or((host, ""));
        let within = ["", ".svc", ".svc.cluster.local"].map(|end| format!("{}{end}", self.namespace));
        let known = domain.is_empty() || within.iter().any(|known| known == domain);
        known && self.services.contains(&(name.to_owned(), address.port))
    }
}
