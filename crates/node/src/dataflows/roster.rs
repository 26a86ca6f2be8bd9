//! From the dataflows of a plan to those that run.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::authentication::TrustBundle;
use config::dataflow::{Dataflow, Group, Mode, SourceFilter};
use config::{Plan, Problem};

use super::endpoint::{self, Making};
use super::local::LocalBroker;
use super::shown::EndpointShown;
use super::trust::{self, Configurations};

/// Which of a plan's dataflows this process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Share {
    All,
    /// Those of this profile.
    OfProfile(String),
    /// Another process runs them.
    None,
}

impl Share {
    pub(crate) fn has(&self, dataflow: &Dataflow) -> bool {
        match self {
            Self::All => true,
            Self::OfProfile(profile) => dataflow.profile == *profile,
            Self::None => false,
        }
    }
}

/// What is to run and to be seen, all of it at hand.
pub(crate) struct Roster {
    pub(super) dataflows: Vec<bridge::Dataflow>,
    pub(super) configurations: Configurations,
    pub(super) plan: Vec<Dataflow>,
    pub(super) endpoints: Vec<EndpointShown>,
}

/// What a roster is made with besides the plan.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) share: &'a Share,
    pub(super) local: &'a LocalBroker,
    /// Tells this installation from others.
    pub(super) installation: &'a str,
    /// Of the roster that runs: what says the same is the same.
    pub(super) before: &'a Configurations,
}

impl Roster {
    /// How many instances are to run.
    pub(crate) fn runs(&self) -> usize {
        self.dataflows.len()
    }

    /// Only endpoints of dataflows that run have to be usable; what is written down for the others has to be sound.
    ///
    /// # Errors
    /// Every endpoint that cannot be.
    pub(super) fn of(plan: &Plan, means: Means<'_>) -> Result<Self, Vec<Problem>> {
        let Means { share, local, installation, before } = means;
        let runs = |dataflow: &&Dataflow| dataflow.mode == Mode::Enabled && share.has(dataflow);
        let running: Vec<&Dataflow> = plan.dataflows.values().filter(runs).collect();
        let is_used = |name: &str| running.iter().any(|flow| flow.source == name || flow.destination == name);

        let mut making = Making { local, before, configurations: Configurations::default() };
        let (mut endpoints, mut problems) = (BTreeMap::new(), Vec::new());
        for asked in plan.endpoints.values() {
            problems.extend(endpoint::check_credentials(asked).err());
            if is_used(&asked.name) {
                match making.endpoint(asked) {
                    Ok(endpoint) => drop(endpoints.insert(asked.name.as_str(), Arc::new(endpoint))),
                    Err(problem) => problems.push(problem),
                }
            } else if let Some(TrustBundle::Files(files)) = asked.tls.as_ref().and_then(|tls| tls.authorities.as_ref())
                && let Err(error) = trust::check(files)
            {
                problems.push(endpoint::trust_problem(asked, error.to_string()));
            }
        }
        let configurations = making.configurations;
        let mut dataflows = Vec::new();
        for asked in running {
            // One without its endpoint is told of already.
            let (Some(source), Some(destination)) =
                (endpoints.get(asked.source.as_str()), endpoints.get(asked.destination.as_str()))
            else {
                continue;
            };
            match instances(asked, [source, destination], installation) {
                Ok(instances) => dataflows.extend(instances),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let endpoints = plan.endpoints.values().map(|asked| EndpointShown {
            name: asked.name.clone(),
            kind: asked.kind,
            reach: endpoint::reach(asked, local),
            address: endpoint::shown_address(asked, local),
            authentication: endpoint::method(&asked.credentials),
            links: Vec::new(),
        });
        let endpoints = endpoints.collect();
        Ok(Self { dataflows, configurations, plan: plan.dataflows.values().cloned().collect(), endpoints })
    }
}

/// A dataflow as the bridge is told of it, once for each instance.
fn instances(
    asked: &Dataflow,
    [source, destination]: [&Arc<bridge::Endpoint>; 2],
    installation: &str,
) -> Result<Vec<bridge::Dataflow>, Problem> {
    let topic = asked.topic.to_string();
    let topic: bridge::TopicTemplate = topic.parse().map_err(|error: bridge::TemplateError| Problem {
        place: format!("Dataflow {}", asked.name),
        text: format!("topic {topic}"),
        expected: error.to_string(),
    })?;
    let one = |instance: u16| bridge::Dataflow {
        name: asked.name.clone(),
        profile: asked.profile.clone(),
        instance,
        instances: asked.instances,
        sources: asked.filters.iter().map(|filter| wire_filter(filter, installation, &asked.name)).collect(),
        source: Arc::clone(source),
        destination: Arc::clone(destination),
        topic: topic.clone(),
        dead_letter: asked.dead_letter.as_str().into(),
    };
    Ok((0..asked.instances).map(one).collect())
}

/// The filter as it is subscribed to. The instances of a dataflow share among themselves, and with no dataflow of the same
/// name in another installation, which is to get all messages, too.
pub(super) fn wire_filter(asked: &SourceFilter, installation: &str, dataflow: &str) -> String {
    let filter = &asked.filter;
    match &asked.group {
        Group::None => filter.clone(),
        Group::Instances => format!("$share/{installation}-{dataflow}/{filter}"),
        Group::Named(name) => format!("$share/{name}/{filter}"),
    }
}
