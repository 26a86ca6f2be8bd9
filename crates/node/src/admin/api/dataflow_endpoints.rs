//! `/api/v1/dataflow-endpoints`: the brokers that dataflows connect, and who they are told we are.

use std::time::SystemTime;

use axum::extract::State;
use config::dataflow::{EndpointKind, Reach};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::Json;
use super::links::Link;
use super::page::{Limit, Page};
use super::path::EndpointName;
use super::query::{NoQuery, Query};
use crate::admin::endpoint::Endpoint;
use crate::admin::problem::Problem;
use crate::dataflows::{DataflowShown, EndpointShown, LinkEnd, LinkShown};

/// A DataflowEndpoint.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DataflowEndpoint {
    name: String,
    kind: Kind,
    /// As a URL: `mqtts://broker.example:8883`; `memory` where it is the broker of this process.
    address: String,
    /// Whether it is reached within this process, without a network.
    in_process: bool,
    /// The method by which it is told who we are: `Anonymous`, `X509Certificate`, `ServiceAccountToken`,
    /// `SystemAssignedManagedIdentity`, `UserAssignedManagedIdentity`, `UsernamePassword`.
    authentication: &'static str,
    /// The dataflows that refer to it, by name, running or not.
    dataflows: Vec<User>,
    /// The connections of those that run in this process, by dataflow, instance and end.
    connections: Vec<Connection>,
    /// How many of these stand.
    connected: u64,
}

/// Whose broker it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
enum Kind {
    /// This installation's own.
    LocalBroker,
    EventGrid,
    CustomMqtt,
}

/// A dataflow that refers to an endpoint.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct User {
    dataflow: String,
    end: End,
}

/// Which of a dataflow's ends it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
enum End {
    Source,
    Destination,
}

/// A connection of an instance of a dataflow.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Connection {
    dataflow: String,
    /// From 0.
    instance: u16,
    end: End,
    #[serde(flatten)]
    link: Link,
}

/// Which endpoints, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointsQuery {
    /// How many items a page may hold.
    #[serde(default)]
    limit: Limit,
    /// Begin behind this name: `next` of the page before.
    after: Option<String>,
}

pub(super) async fn list(
    State(endpoint): State<Endpoint>,
    Query(query): Query<EndpointsQuery>,
) -> Result<Json<Page<DataflowEndpoint>>, Problem> {
    let EndpointsQuery { limit, after } = query;
    let view = &endpoint.running()?.dataflows;
    let (shown, dataflows, now) = (view.endpoints(), view.dataflows(), SystemTime::now());
    let shown = shown.iter().filter(|endpoint| after.as_ref().is_none_or(|after| endpoint.name > *after));
    let endpoints = shown.map(|endpoint| DataflowEndpoint::of(endpoint, &dataflows, now));
    Ok(Json(Page::of(endpoints, limit, |endpoint| &endpoint.name)))
}

pub(super) async fn one(
    State(endpoint): State<Endpoint>,
    EndpointName(name): EndpointName,
    _: NoQuery,
) -> Result<Json<DataflowEndpoint>, Problem> {
    let view = &endpoint.running()?.dataflows;
    let shown = view.endpoints().into_iter().find(|endpoint| endpoint.name == name);
    let shown = shown.ok_or_else(|| Problem::not_found(format!("there is no dataflow endpoint {name:?}")))?;
    Ok(Json(DataflowEndpoint::of(&shown, &view.dataflows(), SystemTime::now())))
}

impl DataflowEndpoint {
    fn of(shown: &EndpointShown, dataflows: &[DataflowShown], now: SystemTime) -> Self {
        let EndpointShown { name, kind, reach, address, authentication, links } = shown;
        let users = dataflows.iter().flat_map(|dataflow| {
            let plan = &dataflow.plan;
            let ends = [(&plan.source, End::Source), (&plan.destination, End::Destination)];
            let ends = ends.into_iter().filter(|(endpoint, _)| *endpoint == name);
            ends.map(|(_, end)| User { dataflow: plan.name.clone(), end })
        });
        let is_up = |link: &&LinkShown| matches!(link.status.state, bridge::LinkState::Up { .. });
        Self {
            name: name.clone(),
            kind: match kind {
                EndpointKind::Local => Kind::LocalBroker,
                EndpointKind::EventGrid => Kind::EventGrid,
                EndpointKind::Custom => Kind::CustomMqtt,
            },
            address: address.clone(),
            in_process: *reach == Reach::Memory,
            authentication,
            dataflows: users.collect(),
            connected: links.iter().filter(is_up).count() as u64,
            connections: links.iter().map(|link| Connection::of(link, now)).collect(),
        }
    }
}

impl Connection {
    fn of(shown: &LinkShown, now: SystemTime) -> Self {
        let LinkShown { dataflow, instance, end, status } = shown;
        let end = match end {
            LinkEnd::Source => End::Source,
            LinkEnd::Destination => End::Destination,
        };
        Self { dataflow: dataflow.clone(), instance: *instance, end, link: Link::of(status, now) }
    }
}
