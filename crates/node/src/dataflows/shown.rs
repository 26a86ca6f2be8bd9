//! What is seen of dataflows and their endpoints from outside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bridge::{Counts, DataflowStatus, LinkStatus};
use config::dataflow::{Dataflow, EndpointKind, Reach};

/// The dataflows and endpoints there are; clones share it. Reading it blocks on nothing.
#[derive(Clone, Default)]
pub(crate) struct DataflowsView(Arc<Mutex<Arc<Scene>>>);

/// Asks how every instance that runs is doing.
type Instances = Box<dyn Fn() -> Vec<InstanceShown> + Send + Sync>;

struct Scene {
    dataflows: Vec<Dataflow>,
    endpoints: Vec<EndpointShown>,
    instances: Instances,
}

/// A dataflow, as it is written down and as it runs.
#[derive(Debug, Clone)]
pub(crate) struct DataflowShown {
    /// As it is written down, defaults filled in.
    pub(crate) plan: Dataflow,
    /// In the order of their numbers; none of one that is disabled, or that this process leaves to another.
    pub(crate) instances: Vec<InstanceShown>,
}

/// One running instance of a dataflow.
#[derive(Debug, Clone)]
pub(crate) struct InstanceShown {
    /// What it was told to be: endpoints with their kind and address, filters as subscribed to.
    pub(crate) dataflow: Arc<bridge::Dataflow>,
    pub(crate) status: DataflowStatus,
    pub(crate) counts: Counts,
}

/// An endpoint, and the connections that dataflows have to it. No secret is in it.
#[derive(Debug, Clone)]
pub(crate) struct EndpointShown {
    pub(crate) name: String,
    pub(crate) kind: EndpointKind,
    /// Whether it is reached within this process.
    pub(crate) reach: Reach,
    /// As a URL, `mqtts://host:8883`; `memory` within this process.
    pub(crate) address: String,
    /// The method as resources name it: `X509Certificate`.
    pub(crate) authentication: &'static str,
    /// By dataflow, instance and end.
    pub(crate) links: Vec<LinkShown>,
}

/// A connection of a dataflow to an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct LinkShown {
    pub(crate) dataflow: String,
    /// From 0 on.
    pub(crate) instance: u16,
    pub(crate) end: LinkEnd,
    pub(crate) status: LinkStatus,
}

/// Which of a dataflow's two ends a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkEnd {
    Source,
    Destination,
}

impl Default for Scene {
    fn default() -> Self {
        Self { dataflows: Vec::new(), endpoints: Vec::new(), instances: Box::new(Vec::new) }
    }
}

impl DataflowsView {
    /// Shows these from now on; `endpoints` come without links.
    pub(crate) fn show(
        &self,
        dataflows: Vec<Dataflow>,
        endpoints: Vec<EndpointShown>,
        instances: impl Fn() -> Vec<InstanceShown> + Send + Sync + 'static,
    ) {
        let scene = Scene { dataflows, endpoints, instances: Box::new(instances) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(scene);
    }

    /// By name.
    pub(crate) fn dataflows(&self) -> Vec<DataflowShown> {
        let scene = self.scene();
        let mut instances: BTreeMap<String, Vec<InstanceShown>> = BTreeMap::new();
        for instance in (scene.instances)() {
            instances.entry(instance.status.name.clone()).or_default().push(instance);
        }
        let mut of = |name: &str| instances.remove(name).unwrap_or_default();
        let shown = |plan: &Dataflow| DataflowShown { instances: of(&plan.name), plan: plan.clone() };
        scene.dataflows.iter().map(shown).collect()
    }

    /// By name.
    pub(crate) fn endpoints(&self) -> Vec<EndpointShown> {
        let scene = self.scene();
        let mut found: BTreeMap<String, Vec<LinkShown>> = BTreeMap::new();
        for link in (scene.instances)().iter().flat_map(links) {
            found.entry(link.status.endpoint.clone()).or_default().push(link);
        }
        let mut of = |name: &str| found.remove(name).unwrap_or_default();
        let shown = |endpoint: &EndpointShown| EndpointShown { links: of(&endpoint.name), ..endpoint.clone() };
        scene.endpoints.iter().map(shown).collect()
    }

    fn scene(&self) -> Arc<Scene> {
        // It is replaced as a whole, whoever panicked.
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn links(instance: &InstanceShown) -> [LinkShown; 2] {
    let InstanceShown { status, .. } = instance;
    [(LinkEnd::Source, &status.source), (LinkEnd::Destination, &status.destination)].map(|(end, link)| LinkShown {
        dataflow: status.name.clone(),
        instance: status.instance,
        end,
        status: link.clone(),
    })
}
