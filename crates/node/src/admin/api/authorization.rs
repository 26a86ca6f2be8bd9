//! `/api/v1/clients/ID/authorization`: what a connected client may do, and why.

use auth::authorization::{Action, Because, Explanation};
use axum::extract::State;
use mqtt::{Filter, check_topic_name};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::clients::no_client;
use super::json::Json;
use super::path::{A_TOPIC_NAME, ClientId, subscription, topic_name};
use super::query::{Query, flaw, refused};
use crate::admin::endpoint::Endpoint;
use crate::admin::problem::Problem;

const A_FILTER: &str = "a topic filter, $share/GROUP/ before it or not";

/// What is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AuthorizationQuery {
    /// What the client would do; to connect, without one.
    #[serde(default)]
    #[schemars(schema_with = "action")]
    action: Asked,
    /// Where it would publish; with `action=publish` only.
    #[serde(default)]
    #[schemars(schema_with = "topic_name")]
    topic: Option<String>,
    /// What it would subscribe to; with `action=subscribe` only.
    #[serde(default)]
    #[schemars(schema_with = "subscription")]
    filter: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Asked {
    #[default]
    Connect,
    Publish,
    Subscribe,
}

fn action(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["connect", "publish", "subscribe"], "default": "connect" })
}

/// A decision and its ground.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authorization {
    /// Whether the client may. What it has been told before stays: this is how it would be decided now.
    allowed: bool,
    /// The decision and its ground as a sentence.
    explanation: String,
    /// The entry that allows it; null where none does, or where there are no rules.
    rule: Option<Allowing>,
}

/// An entry of a BrokerAuthorization.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Allowing {
    /// The name of the BrokerAuthorization.
    authorization: String,
    /// Where in its `spec`: `authorizationPolicies.rules[0].brokerResources[1].topics[0]`.
    place: String,
    /// As written; null where an empty list allows everything.
    entry: Option<String>,
}

pub(super) async fn explain(
    State(endpoint): State<Endpoint>,
    ClientId(id): ClientId,
    Query(query): Query<AuthorizationQuery>,
) -> Result<Json<Authorization>, Problem> {
    let view = &endpoint.broker()?.view;
    let explanation = match query.action() {
        Ok(action) => view.explain(&id, action).await?,
        // The document has no words for parameters that need each other: who is not there is so whatever is asked.
        Err(problem) => match view.client(&id).await? {
            Some(_) => return Err(problem),
            None => None,
        },
    };
    explanation.map(|explanation| Json(explanation.into())).ok_or_else(|| no_client(&id))
}

impl AuthorizationQuery {
    fn action(&self) -> Result<Action<'_>, Problem> {
        let without = |name: &str, value: &Option<String>, with: &str| match value {
            Some(_) => Err(refused(vec![flaw(name, "it is of no use here", &format!("none, or action={with}"))])),
            None => Ok(()),
        };
        if self.action != Asked::Publish {
            without("topic", &self.topic, "publish")?;
        }
        if self.action != Asked::Subscribe {
            without("filter", &self.filter, "subscribe")?;
        }
        let missing = |name: &str, expected: &str| refused(vec![flaw(name, "it is missing", expected)]);
        match (self.action, &self.topic, &self.filter) {
            (Asked::Connect, ..) => Ok(Action::Connect),
            (Asked::Publish, Some(topic), _) => match check_topic_name(topic) {
                Ok(()) => Ok(Action::Publish(topic)),
                Err(error) => Err(refused(vec![flaw("topic", &error.to_string(), A_TOPIC_NAME)])),
            },
            (Asked::Publish, None, _) => Err(missing("topic", A_TOPIC_NAME)),
            (Asked::Subscribe, _, Some(filter)) => match Filter::parse(filter) {
                Ok(_) => Ok(Action::Subscribe(filter)),
                Err(error) => Err(refused(vec![flaw("filter", &error.to_string(), A_FILTER)])),
            },
            (Asked::Subscribe, _, None) => Err(missing("filter", A_FILTER)),
        }
    }
}

impl From<Explanation> for Authorization {
    fn from(explanation: Explanation) -> Self {
        let (allowed, text) = (explanation.is_allowed(), explanation.to_string());
        let rule = match explanation.because {
            Because::Rule { name, place, entry } => Some(Allowing { authorization: name, place, entry }),
            _ => None,
        };
        Self { allowed, explanation: text, rule }
    }
}
