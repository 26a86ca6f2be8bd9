//! What a client machine reports.

use bytes::Bytes;

use super::breach::Breach;
use super::message::{Received, Token};
use super::terms::ServerLimits;
use crate::{disconnect::Disconnect, reason::ReasonCode};

/// Something that happened. A closed set: matches name every variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The server accepted the connection.
    Connected(Box<Acceptance>),
    /// The server wants another step of enhanced authentication: answer with `Machine::authenticate`.
    Challenged(Challenge),
    /// A re-authentication succeeded, perhaps with last data from the server.
    Reauthenticated(Challenge),
    Message(Box<Received>),
    /// A publish is complete: with QoS 0 sent, with QoS 1 and 2 acknowledged to the end.
    Published {
        token: Token,
        outcome: Result<ReasonCode, RequestError>,
    },
    Subscribed {
        token: Token,
        outcome: Result<Granted, RequestError>,
    },
    Unsubscribed {
        token: Token,
        outcome: Result<Granted, RequestError>,
    },
    /// The connection is over. Send what output there still is, then close the transport.
    Ended(End),
}

/// What a CONNACK grants; defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The server goes on with a session it had.
    pub session_present: bool,
    /// The identifier that counts, assigned by the server or not.
    pub client_id: String,
    /// Seconds between signs of life, as the server has it; 0 for none.
    pub keep_alive: u16,
    /// Seconds the session outlives the connection; before version 5 `u32::MAX` or 0.
    pub session_expiry: u32,
    pub limits: ServerLimits,
    pub response_information: Option<String>,
    pub reason_string: Option<String>,
    pub server_reference: Option<String>,
    /// The last data of enhanced authentication.
    pub authentication_data: Option<Bytes>,
}

/// One step of enhanced authentication.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Challenge {
    pub data: Option<Bytes>,
    pub reason_string: Option<String>,
}

/// Prints no data: it may be a secret.
impl std::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Challenge").field("reason_string", &self.reason_string).finish_non_exhaustive()
    }
}

/// The server's answer to each filter of a SUBSCRIBE or UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// One a filter, in its order; refusals among them. Empty for an UNSUBSCRIBE before version 5.
    pub codes: Vec<ReasonCode>,
    pub reason_string: Option<String>,
}

/// Why a publish, subscribe or unsubscribe came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server said no.
    #[error("the server refused it: {reason:?}{}", with(reason_string.as_deref()))]
    Refused { reason: ReasonCode, reason_string: Option<String> },
    /// It goes beyond what the server announced in CONNACK, and was not sent.
    #[error("it goes beyond what the server announced: {0:?}")]
    BeyondLimits(ReasonCode),
    /// The server lost the session it belonged to (see [`super::LostSession`]), or the machine was told to forget it.
    #[error("the session it belonged to is gone")]
    SessionLost,
    /// The connection ended before the server's answer.
    #[error("the connection ended before the server answered")]
    ConnectionLost,
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    /// The server answered CONNECT with a refusal.
    #[error("the server refused the connection: {reason:?}{}", with(reason_string.as_deref()))]
    Refused { reason: ReasonCode, reason_string: Option<String>, server_reference: Option<String> },
    /// The server sent DISCONNECT.
    #[error("the server ended the connection: {:?}{}", .0.reason, with(.0.reason_string.as_deref()))]
    ByServer(Disconnect),
    /// The machine was told to disconnect.
    #[error("disconnected")]
    ByClient,
    /// The server broke the protocol.
    #[error("{0}")]
    Breach(#[from] Breach),
    /// No answer to CONNECT, or to a step of authentication, in time.
    #[error("the server did not answer CONNECT in time")]
    NoAnswer,
    /// No sign of life after PINGREQ.
    #[error("the server did not answer PINGREQ in time")]
    KeepAlive,
    /// The transport closed without a word.
    #[error("the connection was closed by the other side")]
    Closed,
}

fn with(text: Option<&str>) -> String {
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}
