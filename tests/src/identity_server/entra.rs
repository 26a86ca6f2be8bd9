//! The token host of Microsoft Entra: a token of a cluster that an identity trusts is exchanged for one of the
//! identity.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Made, Mint, pairs};
use crate::https_server::{Answered, Seen, Server};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Whose tokens an identity trusts: its federated credential.
#[derive(Clone, Debug)]
pub struct Trusted {
    pub tenant: &'static str,
    pub client: &'static str,
    pub issuer: &'static str,
    pub subject: &'static str,
}

/// A token host; ends with this value.
pub struct Entra {
    pub server: Server,
    trusted: Arc<Mutex<Option<Trusted>>>,
}

impl Entra {
    pub fn start(mint: &Arc<Mint>, trusted: &Trusted) -> Self {
        let known = Arc::new(Mutex::new(Some(trusted.clone())));
        let (mint, answering) = (Arc::clone(mint), Arc::clone(&known));
        let server = Server::https(move |seen| {
            let trusted = answering.lock().expect("the credential").clone();
            answer(&mint, trusted.as_ref(), seen)
        });
        Entra { server, trusted: known }
    }

    /// The identity has no federated credential any more, or this one.
    pub fn trusts(&self, trusted: Option<&Trusted>) {
        *self.trusted.lock().expect("the credential") = trusted.cloned();
    }

    /// As `AZURE_AUTHORITY_HOST` has it.
    pub fn authority_host(&self) -> String {
        format!("https://localhost:{}/", self.server.address.port())
    }
}

/// An error as Entra writes it.
pub fn refusal(code: u64, words: &str) -> Answered {
    let (status, error) = match code {
        90_033 => (503, "temporarily_unavailable"),
        700_016 => (400, "unauthorized_client"),
        500_011 => (400, "invalid_resource"),
        700_024 => (401, "invalid_client"),
        _ => (400, "invalid_request"),
    };
    let description = format!(
        "AADSTS{code}: {words} Trace ID: 0f9a2c5e-6b1d-4e0a-9c37-51d2a4f80b00 Correlation ID: \
         3e6d0a94-5f1b-4c2e-8d77-90ab12cd34ef Timestamp: 2026-11-22 06:00:00Z"
    );
    let body = json!({
        "error": error, "error_description": description, "error_codes": [code], "timestamp": "2026-11-22 06:00:00Z",
        "trace_id": "0f9a2c5e-6b1d-4e0a-9c37-51d2a4f80b00", "correlation_id": "3e6d0a94-5f1b-4c2e-8d77-90ab12cd34ef",
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    });
    Answered::With(status, body.to_string())
}

fn answer(mint: &Mint, trusted: Option<&Trusted>, seen: &Seen) -> Answered {
    let form = pairs(&seen.text);
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let tenant = seen.target.strip_prefix('/').and_then(|path| path.strip_suffix("/oauth2/v2.0/token"));
    let (Some(tenant), "POST") = (tenant, seen.method.as_str()) else { return Answered::With(404, String::new()) };
    for name in ["grant_type", "client_id", "scope", "client_assertion_type", "client_assertion"] {
        if field(name).is_empty() {
            let words = format!("The request body must contain the following parameter: '{name}'.");
            return refusal(900_144, &words);
        }
    }
    if seen.header("content-type") != Some("application/x-www-form-urlencoded") {
        return refusal(900_144, "The request body must contain the following parameter: 'grant_type'.");
    }
    if field("grant_type") != "client_credentials" {
        return refusal(70_003, "The app requested an unsupported grant type.");
    }
    if field("client_assertion_type") != ASSERTION_TYPE {
        return refusal(500_051, "The assertion type is not supported.");
    }
    let Some(audience) = field("scope").strip_suffix("/.default") else {
        return refusal(
            1_002_012,
            "The provided value for scope is not valid. Client credential flows must have a scope \
                                   value with /.default suffixed to the resource identifier.",
        );
    };
    if let Some(refused) = distrust(trusted, tenant, field("client_id"), field("client_assertion")) {
        return refused;
    }
    match mint.token(audience, field("client_assertion")) {
        Err(instead) => instead,
        Ok(Made { token, lifetime }) => {
            let body = json!({
                "token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token,
            });
            Answered::With(200, body.to_string())
        }
    }
}

/// Why the assertion is not good for this identity.
fn distrust(trusted: Option<&Trusted>, tenant: &str, client: &str, assertion: &str) -> Option<Answered> {
    let none = || refusal(70_021, "No matching federated identity record found for presented assertion.");
    let Some(trusted) = trusted else { return Some(none()) };
    if trusted.tenant != tenant {
        return Some(refusal(90_002, &format!("Tenant '{tenant}' not found.")));
    }
    if trusted.client != client {
        let words = format!("Application with identifier '{client}' was not found in the directory '{tenant}'.");
        return Some(refusal(700_016, &words));
    }
    let claims: Option<Value> = assertion.split('.').nth(1).and_then(|claims| {
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        serde_json::from_slice(&claims).ok()
    });
    let claims = claims.unwrap_or_default();
    let audiences = claims["aud"].as_array().cloned().unwrap_or_default();
    let fits = claims["iss"] == trusted.issuer
        && claims["sub"] == trusted.subject
        && audiences.iter().any(|audience| audience == "api://AzureADTokenExchange");
    (!fits).then(none)
}
