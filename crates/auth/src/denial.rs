//! Denials, as they are told to whoever keeps the audit log.

use std::net::SocketAddr;
use std::sync::Arc;

use mqtt::ReasonCode;

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The topic is the broker's own.
    Reserved,
    /// By the rules; decided now.
    Anew,
    /// By the rules; decided before and remembered.
    Again,
}

/// What a client wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// To prove who it is, at CONNECT or later; with the reason code it was given.
    Authenticate(ReasonCode),
    Connect,
    Publish(Box<str>),
    /// To publish to this topic when its connection ends.
    Will(Box<str>),
    Subscribe(Box<str>),
    /// To be given a message of this topic that waited for it.
    Receive(Box<str>),
}

/// One client that did not get what it wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub wanted: Wanted,
    pub client_id: Box<str>,
    pub username: Option<Box<str>>,
    pub listener: Arc<str>,
    pub peer: SocketAddr,
    /// For whoever operates the broker, never for the client; without secrets.
    pub why: Box<str>,
}

/// Takes denials. Called by the threads that move messages: it must return at once, whatever it does with them.
pub type DenialSink = Arc<dyn Fn(Denial) + Send + Sync>;
