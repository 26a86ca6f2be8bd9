//! What a client remembers from one connection of its session to the next.

use std::collections::BTreeSet;

use mqtt::{PacketId, QoS};

use crate::oracle::MessageNumber;

/// How far a publish has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// PUBLISH was sent.
    Sent,
    /// With QoS 2: PUBREC has come, and PUBREL was sent.
    Released,
}

/// A publish that is not complete.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    pub message: MessageNumber,
    pub id: PacketId,
    pub qos: QoS,
    pub progress: Progress,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Memory {
    /// In the order in which they were first sent.
    pub outgoing: Vec<Outgoing>,
    /// Of SUBSCRIBE and UNSUBSCRIBE on this connection.
    pub requests: BTreeSet<PacketId>,
    last: u16,
}

impl Memory {
    /// An identifier that is not in use (MQTT-2.2.1-3).
    pub fn identifier(&mut self) -> Option<PacketId> {
        for _ in 0..u16::MAX {
            self.last = self.last.checked_add(1).unwrap_or(1);
            let id = PacketId::new(self.last)?;
            if !self.requests.contains(&id) && self.outgoing.iter().all(|known| known.id != id) {
                return Some(id);
            }
        }
        None
    }

    pub fn find(&mut self, id: PacketId) -> Option<&mut Outgoing> {
        self.outgoing.iter_mut().find(|known| known.id == id)
    }

    pub fn done(&mut self, id: PacketId) {
        self.outgoing.retain(|known| known.id != id);
    }

    /// The server has no session of ours any more.
    pub fn forget(&mut self) {
        self.outgoing.clear();
    }
}
