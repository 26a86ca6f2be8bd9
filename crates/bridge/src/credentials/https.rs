//! Asking identity endpoints: one request a connection, nothing is followed, answers are bounded, every wait ends.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::tls::{self, Authorities, TlsOptions};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::HeaderMap;
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::{ClientConfig, RootCertStore};

use super::error::CredentialError;

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
const LARGEST_ANSWER: usize = 64 * 1024;
/// Those that RFC 3986 calls unreserved stay as they are.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) struct Https(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// What came back.
pub(super) struct Answer {
    /// Who was asked, without the query.
    pub endpoint: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// How long to wait for one answer, and what to say to the reader when none comes.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    pub deadline: Duration,
    pub remedy: &'static str,
}

impl Https {
    /// For endpoints on this machine or its host, which speak plain HTTP.
    pub fn near() -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        Self::with(config)
    }

    /// Trusts these authorities; with none, those of this machine.
    pub fn trusting(authorities: &[Authorities]) -> Result<Self, CredentialError> {
        let options = TlsOptions { authorities: authorities.to_vec(), alpn: Vec::new(), ..TlsOptions::default() };
        let config = tls::configuration(&options).map_err(|error| CredentialError::Trust(error.to_string()))?;
        Ok(Self::with(ClientConfig::clone(&config)))
    }

    fn with(config: ClientConfig) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_DEADLINE));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        // Tokens are asked for so seldom that no connection is worth being kept.
        Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub async fn send(&self, request: Request<Full<Bytes>>, patience: Patience) -> Result<Answer, CredentialError> {
        let endpoint = place(request.uri());
        let unreachable = |error: &dyn Error| CredentialError::Unreachable {
            endpoint: endpoint.clone(),
            reason: described(error),
            remedy: patience.remedy,
        };
        let asked = async {
            let answer = self.0.request(request).await.map_err(|error| unreachable(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await;
            let body = body.map_err(|error| match error.is::<LengthLimitError>() {
                true => CredentialError::Answer {
                    endpoint: endpoint.clone(),
                    reason: format!("it is larger than {LARGEST_ANSWER} bytes"),
                },
                false => unreachable(error.as_ref()),
            })?;
            let (status, headers) = (head.status.as_u16(), head.headers);
            Ok(Answer { endpoint: endpoint.clone(), status, headers, body: body.to_bytes() })
        };
        match tokio::time::timeout(patience.deadline, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(CredentialError::TimedOut {
                endpoint: endpoint.clone(),
                seconds: patience.deadline.as_secs().max(1),
                remedy: patience.remedy,
            }),
        }
    }
}

/// `a=b&c=d`, for a query or a form.
pub(super) fn pairs(pairs: &[(&str, &str)]) -> String {
    let encoded = |text| utf8_percent_encode(text, RESERVED);
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// An address for words: without what may be in its query.
pub(super) fn place(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}{}", uri.scheme_str().unwrap_or("http"), uri.path())
}

/// Whether only this machine can be meant.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An error with what is behind it.
fn described(error: &dyn Error) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_encoded() {
        let encoded = pairs(&[("api-version", "2018-02-01"), ("resource", "https://a b/ü&c=d")]);
        assert_eq!(encoded, "api-version=2018-02-01&resource=https%3A%2F%2Fa%20b%2F%C3%BC%26c%3Dd");
    }

    #[test]
    fn a_place_has_no_query() {
        assert_eq!(place(&"https://host:8443/path?secret=1".parse().unwrap()), "https://host:8443/path");
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (host, expected) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("127.0.0.1.example", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
