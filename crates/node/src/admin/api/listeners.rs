//! `/api/v1/listeners`: where clients may connect.

use axum::extract::State;
use identity::CertificateStatus;
use schemars::JsonSchema;
use serde::Serialize;

use super::json::Json;
use super::query::NoQuery;
use crate::admin::endpoint::Endpoint;
use crate::admin::part::NO_CLIENTS;
use crate::admin::problem::Problem;
use crate::admin::source::{Framing, ListenerStatus, TlsMode};
use crate::moment::rfc3339;

/// The open listeners.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Listeners {
    items: Vec<Listener>,
}

/// An open listener.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listener {
    /// As in the configuration: `default/18883`.
    name: String,
    /// Where it is bound.
    address: String,
    protocol: Protocol,
    /// Null without TLS.
    tls: Option<Tls>,
    /// The BrokerAuthentication that says who is let in; null where everybody is.
    authentication: Option<String>,
    /// The BrokerAuthorization that says what they may do; null where that is everything.
    authorization: Option<String>,
}

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
enum Protocol {
    Mqtt,
    WebSockets,
}

/// TLS of a listener.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tls {
    mode: Mode,
    /// When its certificate ends, RFC 3339; null while it has none.
    not_after: Option<String>,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
enum Mode {
    Automatic,
    Manual,
}

pub(super) async fn list(State(endpoint): State<Endpoint>, _: NoQuery) -> Result<Json<Listeners>, Problem> {
    let broker = endpoint.broker()?;
    if !broker.part.has_clients() {
        return Err(Problem::not_found(NO_CLIENTS));
    }
    let certificates = (broker.certificates)();
    let items = (broker.listeners)().into_iter().map(|listener| Listener::of(listener, &certificates)).collect();
    Ok(Json(Listeners { items }))
}

impl Listener {
    fn of(listener: ListenerStatus, certificates: &[CertificateStatus]) -> Self {
        let ListenerStatus { name, address, framing, tls: mode, authentication, authorization } = listener;
        let certificate = certificates.iter().find(|certificate| certificate.listener == name);
        let tls = |mode| Some(Tls { mode, not_after: certificate.map(|certificate| rfc3339(certificate.not_after)) });
        Self {
            address: address.to_string(),
            protocol: match framing {
                Framing::Mqtt => Protocol::Mqtt,
                Framing::WebSockets => Protocol::WebSockets,
            },
            tls: match mode {
                TlsMode::None => None,
                TlsMode::Automatic => tls(Mode::Automatic),
                TlsMode::Manual => tls(Mode::Manual),
            },
            name,
            authentication,
            authorization,
        }
    }
}
