//! What comes over a worker's links, on its way to the worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use link::inbox::{Closed, Room};
use link::mailbox;
use link::wire::{Destination, MESSAGE_COST_BYTES};
use partition::PartitionId;

/// Bytes that may wait for the worker before the links are told to wait.
const WAITING_BYTES: usize = 4 * 1024 * 1024;

/// Something from a backend.
pub(super) struct Arrival {
    pub backend: u16,
    pub what: What,
}

pub(super) enum What {
    Lane(PartitionId, Bytes),
    /// What comes for this lane from now on is of another session of the link.
    Session(PartitionId),
    Figures(Bytes),
}

/// Bytes that have come and have not been looked at.
pub(super) type Waiting = Arc<AtomicUsize>;

/// What a message counts for among those that wait.
pub(super) fn cost(message: &Bytes) -> usize {
    message.len() + MESSAGE_COST_BYTES as usize
}

/// The end of one stream.
pub(super) struct Arrivals {
    pub backend: u16,
    /// `None` is the stream of figures.
    pub partition: Option<PartitionId>,
    pub mailbox: mailbox::Sender<Arrival>,
    pub waiting: Waiting,
}

impl Arrivals {
    fn arrival(&self, message: Bytes) -> Arrival {
        let what = match self.partition {
            Some(partition) => What::Lane(partition, message),
            None => What::Figures(message),
        };
        Arrival { backend: self.backend, what }
    }
}

impl Destination for Arrivals {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        self.waiting.fetch_add(messages.iter().map(cost).sum(), Ordering::Relaxed);
        let mut arrivals = messages.drain(..).map(|message| self.arrival(message)).collect();
        self.mailbox.send(&mut arrivals);
        Ok(self.room())
    }

    fn room(&mut self) -> Room {
        if self.waiting.load(Ordering::Relaxed) < WAITING_BYTES { Room::Free } else { Room::Full }
    }

    fn begin(&mut self) {
        if let Some(partition) = self.partition {
            self.mailbox.send_one(Arrival { backend: self.backend, what: What::Session(partition) });
        }
    }
}
