//! When the log is worth a snapshot.

use partition::Partition;

/// How many times the state's own size the log may grow before the next snapshot.
const LOG_TO_STATE: u64 = 2;

/// Log that is worth a snapshot when the disk is full.
const SHORT_BYTES: u64 = 1 << 20;

/// Whether there is room on the disk.
#[derive(Clone, Copy)]
pub(crate) enum Space {
    Plenty,
    Short,
}

/// What has come together since the last snapshot.
pub(crate) struct Due {
    after_bytes: u64,
    state_bytes: u64,
    /// Bytes appended since the last snapshot.
    grown: u64,
    /// Bytes of bodies that were referred to at the last snapshot.
    live_at_last: u64,
}

impl Due {
    /// `log_bytes`: what is in the log at the start counts, as a crash loop must not grow it without end.
    pub fn new(after_bytes: u64, state_bytes: u64, log_bytes: u64) -> Self {
        Self { after_bytes, state_bytes, grown: log_bytes, live_at_last: u64::MAX }
    }

    pub fn appended(&mut self, bytes: usize) {
        self.grown += bytes as u64;
    }

    /// Whether a snapshot is to be taken now; `disk_bytes` are those of log and carried bodies.
    pub fn is_now(&self, partition: &Partition, disk_bytes: u64, space: Space) -> bool {
        let from = match space {
            Space::Plenty => self.after_bytes.max(self.state_bytes.saturating_mul(LOG_TO_STATE)),
            Space::Short => self.after_bytes.min(SHORT_BYTES),
        };
        let live = live_bytes(partition);
        // Messages that were acknowledged or expired give their space back even if nothing new comes.
        let is_mostly_dead = live < self.live_at_last && live * 2 + self.after_bytes < disk_bytes;
        self.grown >= from || is_mostly_dead
    }

    /// How large the last snapshot was.
    pub fn state_bytes(&self) -> u64 {
        self.state_bytes
    }

    /// A snapshot of `state_bytes` is being taken.
    pub fn taken(&mut self, partition: &Partition, state_bytes: u64) {
        *self = Self { after_bytes: self.after_bytes, state_bytes, grown: 0, live_at_last: live_bytes(partition) };
    }
}

fn live_bytes(partition: &Partition) -> u64 {
    let counters = partition.counters();
    counters.queued_bytes + counters.retained_bytes
}
