//! Why a connection does not come about, and why it ends.

use std::io;
use std::net::IpAddr;

use mqtt::ReasonCode;
use mqtt::client::{NotTaken, RequestError};

use crate::session::Session;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host's name means nothing here.
    #[error("cannot find the host {host}: {source}")]
    Resolve { host: String, source: io::Error },
    /// No address of the host answered; the last one's reason.
    #[error("cannot connect to {address}: {source}")]
    Tcp { address: String, source: io::Error },
    /// The local address cannot be connected from.
    #[error("cannot connect from {address}: {source}")]
    Bind { address: IpAddr, source: io::Error },
    /// The TLS handshake failed.
    #[error("TLS with {address} failed: {source}")]
    Tls { address: String, source: io::Error },
    /// The host is no name that a certificate could carry.
    #[error("{0} is not a name or address that a certificate can be for")]
    ServerName(String),
    /// The WebSocket handshake failed.
    #[error("WebSocket with {address} failed: {reason}")]
    WebSocket { address: String, reason: String },
    /// A step took longer than [`crate::Options::connect_timeout`].
    #[error("{what} {address} took longer than {seconds} s")]
    TimedOut { what: &'static str, address: String, seconds: u64 },
    /// CONNECT cannot be written.
    #[error(transparent)]
    Connect(#[from] mqtt::client::ConnectError),
    /// The server refused, or the connection broke before CONNACK.
    #[error(transparent)]
    Ended(#[from] End),
}

/// A connection that did not come about, and the session it was to go on with.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    #[source]
    pub error: ConnectError,
    pub session: Session,
}

/// Why something asked of a connection came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestFailed {
    /// It was not sent.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// It was sent, or waited to be.
    #[error(transparent)]
    Failed(#[from] RequestError),
    /// The server wants another step of authentication, and nothing answers its challenges. The connection stands; to
    /// re-authenticate once more is to answer.
    #[error("the server wants another step of authentication")]
    Challenged,
}

impl RequestFailed {
    /// What the server answered, or would have, if that is why.
    pub fn reason(&self) -> Option<ReasonCode> {
        match self {
            Self::Failed(error) | Self::NotTaken(NotTaken::Limits(error)) => match error {
                RequestError::Refused { reason, .. } | RequestError::BeyondLimits(reason) => Some(*reason),
                _ => None,
            },
            Self::NotTaken(_) => None,
            Self::Challenged => Some(ReasonCode::ContinueAuthentication),
        }
    }
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    #[error(transparent)]
    Protocol(#[from] mqtt::client::End),
    /// The transport failed.
    #[error("the connection broke: {0}")]
    Transport(#[source] io::Error),
    /// The server wants a step of authentication for which [`crate::Options::answer`] has nothing.
    #[error("the server wants a step of authentication that is not known here")]
    Unanswered,
}
