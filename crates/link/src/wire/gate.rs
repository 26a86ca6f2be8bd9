//! What the senders of a stream see of it without asking the link's task: room taken, room granted, closed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::progress::Progress;
use crate::inbox::Room;

#[derive(Debug, Default)]
pub struct Gate {
    /// Cost of all messages ever handed over.
    queued: AtomicU64,
    /// A message may begin before this position.
    limit: AtomicU64,
    closed: AtomicBool,
    pub progress: Progress,
}

impl Gate {
    /// Room is taken by the senders, who add up what they hand over.
    pub fn take(&self, cost: u64) {
        self.queued.fetch_add(cost, Ordering::Relaxed);
    }

    /// How far what was handed over goes.
    pub fn position(&self) -> u64 {
        self.queued.load(Ordering::Acquire)
    }

    /// Room is granted by the receiver.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Release);
    }

    /// Nothing more gets through. There is room, so that nobody waits for it.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub fn room(&self) -> Room {
        let has_room = self.position() < self.limit.load(Ordering::Acquire);
        if has_room || self.is_closed() { Room::Free } else { Room::Full }
    }
}
