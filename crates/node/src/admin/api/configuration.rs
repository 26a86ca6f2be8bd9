//! `/api/v1/configuration`: what is in effect, and where it came from.

use axum::extract::State;
use config::EffectiveValue;
use schemars::JsonSchema;
use serde::Serialize;

use super::json::Json;
use super::query::NoQuery;
use crate::admin::endpoint::Endpoint;
use crate::admin::problem::Problem;

/// The effective configuration.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Configuration {
    items: Vec<Setting>,
}

/// A setting with the value in effect.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Setting {
    /// The resource and the field in it.
    path: String,
    /// As text. Secrets are not shown.
    value: String,
    /// Where the value came from: a flag, a place in a file, the default.
    origin: String,
    /// What else is to be known: where it has its effect, if not in this process.
    note: Option<String>,
}

pub(super) async fn list(State(endpoint): State<Endpoint>, _: NoQuery) -> Result<Json<Configuration>, Problem> {
    let effective = (endpoint.running()?.effective)();
    let setting = |EffectiveValue { path, value, origin, note }| {
        let origin = origin.to_string();
        Setting { path, value, origin, note }
    };
    Ok(Json(Configuration { items: effective.into_iter().map(setting).collect() }))
}
