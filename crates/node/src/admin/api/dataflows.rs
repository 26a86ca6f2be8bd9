//! `/api/v1/dataflows`: what crosses between brokers, and how that goes.

use std::time::SystemTime;

use axum::extract::State;
use config::dataflow::{Group, Mode as PlannedMode, SourceFilter};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::dataflow_counts::DataflowCounts;
use super::json::Json;
use super::links::{Failure, Link};
use super::page::{Limit, Page};
use super::path::DataflowName;
use super::query::{NoQuery, Query};
use crate::admin::condition::Status;
use crate::admin::dataflows::{Waiting, health, since, trouble, worst};
use crate::admin::endpoint::Endpoint;
use crate::admin::problem::Problem;
use crate::dataflows::{DataflowShown, InstanceShown};
use crate::moment::rfc3339;

/// A dataflow in short.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DataflowSummary {
    name: String,
    mode: Mode,
    /// The DataflowProfile.
    profile: String,
    /// The DataflowEndpoint it reads from.
    source: String,
    /// What it subscribes to there, as written.
    filters: Vec<String>,
    /// The DataflowEndpoint it publishes to.
    destination: String,
    /// What it publishes to there: a topic, or a template of one.
    topic: String,
    /// That of the instance that is doing worst; null where none runs in this process.
    health: Option<Health>,
    /// Why it is not `Available`; null where no code fits.
    reason_code: Option<&'static str>,
    /// What stands in its way, in a sentence; null where nothing does.
    message: Option<String>,
    /// Since when it is doing as it does, RFC 3339; null where that is not known.
    since: Option<String>,
    /// From the source since the process started, over all instances.
    messages_received: u64,
    /// Acknowledged by the destination since then; with QoS 0 written.
    messages_sent: u64,
    /// Put into the dead letter topic since then.
    dead_letters: u64,
    /// Taken from the source and not yet done with.
    held_messages: u64,
}

/// A dataflow.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dataflow {
    #[serde(flatten)]
    summary: DataflowSummary,
    /// Where messages go that the destination will never take.
    dead_letter_topic: String,
    /// Those that run in this process, by their numbers.
    instances: Vec<Instance>,
}

/// A running instance of a dataflow.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Instance {
    /// From 0.
    instance: u16,
    health: Health,
    /// Why it is not `Available`; null where no code fits.
    reason_code: Option<&'static str>,
    /// Since when it is doing as it does, RFC 3339; null where that is not known.
    since: Option<String>,
    source: Link,
    destination: Link,
    /// The last publish that the destination or the dead letter topic did not take, while messages wait because of it.
    publish_failure: Option<Failure>,
    /// When these are tried again, RFC 3339.
    publish_retry_at: Option<String>,
    /// Why the last message that went to the dead letter topic was refused.
    dead_letter_failure: Option<Failure>,
    /// Taken from the source and not yet done with.
    held_messages: u64,
    /// What waits besides in the source's session. Null where the source is not the broker of this process: the session
    /// of this client identifier there knows.
    waiting_messages: Option<u64>,
    counts: DataflowCounts,
}

/// Whether a dataflow is to run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
enum Mode {
    Enabled,
    Disabled,
}

/// How a dataflow is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum Health {
    /// It carries what comes.
    Available,
    /// It carries, but messages are refused, a connection is being renewed, or a credential cannot be.
    Degraded,
    /// It carries nothing.
    Unavailable,
    /// It has just begun.
    Unknown,
}

/// Which dataflows, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DataflowsQuery {
    /// How many items a page may hold.
    #[serde(default)]
    limit: Limit,
    /// Begin behind this name: `next` of the page before.
    after: Option<String>,
    /// Only those that are doing so.
    #[serde(default)]
    #[schemars(schema_with = "health_name")]
    health: Option<Health>,
    /// Only those of this DataflowProfile.
    profile: Option<String>,
    /// Only those that read from this DataflowEndpoint or publish to it.
    endpoint: Option<String>,
}

fn health_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["Available", "Degraded", "Unavailable", "Unknown"] })
}

