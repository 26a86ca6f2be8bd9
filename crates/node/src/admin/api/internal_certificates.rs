//! `/api/v1/internal-certificates`: how the processes of a cluster know each other.

use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use identity::internal::{
    AuthorityPhase, AuthorityStatus, CredentialsStatus, InternalError, MemberStatus, Role, RootStatus,
    SHORTEST_DURATION, TokenUse,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::Json;
use super::query::NoQuery;
use crate::admin::cluster::ClusterSource;
use crate::admin::endpoint::Endpoint;
use crate::admin::problem::Problem;
use crate::audit::{Action, Asker};
use crate::cluster::Rotation;
use crate::moment::rfc3339;

/// The longest request for a token.
const LONGEST_REQUEST: usize = 4096;

/// How this process knows others, and is known.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InternalCertificates {
    encryption: Encryption,
    /// The cluster's name.
    cluster: String,
    /// Null where links are not encrypted.
    certificate: Option<Certificate>,
    /// Null but in the cluster's first backend.
    authority: Option<Authority>,
}

/// `advanced.encryptInternalTraffic`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
enum Encryption {
    Enabled,
    Disabled,
}

/// The certificate that this process shows others.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    /// `frontend` or `backend`.
    role: &'static str,
    name: String,
    /// RFC 3339, as all times here.
    not_before: String,
    not_after: String,
    /// Below 0 when it has ended.
    seconds_left: i64,
    /// When it is renewed, or tried to be again.
    renewal_due: String,
    /// Since the process began.
    renewals: u64,
    /// Renewals that failed since.
    failures: u64,
    /// Why the last one failed; null when one has not since.
    last_failure: Option<String>,
    trust: Trust,
}

/// Whom this process trusts.
#[derive(Debug, Serialize, JsonSchema)]
struct Trust {
    /// The number of the list.
    generation: u64,
    authorities: Vec<Trusted>,
}

/// An authority that is trusted.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Trusted {
    /// The first 16 hexadecimal digits of the SHA-256 of its certificate.
    fingerprint: String,
    not_after: String,
}

/// The authority that issues to all processes of the cluster.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Authority {
    fingerprint: String,
    not_after: String,
    phase: Phase,
    /// When a successor is announced, issues, or is alone.
    phase_ends: String,
    generation: u64,
    /// Certificates issued since the process began.
    issued: u64,
    /// Requests refused since.
    refused: u64,
    /// Steps of a rotation that failed since.
    failures: u64,
    /// To whom it issued.
    members: Vec<Member>,
}

/// A process to which a certificate was issued.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Member {
    role: &'static str,
    name: String,
    /// When its last certificate ends.
    not_after: String,
    standing: Standing,
}

/// Whether a process belongs to the cluster.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
enum Standing {
    Member,
    /// Its certificate is refused and it gets no other one, unless somebody gives it a token.
    Removed,
}

/// How far a rotation of the authority is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
enum Phase {
    /// There is none.
    Alone,
    /// The successor is trusted, and issues nothing yet.
    Announced,
    /// The successor issues; the one before is trusted until its last certificate has ended.
    Overlap,
}

/// What a token is to be good for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TokenWanted {
    role: TokenRole,
    /// 60 to 31536000.
    valid_seconds: u64,
    uses: Uses,
}

/// What the process that joins does.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(super) enum TokenRole {
    Frontend,
    Backend,
}

/// How often a token lets somebody in.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
enum Uses {
    Once,
    /// As often as somebody asks in that time.
    UntilItEnds,
}

/// A token that was made.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenMade {
    /// Secret: it lets a process into the cluster.
    token: String,
    role: TokenRole,
    not_after: String,
}

pub(super) async fn read(State(endpoint): State<Endpoint>, _: NoQuery) -> Result<Json<InternalCertificates>, Problem> {
    Ok(Json(InternalCertificates::of(member(&endpoint)?)))
}

pub(super) async fn rotate(
    State(endpoint): State<Endpoint>,
    Extension(by): Extension<Asker>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let member = member(&endpoint)?;
    turn(member, Rotation::Certificate)?;
    endpoint.record(Action::InternalCertificateRotated { by });
    Ok((StatusCode::ACCEPTED, Json(InternalCertificates::of(member))).into_response())
}

pub(super) async fn rotate_authority(
    State(endpoint): State<Endpoint>,
    Extension(by): Extension<Asker>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let member = member(&endpoint)?;
    holds_authority(member)?;
    turn(member, Rotation::Authority)?;
    endpoint.record(Action::InternalAuthorityRotated { by });
    Ok((StatusCode::ACCEPTED, Json(InternalCertificates::of(member))).into_response())
}

pub(super) async fn token(
    State(endpoint): State<Endpoint>,
    Extension(by): Extension<Asker>,
    _: NoQuery,
    body: Bytes,
) -> Result<Response, Problem> {
    let member = member(&endpoint)?;
    holds_authority(member)?;
    let wanted = wanted(&body)?;
    let (role, uses) = (wanted.role.of_member(), wanted.uses.of_token());
    let lasts = Duration::from_secs(wanted.valid_seconds);
    let desk = member.view.desk.as_ref().ok_or_else(|| no_authority(member))?;
    let made = desk.authority().token(role, uses, lasts, SystemTime::now());
    let token = made.map_err(|error| Problem::new(StatusCode::CONFLICT, error.to_string()))?;
    endpoint.record(Action::JoinTokenMade { by, role: role.as_str() });
    let not_after = rfc3339(token.not_after());
    let token = TokenMade { token: token.to_text().to_string(), role: wanted.role, not_after };
    Ok((StatusCode::CREATED, Json(token)).into_response())
}

