//! What a client shows of itself.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use rustls_pki_types::CertificateDer;

use super::judgement::MethodKind;

/// Everything one CONNECT, or one AUTH 0x19, brings along.
#[derive(Clone)]
pub struct Credentials {
    pub client_id: Box<str>,
    pub username: Option<Box<str>>,
    pub password: Option<Bytes>,
    pub enhanced: Option<Enhanced>,
    /// The certificates of the TLS handshake as the client sent them, its own first.
    pub chain: Option<Arc<[CertificateDer<'static>]>>,
    pub address: IpAddr,
}

/// The properties Authentication Method and Authentication Data.
#[derive(Clone)]
pub struct Enhanced {
    pub method: Box<str>,
    pub data: Option<Bytes>,
}

/// What the judgement is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    Connect,
    /// AUTH 0x19 of a client that was accepted before: as `username`, by `by`. It cannot become somebody else.
    ReAuthenticate {
        username: Option<Box<str>>,
        by: MethodKind,
    },
}

/// Says what is there, never what it is.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| Hidden))
            .field("enhanced", &self.enhanced)
            .field("certificates", &self.chain.as_ref().map_or(0, |chain| chain.len()))
            .field("address", &self.address)
            .finish()
    }
}

impl fmt::Debug for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enhanced")
            .field("method", &self.method)
            .field("data", &self.data.as_ref().map(|_| Hidden))
            .finish()
    }
}

struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
