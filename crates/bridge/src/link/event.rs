//! What a link reports.

use mqtt::ReasonCode;
use mqtt::client::Received;

/// What a link reports.
#[derive(Debug)]
pub(crate) enum Event {
    /// A connection stands.
    Up(SessionFound),
    Message(Box<Received>),
    /// The connection is over.
    Down(Ended),
    /// A try failed, or a step on a connection: the status says which.
    Changed,
}

/// Whether the server went on with the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionFound {
    Yes,
    No,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The server sent DISCONNECT.
    Said(ReasonCode),
    /// The server closed it, as one of 3.1.1 does that has no other way to refuse something.
    Mute,
    /// In some way that says nothing about what was sent.
    Otherwise,
}
