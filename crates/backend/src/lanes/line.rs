//! The sending end of an open lane: its stream in one session of a link.

use std::sync::Arc;

use bytes::Bytes;
use link::inbox::{self, Closed};
use link::wire::{Link, Phase, Sender, Status, StreamId};
use tokio::sync::watch;

/// See the module.
pub(crate) struct Line {
    sender: Sender,
    status: watch::Receiver<Status>,
    session: u64,
}

impl Line {
    /// In the present session; none while there is none. `inbox` is woken when what is awaited has arrived.
    pub fn of(link: &Link, stream: StreamId, inbox: inbox::Sender) -> Option<Self> {
        let sender = link.sender(stream)?;
        sender.on_acknowledged(Arc::new(move || inbox.wake()));
        let status = link.status();
        let session = status.borrow().session;
        Some(Self { sender, status, session })
    }

    pub fn send(&self, message: Bytes) -> Result<(), Closed> {
        self.sender.send(message).map(drop)
    }

    /// Sends something that somebody waits for: the partition is woken when it has arrived.
    pub fn send_awaited(&self, message: Bytes) -> Result<(), Closed> {
        self.sender.send_reported(message).map(drop)
    }

    /// How far what was sent goes.
    pub fn position(&self) -> u64 {
        self.sender.position()
    }

    /// How far of that the worker has taken.
    pub fn acknowledged(&self) -> u64 {
        self.sender.acknowledged()
    }

    /// Whether the session has ended, and with it what had not arrived.
    pub fn has_ended(&self) -> bool {
        let status = self.status.borrow();
        status.session != self.session || matches!(status.phase, Phase::Apart | Phase::Stopped)
    }

    /// Whether there is a connection.
    pub fn is_up(&self) -> bool {
        let status = self.status.borrow();
        status.session == self.session && status.phase == Phase::Up
    }
}
