//! Why a machine does not take an input.

use super::event::RequestError;
use crate::{encode_error::EncodeError, topic::TopicError};

/// Why a connection could not be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    #[error("there is a connection already")]
    Connected,
    #[error("CONNECT cannot be written: {0}")]
    Packet(#[from] EncodeError),
}

/// Why an input was not taken; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotTaken {
    /// As much is unfinished as [`super::Settings`] allow; room comes with completions.
    #[error("too much is unfinished; wait for completions")]
    Full,
    #[error("there is no connection")]
    NotConnected,
    #[error("the topic is not one: {0}")]
    Topic(#[from] TopicError),
    #[error("the packet cannot be written: {0}")]
    Packet(#[from] EncodeError),
    /// It goes beyond what the server announced.
    #[error(transparent)]
    Limits(#[from] RequestError),
    /// No challenge waits for an answer, or CONNECT named no authentication method, or an exchange is under way.
    #[error("no step of authentication is due")]
    NotDue,
    /// A session expiry interval in DISCONNECT where CONNECT had none (section 3.14.2.2.2).
    #[error("a session that ends with its connection cannot be kept at its end")]
    SessionExpiry,
}
