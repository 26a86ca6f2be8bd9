//! What a request that is not answered gets instead: RFC 9457 problem details.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not answered (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Problem {
    /// Always `about:blank`: `status` says what kind of problem it is.
    r#type: &'static str,
    /// The words of the status code.
    title: &'static str,
    /// The status code.
    status: u16,
    /// What went wrong, in a sentence.
    detail: String,
    /// Each thing that is wrong with the request, with its place and what would be right.
    problems: Vec<Flaw>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Flaw {
    /// Where: a parameter, a header, a file with line and field.
    pub(crate) place: String,
    /// What is wrong.
    pub(crate) text: String,
    /// What would be right.
    pub(crate) expected: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Unknown"),
            status: status.as_u16(),
            detail: detail.into(),
            problems: Vec::new(),
        }
    }

    pub(super) fn at(self, place: &str, text: &str, expected: &str) -> Self {
        self.with(vec![Flaw { place: place.to_owned(), text: text.to_owned(), expected: expected.to_owned() }])
    }

    pub(super) fn with(mut self, problems: Vec<Flaw>) -> Self {
        self.problems.extend(problems);
        self
    }

    /// The process has not started, or does no longer run.
    pub(super) fn not_running() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the process is starting; ask again when /health/ready says ready")
    }

    /// It is about a broker, and this process has none.
    pub(super) fn no_broker() -> Self {
        Self::not_found("this process is a bridge and has no broker in it; ask the admin endpoint of the broker")
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // Strings and numbers only: it cannot fail.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"causeway\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
