//! Which frontend processes have not been heard of for too long.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// When each frontend was last there.
pub(crate) struct Presence {
    gone_after: Duration,
    seen: BTreeMap<u16, Instant>,
}

impl Presence {
    pub fn new(gone_after: Duration) -> Self {
        Self { gone_after, seen: BTreeMap::new() }
    }

    pub fn gone_after(&self) -> Duration {
        self.gone_after
    }

    /// It is there.
    pub fn see(&mut self, frontend: u16, now: Instant) {
        self.seen.insert(frontend, now);
    }

    /// Whether it has been away for too long. One that was never there is away since it is asked for first.
    pub fn is_gone(&mut self, frontend: u16, now: Instant) -> bool {
        let seen = *self.seen.entry(frontend).or_insert(now);
        now.duration_since(seen) >= self.gone_after
    }

    /// It was declared gone: the next time counts from when it is asked for.
    pub fn forget(&mut self, frontend: u16) {
        self.seen.remove(&frontend);
    }
}
