//! `/api/v1/internal-certificates/remove`: taking a process's standing in the cluster away.

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use identity::internal::MemberName;
use schemars::JsonSchema;
use serde::Deserialize;

use super::internal_certificates::{InternalCertificates, TokenRole, holds_authority, member};
use super::json::Json;
use super::query::NoQuery;
use crate::admin::endpoint::Endpoint;
use crate::admin::problem::Problem;
use crate::audit::{Action, Asker};

const LONGEST_REQUEST: usize = 4096;

/// A process of the cluster that is let in no more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MemberUnwanted {
    role: TokenRole,
    /// `frontend-0`
    name: String,
}

pub(super) async fn remove(
    State(endpoint): State<Endpoint>,
    Extension(by): Extension<Asker>,
    _: NoQuery,
    body: Bytes,
) -> Result<Response, Problem> {
    let source = member(&endpoint)?;
    holds_authority(source)?;
    let (unwanted, name) = unwanted(&body)?;
    let role = unwanted.role.of_member();
    let conflict = |why: String| Problem::new(StatusCode::CONFLICT, why);
    let voice = source.voice.as_ref().ok_or_else(|| conflict("there is no certificate".to_owned()))?;
    voice.remove(role, &name).map_err(|error| conflict(error.to_string()))?;
    endpoint.record(Action::InternalMemberRemoved { by, role: role.as_str(), name: name.to_string() });
    Ok((StatusCode::ACCEPTED, Json(InternalCertificates::of(source))).into_response())
}

fn unwanted(body: &[u8]) -> Result<(MemberUnwanted, MemberName), Problem> {
    let wrong = |text: &str| {
        let expected = "{\"role\": \"frontend\" or \"backend\", \"name\": the name of a process}";
        Problem::new(StatusCode::BAD_REQUEST, "the request names no process").at("the body", text, expected)
    };
    if body.len() > LONGEST_REQUEST {
        return Err(wrong("it is too long"));
    }
    let unwanted: MemberUnwanted = serde_json::from_slice(body).map_err(|error| wrong(&error.to_string()))?;
    let name = MemberName::new(&unwanted.name).map_err(|error| wrong(&error.to_string()))?;
    Ok((unwanted, name))
}
