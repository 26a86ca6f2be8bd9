//! `/api/v1/sessions`: what is kept for clients, connected or not.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::Json;
use super::page::{Limit, Page, Scope};
use super::path::ClientId;
use super::query::{NoQuery, Query};
use crate::admin::endpoint::Endpoint;
use crate::admin::problem::Problem;

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    pub(crate) client_id: String,
    pub(crate) connected: bool,
    /// The number of the frontend where its client is connected; null while it is not. The broker in one process is 0.
    pub(crate) frontend: Option<u16>,
    /// Whether it outlives its connection: its expiry is not 0.
    pub(crate) persistent: bool,
    /// How long it outlives its connection; 4294967295 is for ever.
    pub(crate) expiry_seconds: u32,
    /// When it ends unless the client comes back, RFC 3339; null while connected and where it never ends.
    pub(crate) expires_at: Option<String>,
    /// Its subscriptions, shared ones included.
    pub(crate) subscriptions: u64,
    /// QoS 1 and 2 messages that it has not acknowledged, in flight or waiting.
    pub(crate) queued_messages: u64,
    /// Of these, those in its connection's hands.
    pub(crate) in_flight_messages: u64,
    /// Bytes of these messages with topics and properties.
    pub(crate) queued_bytes: u64,
    /// Whether a will waits for the end of its connection or of its delay.
    pub(crate) will: bool,
    /// The partition that keeps it, from 0.
    pub(crate) partition: u16,
}

/// Which sessions, in the order of their client identifiers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SessionsQuery {
    /// How many items a page may hold.
    #[serde(default)]
    pub(crate) limit: Limit,
    /// Begin behind this client identifier: `next` of the page before.
    pub(crate) after: Option<String>,
    /// Only client identifiers that begin with this text.
    pub(crate) prefix: Option<String>,
    /// Only sessions whose client is connected, or only those whose client is not.
    pub(crate) connected: Option<bool>,
    /// Only sessions that outlive their connection, or only those that do not.
    pub(crate) persistent: Option<bool>,
    /// Of the whole broker, or only of the partitions that this process leads.
    #[serde(default)]
    pub(crate) scope: Scope,
}

pub(super) async fn list(
    State(endpoint): State<Endpoint>,
    Query(query): Query<SessionsQuery>,
) -> Result<Json<Page<Session>>, Problem> {
    Ok(Json(endpoint.broker()?.view.sessions(query).await?))
}

pub(super) async fn one(
    State(endpoint): State<Endpoint>,
    ClientId(id): ClientId,
    _: NoQuery,
) -> Result<Json<Session>, Problem> {
    let session = endpoint.broker()?.view.session(&id).await?;
    session
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("there is no session with the client identifier {id:?}")))
}
