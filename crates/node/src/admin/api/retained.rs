//! `/api/v1/retained`: retained messages.

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::Json;
use super::page::{Limit, Page, Scope};
use super::path::{Topic, topic_filter};
use super::payload::{Binary, Payload, PayloadLimit};
use super::query::{NoQuery, Query};
use crate::admin::endpoint::Endpoint;
use crate::admin::problem::Problem;
use crate::admin::view::Found;
use crate::audit::{Action, Asker};

/// A topic with a retained message.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetainedTopic {
    pub(crate) topic: String,
    #[schemars(range(max = 2))]
    pub(crate) qos: u8,
    pub(crate) payload_bytes: u64,
    /// When it expires, RFC 3339; null where it does not.
    pub(crate) expires_at: Option<String>,
}

/// A retained message.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetainedMessage {
    #[serde(flatten)]
    pub(crate) topic: RetainedTopic,
    /// Payload Format Indicator: 1 where the publisher says that the payload is UTF-8; null where it says nothing.
    pub(crate) payload_format: Option<u8>,
    /// Null where the publisher gave none.
    pub(crate) content_type: Option<String>,
    /// Null where the publisher gave none.
    pub(crate) response_topic: Option<String>,
    /// Base64; null where the publisher gave none.
    pub(crate) correlation_data: Option<Binary>,
    /// In their order.
    pub(crate) user_properties: Vec<UserProperty>,
    #[serde(flatten)]
    pub(crate) payload: Payload,
}

/// An MQTT 5 user property.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct UserProperty {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Which retained messages, in the order of their topics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RetainedQuery {
    /// How many items a page may hold.
    #[serde(default)]
    pub(crate) limit: Limit,
    /// Begin behind this topic: `next` of the page before.
    pub(crate) after: Option<String>,
    /// Only topics that this topic filter matches.
    #[serde(default)]
    #[schemars(schema_with = "topic_filter")]
    pub(crate) filter: Option<String>,
    /// Of the whole broker, or only of the partitions that this process leads.
    #[serde(default)]
    pub(crate) scope: Scope,
}

/// How much of the payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PayloadQuery {
    /// Give no more than this many bytes of the payload.
    #[serde(default)]
    pub(crate) payload_limit: PayloadLimit,
}

pub(super) async fn list(
    State(endpoint): State<Endpoint>,
    Query(query): Query<RetainedQuery>,
) -> Result<Json<Page<RetainedTopic>>, Problem> {
    Ok(Json(endpoint.broker()?.view.retained(query).await?))
}

pub(super) async fn one(
    State(endpoint): State<Endpoint>,
    Topic(topic): Topic,
    Query(query): Query<PayloadQuery>,
) -> Result<Json<RetainedMessage>, Problem> {
    let message = endpoint.broker()?.view.retained_message(&topic, query.payload_limit).await?;
    message.map(Json).ok_or_else(|| nothing_retained(&topic))
}

pub(super) async fn delete(
    State(endpoint): State<Endpoint>,
    Extension(by): Extension<Asker>,
    Topic(topic): Topic,
    _: NoQuery,
) -> Result<Response, Problem> {
    match endpoint.broker()?.view.delete_retained(&topic).await? {
        Found::Yes => {
            tracing::info!(topic, "retained message deleted through the admin API");
            endpoint.record(Action::RetainedDeleted { by, topic });
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Found::No => Err(nothing_retained(&topic)),
    }
}

fn nothing_retained(topic: &str) -> Problem {
    Problem::not_found(format!("no message is retained for the topic {topic:?}"))
}
