//! What stands in paths: client identifiers, topics and names of resources, percent-encoded.

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use mqtt::{Filter, TopicError, check_topic_name};
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::admin::problem::Problem;

/// The format of a topic name in the document.
pub(super) const TOPIC_NAME: &str = "mqtt-topic-name";
/// The format of a topic filter in the document.
pub(super) const TOPIC_FILTER: &str = "mqtt-topic-filter";
/// The format of a filter as subscribed, `$share` and all; any text may be asked for.
pub(super) const SUBSCRIPTION: &str = "mqtt-subscription";

/// What a topic name should be.
pub(super) const A_TOPIC_NAME: &str = "a topic name: 1 to 65535 bytes, at most 200 levels, without +, # and U+0000";
/// What a topic filter should be.
pub(super) const A_TOPIC_FILTER: &str =
    "a topic filter: + alone in a level, # alone in the last one, at most 200 levels, without U+0000 and $share";

/// A client identifier.
pub(super) struct ClientId(pub(super) String);

/// A well-formed topic name.
pub(super) struct Topic(pub(super) String);

/// The name of a Dataflow; anything may be asked for.
pub(super) struct DataflowName(pub(super) String);

/// The name of a DataflowEndpoint; anything may be asked for.
pub(super) struct EndpointName(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for ClientId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = text(parts, state, "clientId").await?;
        if id.contains('\0') {
            return Err(wrong("clientId", "it contains U+0000", "a client identifier, which has none"));
        }
        Ok(Self(id))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Topic {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let topic = text(parts, state, "topic").await?;
        match check_topic_name(&topic) {
            Ok(()) => Ok(Self(topic)),
            Err(error) => Err(wrong("topic", &error.to_string(), A_TOPIC_NAME)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for DataflowName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        text(parts, state, "dataflow").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for EndpointName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        text(parts, state, "endpoint").await.map(Self)
    }
}

/// The parameter of the path, decoded.
pub(super) async fn text<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, Problem> {
    let decoded = Path::<String>::from_request_parts(parts, state).await;
    decoded.map(|Path(text)| text).map_err(|_| wrong(name, "it is not UTF-8", "UTF-8, percent-encoded"))
}

pub(super) fn wrong(name: &str, text: &str, expected: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "the path has a parameter that is wrong").at(
        &format!("path parameter {name}"),
        text,
        expected,
    )
}

/// Checks a topic filter as it may stand in a query.
pub(super) fn check_topic_filter(text: &str) -> Result<(), TopicError> {
    let filter = Filter::parse(text)?;
    if filter.share.is_some() { Err(TopicError::Share) } else { Ok(()) }
}

/// A client identifier in the document.
pub(super) fn client_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "pattern": "^[^\\u0000]+$" })
}

/// The name of a Dataflow or a DataflowEndpoint in the document.
pub(super) fn resource_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 3,
        "maxLength": 63,
        "pattern": "^[a-z0-9][a-z0-9-]*[a-z0-9]$",
    })
}

/// A topic name in the document.
pub(super) fn topic_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "format": TOPIC_NAME,
        "minLength": 1,
        "pattern": "^[^+#\\u0000]+$",
    })
}

/// A filter as subscribed in the document.
pub(super) fn subscription(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": SUBSCRIPTION })
}

/// A topic filter in the document.
pub(super) fn topic_filter(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "format": TOPIC_FILTER,
        "minLength": 1,
        "pattern": "^(#|(\\+|[^+#/\\u0000]*)(/(\\+|[^+#/\\u0000]*))*(/#)?)$",
    })
}
