//! One HTTP client: connections are kept and used again, nothing is followed, answers are bounded.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};

use crate::authentication::pem::{self, ClientIdentity, PemError, PemFile};

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
const IDLE_KEPT: Duration = Duration::from_secs(60);
const IDLE_CONNECTIONS: usize = 16;

/// Whom to trust, and who to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpsSettings {
    /// The authorities of the server's certificate, in place of those of this machine.
    pub authorities: Option<Vec<PemFile>>,
    pub identity: Option<ClientIdentity>,
}

/// Why there can be no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpsError {
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("an authority in {files} cannot be used ({reason})")]
    Authority { files: String, reason: String },
    #[error("this machine has no authorities to check the server's certificate with ({0}); name a CA bundle")]
    NoAuthorities(String),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("{0}")]
    Unreachable(String),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

pub(crate) struct HttpsClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl HttpsClient {
    pub fn new(settings: &HttpsSettings) -> Result<Self, HttpsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(roots(settings)?);
        let config = match &settings.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = pem::identity(identity)?;
                let pair =
                    |error: rustls::Error| PemError::Pair { file: identity.name.clone(), reason: error.to_string() };
                builder.with_client_auth_cert(chain, key).map_err(pair)?
            }
        };
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_DEADLINE));
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_KEPT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Ok(Self(client))
    }

    /// Sends a request; the body of the answer is at most `most` bytes. The caller sets the deadline.
    pub async fn send(&self, request: Request<Full<Bytes>>, most: usize) -> Result<(StatusCode, Bytes), SendError> {
        let answer = self.0.request(request).await.map_err(|error| SendError::Unreachable(described(&error)))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), most).collect().await.map_err(|error| {
            match error.is::<LengthLimitError>() {
                true => SendError::TooLarge(most),
                false => SendError::Unreachable(described(error.as_ref())),
            }
        })?;
        Ok((status, body.to_bytes()))
    }
}

fn roots(settings: &HttpsSettings) -> Result<RootCertStore, HttpsError> {
    let mut roots = RootCertStore::empty();
    if let Some(files) = &settings.authorities {
        for certificate in pem::certificates(files)? {
            roots.add(certificate).map_err(|error| HttpsError::Authority {
                files: files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", "),
                reason: error.to_string(),
            })?;
        }
        return Ok(roots);
    }
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        let reason = native.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(HttpsError::NoAuthorities(reason));
    }
    Ok(roots)
}

/// An error with what is behind it.
pub(super) fn described(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
