//! A credential as it is shown to a server.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use mqtt::{Authentication, Connect};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::secret::Secret;

/// What goes into CONNECT and into the TLS handshake, and until when it holds.
#[derive(Clone)]
pub struct Presented {
    pub(super) shown: Shown,
    pub(super) expires: Option<SystemTime>,
}

#[derive(Clone)]
pub(super) enum Shown {
    Nothing,
    Password { username: String, password: Secret },
    Certificate(Arc<CertifiedKey>),
    Token { method: &'static str, token: Secret },
}

/// How a server gets to know that the credential is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// AUTH 0x19 with the new data, on the connection that stands.
    Reauthenticate,
    /// Nothing but a new connection.
    Reconnect,
}

impl Presented {
    pub(super) fn new(shown: Shown, expires: Option<SystemTime>) -> Self {
        Self { shown, expires }
    }

    /// Fills in user name, password, authentication method and data; the rest stays.
    pub fn fill(&self, connect: &mut Connect) {
        connect.authentication = self.authentication();
        (connect.username, connect.password) = match &self.shown {
            Shown::Password { username, password } => {
                (Some(username.clone()), Some(Bytes::copy_from_slice(password.bytes())))
            }
            Shown::Nothing | Shown::Certificate(_) | Shown::Token { .. } => (None, None),
        };
    }

    /// Method and data of enhanced authentication, for CONNECT and AUTH.
    pub fn authentication(&self) -> Option<Authentication> {
        match &self.shown {
            Shown::Token { method, token } => {
                Some(Authentication { method: (*method).to_owned(), data: Some(Bytes::copy_from_slice(token.bytes())) })
            }
            Shown::Nothing | Shown::Password { .. } | Shown::Certificate(_) => None,
        }
    }

    /// The settings of an endpoint, with the client certificate if there is one. Earlier TLS sessions are not resumed
    /// with it: they would go on with the certificate of then.
    pub fn tls(&self, endpoint: &Arc<ClientConfig>) -> Arc<ClientConfig> {
        let Shown::Certificate(key) = &self.shown else { return Arc::clone(endpoint) };
        let mut with_certificate = ClientConfig::clone(endpoint);
        with_certificate.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(Arc::clone(key)));
        with_certificate.resumption = Resumption::disabled();
        Arc::new(with_certificate)
    }

    /// When it ends; `None` where nothing says so.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    pub fn renewal(&self) -> Renewal {
        match &self.shown {
            Shown::Token { .. } => Renewal::Reauthenticate,
            Shown::Nothing | Shown::Password { .. } | Shown::Certificate(_) => Renewal::Reconnect,
        }
    }

    /// Whether a server would see no difference.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.shown, &other.shown) {
            (Shown::Nothing, Shown::Nothing) => true,
            (
                Shown::Password { username, password },
                Shown::Password { username: other_name, password: other_password },
            ) => username == other_name && password == other_password,
            // The key of a certificate is the one that fits it.
            (Shown::Certificate(key), Shown::Certificate(other)) => key.cert == other.cert,
            (Shown::Token { method, token }, Shown::Token { method: other_method, token: other_token }) => {
                method == other_method && token == other_token
            }
            _ => false,
        }
    }
}

/// Says what is there, never what it is.
impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.shown {
            Shown::Nothing => "nothing",
            Shown::Password { .. } => "user name and password",
            Shown::Certificate(_) => "certificate",
            Shown::Token { method, .. } => method,
        };
        f.debug_struct("Presented").field("kind", &kind).field("expires", &self.expires).finish()
    }
}