pub(super) async fn list(
    State(endpoint): State<Endpoint>,
    Query(query): Query<DataflowsQuery>,
) -> Result<Json<Page<DataflowSummary>>, Problem> {
    let DataflowsQuery { limit, after, health, profile, endpoint: end } = query;
    let shown = endpoint.running()?.dataflows.dataflows();
    let is_wanted = |dataflow: &&DataflowShown| {
        let plan = &dataflow.plan;
        after.as_ref().is_none_or(|after| plan.name > *after)
            && profile.as_ref().is_none_or(|profile| plan.profile == *profile)
            && end.as_ref().is_none_or(|end| plan.source == *end || plan.destination == *end)
            && health.is_none_or(|health| worst(dataflow).map(Health::of) == Some(health))
    };
    let summaries = shown.iter().filter(is_wanted).map(DataflowSummary::of);
    Ok(Json(Page::of(summaries, limit, |summary| &summary.name)))
}

pub(super) async fn one(
    State(endpoint): State<Endpoint>,
    DataflowName(name): DataflowName,
    _: NoQuery,
) -> Result<Json<Dataflow>, Problem> {
    let source = endpoint.running()?;
    let shown = source.dataflows.dataflows();
    let dataflow = shown.iter().find(|dataflow| dataflow.plan.name == name);
    let dataflow = dataflow.ok_or_else(|| Problem::not_found(format!("there is no dataflow {name:?}")))?;
    let (now, waiting) = (SystemTime::now(), Waiting::new(source.broker.as_ref()));
    let mut instances = Vec::with_capacity(dataflow.instances.len());
    for shown in &dataflow.instances {
        let waiting_messages = waiting.at_source(shown).await;
        instances.push(Instance { waiting_messages, ..Instance::of(shown, now) });
    }
    let dead_letter_topic = dataflow.plan.dead_letter.clone();
    Ok(Json(Dataflow { summary: DataflowSummary::of(dataflow), dead_letter_topic, instances }))
}

impl DataflowSummary {
    fn of(shown: &DataflowShown) -> Self {
        let DataflowShown { plan, instances } = shown;
        let worst = worst(shown);
        let sum = |of: fn(&bridge::Counts) -> u64| instances.iter().map(|instance| of(&instance.counts)).sum();
        Self {
            name: plan.name.clone(),
            mode: match plan.mode {
                PlannedMode::Enabled => Mode::Enabled,
                PlannedMode::Disabled => Mode::Disabled,
            },
            profile: plan.profile.clone(),
            source: plan.source.clone(),
            filters: plan.filters.iter().map(filter).collect(),
            destination: plan.destination.clone(),
            topic: plan.topic.to_string(),
            health: worst.map(Health::of),
            reason_code: worst.and_then(|worst| worst.status.reason),
            message: worst.and_then(|worst| trouble(&worst.status)).map(|trouble| trouble.text),
            since: worst.and_then(|worst| since(&worst.status)).map(rfc3339),
            messages_received: sum(|counts| counts.received),
            messages_sent: sum(|counts| counts.sent),
            dead_letters: sum(|counts| counts.dead_letters),
            held_messages: sum(|counts| counts.held),
        }
    }
}

impl Instance {
    fn of(shown: &InstanceShown, now: SystemTime) -> Self {
        let InstanceShown { status, counts, .. } = shown;
        Self {
            instance: status.instance,
            health: Health::of(shown),
            reason_code: status.reason,
            since: since(status).map(rfc3339),
            source: Link::of(&status.source, now),
            destination: Link::of(&status.destination, now),
            publish_failure: status.publish.as_ref().map(Failure::from),
            publish_retry_at: status.publish_retry.map(rfc3339),
            dead_letter_failure: status.dead_letter.as_ref().map(Failure::from),
            held_messages: counts.held,
            waiting_messages: None,
            counts: counts.into(),
        }
    }
}

impl Health {
    fn of(instance: &InstanceShown) -> Self {
        match health(instance) {
            Status::Available => Self::Available,
            Status::Degraded => Self::Degraded,
            Status::Unknown => Self::Unknown,
            Status::Unavailable => Self::Unavailable,
        }
    }
}

fn filter(filter: &SourceFilter) -> String {
    match &filter.group {
        Group::Named(group) => format!("$share/{group}/{}", filter.filter),
        Group::None | Group::Instances => filter.filter.clone(),
    }
}
