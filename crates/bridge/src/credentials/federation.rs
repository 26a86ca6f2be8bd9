//! Workload identity federation: a token of the cluster is exchanged for one of Microsoft Entra.

mod refusal;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Uri};
use zeroize::Zeroizing;

use super::error::CredentialError;
use super::https::{Https, Patience, is_loopback, pairs, place};
use super::presented::Presented;
use super::service_account::Projected;
use super::settings::UserIdentity;
use super::surroundings::Surroundings;

const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";
const PROJECTED_TOKEN: &str = "/var/run/secrets/azure/tokens/azure-identity-token";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SILENT: &str = "this machine must reach the token host (AZURE_AUTHORITY_HOST) over https";

/// Where the cluster's token is.
pub(super) fn token_file(surroundings: &Surroundings) -> PathBuf {
    surroundings.variables.federated_token_file.clone().unwrap_or_else(|| PathBuf::from(PROJECTED_TOKEN))
}

/// Asks for a token once.
pub(super) async fn presented(
    identity: &UserIdentity,
    surroundings: &Surroundings,
    now: SystemTime,
) -> Result<Presented, CredentialError> {
    let file = token_file(surroundings);
    let assertion = Projected::read(&file, now)?;
    let uri = endpoint(identity, surroundings)?;
    let https = Https::trusting(&surroundings.authorities)?;
    let patience = Patience { deadline: surroundings.pace.far_deadline, remedy: SILENT };
    let answer = https.send(request(&uri, identity, &assertion)?, patience).await?;
    match answer.status {
        200 => answer.token(now),
        _ => Err(refusal::of(&answer, identity, &assertion, &file)),
    }
}

fn endpoint(identity: &UserIdentity, surroundings: &Surroundings) -> Result<Uri, CredentialError> {
    let in_a_path =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    for (field, value) in [
        ("userAssignedManagedIdentitySettings.tenantId", &identity.tenant_id),
        ("userAssignedManagedIdentitySettings.clientId", &identity.client_id),
    ] {
        if !in_a_path(value) {
            let expected = "an id like 00000000-0000-0000-0000-000000000000";
            return Err(CredentialError::Setting { field, value: value.clone(), expected });
        }
    }
    let host = surroundings.variables.authority_host.as_deref().unwrap_or(PUBLIC_CLOUD);
    let uri: Option<Uri> =
        format!("{}/{}/oauth2/v2.0/token", host.trim_end_matches('/'), identity.tenant_id).parse().ok();
    let trusted = |uri: &Uri| match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) => !host.is_empty(),
        (Some("http"), Some(host)) => is_loopback(host),
        _ => false,
    };
    uri.filter(trusted).ok_or_else(|| CredentialError::Setting {
        field: "AZURE_AUTHORITY_HOST",
        value: host.to_owned(),
        expected: "like https://login.microsoftonline.com, because what is sent there is secret",
    })
}

fn request(uri: &Uri, identity: &UserIdentity, assertion: &Projected) -> Result<Request<Full<Bytes>>, CredentialError> {
    let token = Zeroizing::new(String::from_utf8_lossy(assertion.token.bytes()).into_owned());
    let form = pairs(&[
        ("grant_type", "client_credentials"),
        ("client_id", &identity.client_id),
        ("scope", &identity.scope),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", &token),
    ]);
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    let request = Request::builder().method(Method::POST).uri(uri.clone()).header(CONTENT_TYPE, form_type);
    let request = request.body(Full::from(form));
    request.map_err(|error| CredentialError::Answer { endpoint: place(uri), reason: error.to_string() })
}

/// Words for a file.
fn named(file: &Path) -> String {
    file.display().to_string()
}
