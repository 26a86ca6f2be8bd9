//! Who may ask the endpoint: the token, the names it answers to, and where a request that changes something comes from.

use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode, Uri, Version};
use config::SecretText;
use subtle::ConstantTimeEq;

use super::problem::Problem;

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No token, or not the one.
    Token,
    /// A name that is not this machine's, as a web page uses that had its own name point here.
    Host,
    /// A web page from elsewhere asks for a change.
    Origin,
}

/// What a request shows that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Token,
    Nothing,
}

/// The rules; the token may change while the endpoint runs.
#[derive(Debug)]
pub(super) struct Access {
    token: RwLock<Option<SecretText>>,
    /// The machine's name, lower case.
    machine: Option<Box<str>>,
}

impl Access {
    pub(super) fn new(token: Option<SecretText>, machine: Option<&str>) -> Self {
        Self { token: RwLock::new(token), machine: machine.map(|name| name.to_ascii_lowercase().into()) }
    }

    pub(super) fn set_token(&self, token: Option<SecretText>) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Checks one request; probes (`/health/live`, `/health/ready`) are not asked.
    ///
    /// # Errors
    /// Why it is not answered, and what it has shown nevertheless.
    pub(super) fn check(&self, request: &Request<'_>) -> Result<Shown, (Shown, Refusal)> {
        let shown = match &*self.token.read().unwrap_or_else(PoisonError::into_inner) {
            Some(token) if bearer(request.headers).is_some_and(|shown| is(token, shown)) => Shown::Token,
            Some(_) => return Err((Shown::Nothing, Refusal::Token)),
            None => Shown::Nothing,
        };
        // A page that does not know the token is refused above, whatever name it came by.
        if shown == Shown::Nothing && !self.names_us(request) {
            return Err((shown, Refusal::Host));
        }
        match request.method {
            &Method::GET | &Method::HEAD => Ok(shown),
            _ if is_foreign(request.headers) => Err((shown, Refusal::Origin)),
            _ => Ok(shown),
        }
    }

    fn names_us(&self, request: &Request<'_>) -> bool {
        if request.uri.host().is_some_and(|host| !self.is_ours(host)) {
            return false;
        }
        match host(request.headers) {
            Some(host) => self.is_ours(without_port(host)),
            // HTTP/1.0 knows no Host, and no browser speaks it.
            None => request.version == Version::HTTP_10,
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        literal.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || self.machine.as_deref().is_some_and(|machine| host.eq_ignore_ascii_case(machine))
    }
}

/// The parts of a request that the rules look at.
pub(super) struct Request<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) version: Version,
    pub(super) headers: &'a HeaderMap,
}

impl Refusal {
    pub(super) const ALL: [Self; 3] = [Self::Token, Self::Host, Self::Origin];

    /// Its label in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Host => "host",
            Self::Origin => "origin",
        }
    }

    pub(super) fn problem(self) -> Problem {
        let (status, text, place, expected) = match self {
            Self::Token => (
                StatusCode::UNAUTHORIZED,
                "the request does not show this endpoint's token",
                "header Authorization",
                "Bearer and the text of key token in the Secret that diagnostics.admin.tokenSecretRef names",
            ),
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "the request names a host that this endpoint does not answer to without a token",
                "header Host",
                "an IP address, localhost or this machine's name; or set diagnostics.admin.tokenSecretRef",
            ),
            Self::Origin => (
                StatusCode::FORBIDDEN,
                "a web page from another origin may not change anything here",
                "header Origin",
                "none, or the endpoint's own origin",
            ),
        };
        Problem::new(status, text).at(place, text, expected)
    }
}

/// Takes the same time wherever two tokens of one length differ.
fn is(token: &SecretText, shown: &[u8]) -> bool {
    token.reveal().as_bytes().ct_eq(shown).into()
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = single(headers, &AUTHORIZATION)?;
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn host(headers: &HeaderMap) -> Option<&str> {
    std::str::from_utf8(single(headers, &HOST)?).ok()
}

/// `None` also when it is there twice.
fn single<'a>(headers: &'a HeaderMap, name: &axum::http::HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

/// Browsers send Origin with every request that is not GET or HEAD; other clients do not.
fn is_foreign(headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter().peekable();
    if origins.peek().is_none() {
        return false;
    }
    let host = host(headers);
    !origins.all(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        origin.is_some() && origin == host
    })
}
