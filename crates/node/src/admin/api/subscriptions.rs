//! `/api/v1/subscriptions`: who asked for which topics.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::Json;
use super::page::{Limit, Page, Scope};
use super::path::{subscription, topic_name};
use super::query::Query;
use crate::admin::endpoint::Endpoint;
use crate::admin::problem::Problem;

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    pub(crate) client_id: String,
    /// As subscribed, `$share/GROUP/` included.
    pub(crate) filter: String,
    /// The most messages are delivered with.
    #[schemars(range(max = 2))]
    pub(crate) qos: u8,
    /// Whether its client's own messages are not delivered to it.
    pub(crate) no_local: bool,
    /// Whether messages keep the RETAIN flag they were published with.
    pub(crate) retain_as_published: bool,
    /// The subscription identifier; null without one.
    pub(crate) identifier: Option<u32>,
}

/// Which subscriptions, in the order of client identifier and filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SubscriptionsQuery {
    /// How many items a page may hold.
    #[serde(default)]
    pub(crate) limit: Limit,
    /// Begin behind this place: `next` of the page before.
    pub(crate) after: Option<String>,
    /// Only this client's.
    pub(crate) client_id: Option<String>,
    /// Only those whose filter is this text, as subscribed.
    #[serde(default)]
    #[schemars(schema_with = "subscription")]
    pub(crate) filter: Option<String>,
    /// Only those that match this topic name.
    #[serde(default)]
    #[schemars(schema_with = "topic_name")]
    pub(crate) topic: Option<String>,
    /// Of the whole broker, or only of the partitions that this process leads.
    #[serde(default)]
    pub(crate) scope: Scope,
}

pub(super) async fn list(
    State(endpoint): State<Endpoint>,
    Query(query): Query<SubscriptionsQuery>,
) -> Result<Json<Page<Subscription>>, Problem> {
    Ok(Json(endpoint.broker()?.view.subscriptions(query).await?))
}
