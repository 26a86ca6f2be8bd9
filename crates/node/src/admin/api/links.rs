//! A dataflow's connection to an endpoint, as the API shows it.

use std::time::SystemTime;

use bridge::{LinkState, LinkStatus};
use mqtt::ProtocolVersion;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::moment::rfc3339;

/// A connection to an endpoint.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link {
    /// The DataflowEndpoint.
    endpoint: String,
    /// Where it is, as a URL; without credentials.
    address: String,
    /// Under which identifier it is connected to.
    client_id: String,
    state: State,
    /// Since when it is `Up`, RFC 3339; null while it is not.
    up_since: Option<String>,
    /// When connecting is tried again, RFC 3339; null while it does not wait for that.
    next_retry_at: Option<String>,
    /// Of the connection that stands, or of the last: `3.1.1` or `5.0`; null before the first.
    protocol_version: Option<&'static str>,
    /// The last failure to connect, or to stay connected; null when everything has worked since.
    failure: Option<Failure>,
    /// When the server last turned out to have forgotten the session, and with it what had waited there, RFC 3339.
    session_lost_at: Option<String>,
    /// When what was shown to the server ends, RFC 3339; null where it does not.
    credential_expires_at: Option<String>,
    /// How long that is from now; negative once it has ended.
    credential_expires_in_seconds: Option<i64>,
    /// Why there is no credential, or no newer one; null where that goes well.
    credential_failure: Option<CredentialFailure>,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
enum State {
    /// A try is under way.
    Connecting,
    /// It is accepted, and what is wanted is subscribed to.
    Up,
    /// Until the next try.
    Waiting,
    /// It has ended on purpose.
    Stopped,
}

/// What went wrong.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure {
    /// The step that failed; where the server answers, the packet it answers with. `connection` is one that stood, and
    /// ended.
    #[schemars(schema_with = "step")]
    step: &'static str,
    /// What the server said; null where it said nothing.
    code: Option<Code>,
    /// In words; no secret is in it.
    text: String,
    /// When this step began to fail, RFC 3339; it has not worked since.
    since: String,
    /// When it failed last, RFC 3339.
    last: String,
    /// How often it has failed since.
    times: u64,
}

fn step(_: &mut SchemaGenerator) -> Schema {
    use bridge::Step as S;
    let steps = [
        S::Token,
        S::Dns,
        S::Tcp,
        S::Tls,
        S::WebSocket,
        S::Connect,
        S::Subscribe,
        S::Connection,
        S::Reauthenticate,
        S::Publish,
    ];
    json_schema!({ "type": "string", "enum": steps.map(S::name) })
}

/// A reason code of MQTT 5; of a server that speaks 3.1.1, the nearest one.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Code {
    number: u8,
    name: String,
}

/// Attempts to get a credential that failed.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CredentialFailure {
    /// In words; no secret is in it.
    text: String,
    /// The first of this row, RFC 3339.
    since: String,
    /// In this row.
    times: u64,
    /// When it is tried again, RFC 3339; sooner when a file changes or a server refuses what there is.
    next_retry_at: String,
}

impl Link {
    pub(super) fn of(status: &LinkStatus, now: SystemTime) -> Self {
        let (state, up_since, next_retry_at) = match status.state {
            LinkState::Connecting => (State::Connecting, None, None),
            LinkState::Up { since } => (State::Up, Some(since), None),
            LinkState::Waiting { until } => (State::Waiting, None, Some(until)),
            LinkState::Stopped => (State::Stopped, None, None),
        };
        let credential_failure = status.credential_failure.as_ref().map(|failure| CredentialFailure {
            text: failure.error.to_string(),
            since: rfc3339(failure.since),
            times: failure.attempts,
            next_retry_at: rfc3339(failure.next),
        });
        Self {
            endpoint: status.endpoint.clone(),
            address: status.address.clone(),
            client_id: status.client_id.clone(),
            state,
            up_since: up_since.map(rfc3339),
            next_retry_at: next_retry_at.map(rfc3339),
            protocol_version: status.version.map(|version| match version {
                ProtocolVersion::V3_1 => "3.1",
                ProtocolVersion::V3_1_1 => "3.1.1",
                ProtocolVersion::V5 => "5.0",
            }),
            failure: status.failure.as_ref().map(Failure::from),
            session_lost_at: status.session_lost.map(rfc3339),
            credential_expires_at: status.credential_expires.map(rfc3339),
            credential_expires_in_seconds: status.credential_expires.map(|end| seconds_to(end, now)),
            credential_failure,
        }
    }
}

impl From<&bridge::Failure> for Failure {
    fn from(failure: &bridge::Failure) -> Self {
        let bridge::Failure { step, code, text, since, last, times } = failure;
        Self {
            step: step.name(),
            code: code.map(|code| Code { number: code as u8, name: format!("{code:?}") }),
            text: text.clone(),
            since: rfc3339(*since),
            last: rfc3339(*last),
            times: *times,
        }
    }
}

/// Whole seconds; negative where `moment` is over.
fn seconds_to(moment: SystemTime, now: SystemTime) -> i64 {
    let whole = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    match moment.duration_since(now) {
        Ok(left) => whole(left.as_secs()),
        Err(over) => -whole(over.duration().as_secs()),
    }
}
