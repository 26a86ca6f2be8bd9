//! What crosses between brokers, in a sentence each: for people who look at what is in effect.

use config::Plan;
use config::dataflow::{Dataflow, Group, Mode, SourceFilter};

/// A line for each dataflow.
pub(crate) fn summary(plan: &Plan) -> Vec<String> {
    plan.dataflows.values().map(sentence).collect()
}

fn sentence(dataflow: &Dataflow) -> String {
    let Dataflow { name, profile, mode, instances, source, filters, destination, topic, dead_letter } = dataflow;
    let filters: Vec<String> = filters.iter().map(written).collect();
    let runs = match (mode, instances) {
        (Mode::Disabled, _) => "disabled".to_owned(),
        (Mode::Enabled, 1) => "1 instance".to_owned(),
        (Mode::Enabled, several) => format!("{several} instances"),
    };
    let filters = filters.join(" ");
    format!(
        "{name}: {source} {filters} -> {destination} {topic} (profile {profile}, {runs}, dead letters to {dead_letter})"
    )
}

/// As a subscription would say it. The group of a dataflow's instances is nobody's to name.
fn written(filter: &SourceFilter) -> String {
    match &filter.group {
        Group::None | Group::Instances => filter.filter.clone(),
        Group::Named(name) => format!("$share/{name}/{}", filter.filter),
    }
}