pub(super) fn member(endpoint: &Endpoint) -> Result<&ClusterSource, Problem> {
    endpoint.running()?.cluster.as_ref().ok_or_else(|| {
        Problem::not_found(
            "this process has no internal certificate: it is no process of a cluster, and speaks to no other",
        )
    })
}

fn turn(member: &ClusterSource, what: Rotation) -> Result<(), Problem> {
    let conflict = |why: String| Problem::new(StatusCode::CONFLICT, why);
    let voice = member.voice.as_ref();
    let voice =
        voice.ok_or_else(|| conflict("encryptInternalTraffic is Disabled: there is no certificate".to_owned()))?;
    voice.rotate(what).map_err(|error: InternalError| conflict(error.to_string()))
}

pub(super) fn holds_authority(member: &ClusterSource) -> Result<(), Problem> {
    match &member.view.desk {
        Some(_) => Ok(()),
        None => Err(no_authority(member)),
    }
}

fn no_authority(member: &ClusterSource) -> Problem {
    if member.voice.is_none() {
        let why = "encryptInternalTraffic is Disabled: there is no authority, and nobody needs a token";
        return Problem::new(StatusCode::CONFLICT, why);
    }
    let first = member.view.plan.authority().map_or("the first backend", |backend| backend.name.as_str());
    Problem::not_found(format!("the authority is not in this process: ask the admin endpoint of {first}"))
}

fn wanted(body: &[u8]) -> Result<TokenWanted, Problem> {
    let wrong = |text: &str| {
        let expected = "{\"role\": \"frontend\" or \"backend\", \"validSeconds\": 60 to 31536000, \"uses\": \"Once\" or \"UntilItEnds\"}";
        Problem::new(StatusCode::BAD_REQUEST, "the request says no token to make").at("the body", text, expected)
    };
    if body.len() > LONGEST_REQUEST {
        return Err(wrong("it is too long"));
    }
    let wanted: TokenWanted = serde_json::from_slice(body).map_err(|error| wrong(&error.to_string()))?;
    match wanted.valid_seconds >= SHORTEST_DURATION.as_secs() {
        true => Ok(wanted),
        false => Err(wrong("validSeconds is too short")),
    }
}

impl TokenRole {
    pub(super) fn of_member(self) -> Role {
        match self {
            Self::Frontend => Role::Frontend,
            Self::Backend => Role::Backend,
        }
    }
}

impl Uses {
    fn of_token(self) -> TokenUse {
        match self {
            Self::Once => TokenUse::Once,
            Self::UntilItEnds => TokenUse::UntilItEnds,
        }
    }
}

impl InternalCertificates {
    pub(super) fn of(source: &ClusterSource) -> Self {
        let report = source.report();
        Self {
            encryption: match source.encryption {
                config::Encryption::Enabled => Encryption::Enabled,
                config::Encryption::Disabled => Encryption::Disabled,
            },
            cluster: source.view.plan.name.clone(),
            certificate: report.certificate.map(Certificate::from),
            authority: report.authority.map(|status| Authority::of(status, report.members)),
        }
    }
}

impl From<CredentialsStatus> for Certificate {
    fn from(status: CredentialsStatus) -> Self {
        let seconds_left = status.seconds_left(SystemTime::now());
        let trusted = |root: RootStatus| Trusted { fingerprint: root.fingerprint, not_after: rfc3339(root.not_after) };
        Self {
            role: status.member.role.as_str(),
            name: status.member.name.to_string(),
            not_before: rfc3339(status.not_before),
            not_after: rfc3339(status.not_after),
            seconds_left,
            renewal_due: rfc3339(status.due),
            renewals: status.renewals,
            failures: status.failures,
            last_failure: status.last_failure,
            trust: Trust {
                generation: status.generation,
                authorities: status.roots.into_iter().map(trusted).collect(),
            },
        }
    }
}

impl Authority {
    fn of(status: AuthorityStatus, members: Vec<MemberStatus>) -> Self {
        let (phase, ends) = match status.phase {
            AuthorityPhase::Alone { rotation } => (Phase::Alone, rotation),
            AuthorityPhase::Announced { issues } => (Phase::Announced, issues),
            AuthorityPhase::Overlap { until } => (Phase::Overlap, until),
        };
        Self {
            fingerprint: status.fingerprint,
            not_after: rfc3339(status.not_after),
            phase,
            phase_ends: rfc3339(ends),
            generation: status.generation,
            issued: status.issued,
            refused: status.refused,
            failures: status.failures,
            members: members.into_iter().map(Member::from).collect(),
        }
    }
}

impl From<MemberStatus> for Member {
    fn from(status: MemberStatus) -> Self {
        Self {
            role: status.member.role.as_str(),
            name: status.member.name.to_string(),
            not_after: rfc3339(status.not_after),
            standing: match status.standing {
                identity::internal::Standing::Member => Standing::Member,
                identity::internal::Standing::Removed => Standing::Removed,
            },
        }
    }
}
