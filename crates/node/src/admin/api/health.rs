//! `/health` and `/health/ready`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::json::Json;
use super::query::NoQuery;
use crate::admin::condition::{Condition, ReasonCode, Standing, Status};
use crate::admin::endpoint::Endpoint;
use crate::moment::rfc3339;

/// The broker's condition.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HealthReport {
    status: Status,
    /// Of the worst condition; null while there is none.
    reason_code: Option<ReasonCode>,
    /// A sentence on the worst condition.
    message: String,
    /// When `status` last changed, RFC 3339.
    last_transition_time: String,
    /// When it was last looked at, RFC 3339.
    last_update_time: String,
    /// All that is to be known, the worst first.
    conditions: Vec<ConditionReport>,
}

/// Something to be known about the broker.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ConditionReport {
    /// What it makes of the broker; `Available` where it is a mere notice.
    status: Status,
    reason_code: ReasonCode,
    message: String,
    /// Since when it holds, RFC 3339.
    last_transition_time: String,
    /// Each thing that is wrong, where there are several.
    problems: Vec<String>,
}

pub(super) async fn ready(State(endpoint): State<Endpoint>) -> Response {
    let (status, text) = match endpoint.health().readiness() {
        Ok(text) => (StatusCode::OK, text),
        Err(text) => (StatusCode::SERVICE_UNAVAILABLE, text),
    };
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

pub(super) async fn report(State(endpoint): State<Endpoint>, _: NoQuery) -> Response {
    let standing = endpoint.look();
    let status = match standing.status {
        Status::Available | Status::Degraded => StatusCode::OK,
        Status::Unavailable | Status::Unknown => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(HealthReport::of(standing))).into_response()
}

impl HealthReport {
    fn of(standing: Standing) -> Self {
        let Standing { status, since, looked, conditions } = standing;
        let worst = conditions.first().filter(|(condition, _)| condition.status != Status::Available);
        let (reason_code, message) = match worst {
            Some((condition, _)) => (Some(condition.reason), condition.message.clone()),
            None => (None, "everything works".to_owned()),
        };
        let report = |(condition, since)| {
            let Condition { status, reason, message, problems } = condition;
            ConditionReport { status, reason_code: reason, message, last_transition_time: rfc3339(since), problems }
        };
        Self {
            status,
            reason_code,
            message,
            last_transition_time: rfc3339(since),
            last_update_time: rfc3339(looked),
            conditions: conditions.into_iter().map(report).collect(),
        }
    }
}
