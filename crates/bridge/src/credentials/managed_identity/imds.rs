//! The instance metadata service of an Azure virtual machine.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Uri};

use super::with_query;
use crate::credentials::error::CredentialError;
use crate::credentials::https::{Answer, Https, Patience, pairs, place};
use crate::credentials::presented::Presented;

const API_VERSION: &str = "2018-02-01";
const SILENT: &str = "an Azure virtual machine has its metadata service there; connect other machines with Azure Arc, \
    or choose another authentication method";

/// Asks once.
pub(super) async fn token(
    https: &Https,
    uri: &Uri,
    resource: &str,
    deadline: Duration,
    now: SystemTime,
) -> Result<Presented, CredentialError> {
    let request = request(uri, API_VERSION, resource)?;
    let answer = https.send(request, Patience { deadline, remedy: SILENT }).await?;
    if answer.status == 200 { answer.token(now) } else { Err(refused(&answer)) }
}

/// `GET ...?api-version=...&resource=...` with `Metadata: true`, which no proxy forwards.
pub(super) fn request(uri: &Uri, version: &str, resource: &str) -> Result<Request<Full<Bytes>>, CredentialError> {
    let query = pairs(&[("api-version", version), ("resource", resource)]);
    let request = with_query(uri, &query).and_then(|uri| {
        Request::builder().method(Method::GET).uri(uri).header("Metadata", "true").body(Full::default())
    });
    request.map_err(|error| CredentialError::Answer { endpoint: place(uri), reason: error.to_string() })
}

fn refused(answer: &Answer) -> CredentialError {
    let said = answer.said(&[]);
    let remedy = match answer.status {
        400 if said.description.contains("Identity not found") => {
            "turn on the system-assigned identity of this virtual machine"
        }
        400 if said.error == "invalid_resource" || said.description.contains("AADSTS500011") => {
            "systemAssignedManagedIdentitySettings.audience must be the name of a resource in this tenant"
        }
        404 | 408 | 410 | 429 | 500.. => "it is asked again",
        _ => "see whether this virtual machine has a system-assigned identity, and the audience of the endpoint",
    };
    answer.refused(&said, remedy)
}
