//! `Tick`: what has expired is swept, a bounded piece at a time.

use crate::address::Timestamp;
use crate::moment::Moment;

use super::Topics;

/// Chunks of queues swept by one tick.
const CHUNKS: usize = 64;
/// Retained messages swept by one tick.
const RETAINED: usize = 2048;

impl Topics {
    pub(crate) fn tick(&mut self, at: Moment) {
        let second = u32::try_from(at.now.0 / 1000).unwrap_or(u32::MAX);
        for _ in 0..CHUNKS {
            let Some((slot, watch)) = self.store.pop_expired(second) else { break };
            let Some(session) = self.sessions.get_mut(slot) else { continue };
            let line = session.line(slot);
            if let Some(backlog) = &mut session.backlog {
                backlog.sweep(watch, line, at, &mut self.store);
            }
        }
        for _ in 0..RETAINED {
            let Some(kept) = self.retained.pop_expired(at.now) else { break };
            self.store.live.remove(kept.body.index);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let queued = self.store.next_expiry().map(|second| Timestamp(u64::from(second) * 1000));
        queued.into_iter().chain(self.retained.next_expiry()).min()
    }
}
