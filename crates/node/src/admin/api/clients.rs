//! `/api/v1/clients`: who is connected.

use std::collections::BTreeMap;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::Json;
use super::page::{Limit, Page};
use super::path::ClientId;
use super::query::{NoQuery, Query};
use crate::admin::endpoint::Endpoint;
use crate::admin::problem::Problem;
use crate::admin::view::Found;
use crate::audit::{Action, Asker};

/// A connected client.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Client {
    pub(crate) client_id: String,
    /// The one that its credentials proved; where the listener lets everybody in, the one of its CONNECT. Null without one.
    pub(crate) username: Option<String>,
    /// What else its credentials proved, by name.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The method that let it in: `ServiceAccountToken`, `X509`, `Custom`, `Jwt`, `UserPassword`; null where the listener lets
    /// everybody in.
    pub(crate) authenticated_by: Option<&'static str>,
    /// When its credentials end, and its connection with them unless it renews them, RFC 3339; null where they do not.
    pub(crate) credentials_expire_at: Option<String>,
    /// The listener it came by, as in the configuration: `default/18883`.
    pub(crate) listener: String,
    /// Its address and port; null for connections from inside the broker.
    pub(crate) address: Option<String>,
    /// `3.1`, `3.1.1` or `5.0`.
    pub(crate) protocol_version: &'static str,
    /// RFC 3339.
    pub(crate) connected_at: String,
    /// Whether its CONNECT asked for a session without a past.
    pub(crate) clean_start: bool,
    /// As granted in CONNACK; 0 is never.
    pub(crate) keep_alive_seconds: u16,
    /// As granted in CONNACK; 4294967295 is never.
    pub(crate) session_expiry_seconds: u32,
    /// QoS 1 and 2 messages that it takes without acknowledging them.
    pub(crate) receive_maximum: u16,
    /// QoS 1 and 2 messages that it has not acknowledged.
    pub(crate) in_flight_messages: u16,
    /// Bytes in memory that wait until it reads.
    pub(crate) waiting_bytes: u64,
    /// The worker that serves it, from 0.
    pub(crate) worker: u16,
}

/// Which clients, in the order of their identifiers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClientsQuery {
    /// How many items a page may hold.
    #[serde(default)]
    pub(crate) limit: Limit,
    /// Begin behind this client identifier: `next` of the page before.
    pub(crate) after: Option<String>,
    /// Only client identifiers that begin with this text.
    pub(crate) prefix: Option<String>,
    /// Only clients with this user name.
    pub(crate) username: Option<String>,
    /// Only clients of this listener.
    pub(crate) listener: Option<String>,
}

pub(super) async fn list(
    State(endpoint): State<Endpoint>,
    Query(query): Query<ClientsQuery>,
) -> Result<Json<Page<Client>>, Problem> {
    Ok(Json(endpoint.broker()?.view.clients(query).await?))
}

pub(super) async fn one(
    State(endpoint): State<Endpoint>,
    ClientId(id): ClientId,
    _: NoQuery,
) -> Result<Json<Client>, Problem> {
    let client = endpoint.broker()?.view.client(&id).await?;
    client.map(Json).ok_or_else(|| no_client(&id))
}

pub(super) async fn kick(
    State(endpoint): State<Endpoint>,
    Extension(by): Extension<Asker>,
    ClientId(id): ClientId,
    _: NoQuery,
) -> Result<Response, Problem> {
    match endpoint.broker()?.view.kick(&id).await? {
        Found::Yes => {
            tracing::info!(client = id, "disconnected through the admin API");
            endpoint.record(Action::ClientDisconnected { by, client_id: id });
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Found::No => Err(no_client(&id)),
    }
}

pub(super) fn no_client(id: &str) -> Problem {
    Problem::not_found(format!("no client with the identifier {id:?} is connected"))
}
