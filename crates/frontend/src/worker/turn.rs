//! Where a worker's turn ends, and what is handed over then.

use std::sync::atomic::Ordering;

use super::Worker;

/// Reads after which a turn ends even if more tasks are ready, so that a flood cannot hold back what others wait for.
const READS_PER_TURN: u32 = 256;

/// Messages from partitions and peers that are as much work as one read.
const MESSAGES_PER_READ: usize = 32;

impl Worker {
    /// Counts `messages` from a mailbox as reads, so that they cannot hold back what others wait for either. True if the
    /// turn has become long and was ended.
    pub fn count_messages(&self, messages: usize) -> bool {
        let reads = u32::try_from(messages / MESSAGES_PER_READ).unwrap_or(u32::MAX);
        self.reads.set(self.reads.get().saturating_add(reads + 1));
        let long = self.is_turn_long();
        if long {
            self.end_turn();
        }
        long
    }

    /// A connection has read something: time passes, and a long turn ends.
    pub fn begin_read(&self) {
        if self.reads.get().is_multiple_of(16) {
            self.look_at_the_clock();
        }
        self.reads.set(self.reads.get() + 1);
    }

    pub fn is_turn_long(&self) -> bool {
        self.reads.get() >= READS_PER_TURN
    }

    /// Hands over what the turn has brought.
    pub fn end_turn(&self) {
        self.reads.set(0);
        // First what others are to do: whoever reads an answer, among the writes, may rely on it being under way.
        for (pending, peer) in self.to_peers.iter().zip(&self.peers) {
            peer.send(&mut pending.borrow_mut());
        }
        self.hand_over_batches();
        let mut dirty = self.dirty.take();
        for connection in dirty.drain(..) {
            connection.write(self);
        }
        // Keeps the allocation, unless a write has already begun a new list.
        if self.dirty.borrow().is_empty() {
            self.dirty.replace(dirty);
        }
        // What clients have taken may call for more retained messages.
        self.hand_over_batches();
        let delta = self.delta.take();
        if delta != 0 {
            self.pool.add(delta);
            self.waiting.set(self.waiting.get() + delta);
            let waiting = usize::try_from(self.waiting.get()).unwrap_or(0);
            self.shared.waiting[usize::from(self.id)].store(waiting, Ordering::Relaxed);
        }
    }
}
