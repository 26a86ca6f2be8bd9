//! `/api/v1/traces`: operations whose packets carried a sampled `traceparent`.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::json::Json;
use super::page::Limit;
use super::path;
use super::query::{NoQuery, Query};
use crate::admin::endpoint::Endpoint;
use crate::admin::problem::Problem;

/// A trace in the list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TraceSummary {
    /// 32 hexadecimal digits.
    pub(crate) trace_id: String,
    /// When its first span began, RFC 3339, to the microsecond.
    pub(crate) started_at: String,
    /// From the beginning of its first span to the end of its last.
    pub(crate) duration_microseconds: u64,
    pub(crate) spans: u64,
}

/// Traces, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Traces {
    items: Vec<TraceSummary>,
}

/// A trace with its spans.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trace {
    /// 32 hexadecimal digits.
    pub(crate) trace_id: String,
    /// In the order in which they began.
    pub(crate) spans: Vec<Span>,
}

/// One operation, or the delivery of a message to one receiver.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Span {
    /// 16 hexadecimal digits.
    pub(crate) span_id: String,
    /// The span of the client that `traceparent` named.
    pub(crate) parent_span_id: String,
    /// `CONNECT`, `PUBLISH`, `SUBSCRIBE`, `UNSUBSCRIBE` or `DELIVER`.
    pub(crate) name: &'static str,
    /// RFC 3339, to the microsecond.
    pub(crate) started_at: String,
    /// Until the acknowledgement was handed over, for QoS 0 until the message was routed; 0 of a delivery.
    pub(crate) duration_microseconds: u64,
    /// Who sent the packet or gets the delivery; its first 256 bytes.
    pub(crate) client_id: String,
    /// The topic or the first filter, its first 256 bytes; null for `CONNECT`.
    pub(crate) topic: Option<String>,
    /// The worker that serves the client, from 0.
    pub(crate) worker: u16,
    /// The partitions that the operation concerns, from 0.
    pub(crate) partitions: Vec<u16>,
    /// The MQTT 5 reason code of the acknowledgement.
    pub(crate) reason_code: u8,
}

/// How many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TracesQuery {
    /// How many traces to give.
    #[serde(default)]
    limit: Limit,
}

/// Of a trace identifier.
const DIGITS: usize = 32;

/// The identifier of a trace, as it stands in the path.
pub(super) struct TraceId(String);

impl<S: Send + Sync> FromRequestParts<S> for TraceId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = path::text(parts, state, "traceId").await?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if id.len() != DIGITS || !id.bytes().all(is_hex) {
            return Err(path::wrong("traceId", "it is none", "32 hexadecimal digits in lower case"));
        }
        Ok(Self(id))
    }
}

/// The identifier of a trace in the document.
pub(super) fn trace_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
}

pub(super) async fn list(
    State(endpoint): State<Endpoint>,
    Query(query): Query<TracesQuery>,
) -> Result<Json<Traces>, Problem> {
    Ok(Json(Traces { items: endpoint.broker()?.view.traces(query.limit.items())? }))
}

pub(super) async fn one(
    State(endpoint): State<Endpoint>,
    TraceId(id): TraceId,
    _: NoQuery,
) -> Result<Json<Trace>, Problem> {
    let trace = endpoint.broker()?.view.trace(&id)?;
    trace.map(Json).ok_or_else(|| Problem::not_found(format!("no trace {id} is kept; only the newest are")))
}
