//! How much the queues of all partitions of a process may hold on disk together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Once what would be queued is refused, it is for this long at least, so that everything a publisher has under way
/// meets the same answer and keeps its order when it comes again.
const CLOSED_AT_LEAST: Duration = Duration::from_secs(1);

const NO_LIMIT: u64 = u64::MAX;

/// The bound and what counts towards it: bytes of messages, with their topics and properties, that any queue refers to,
/// each message once. Shared by the partitions' threads; what several take at the same moment may pass the bound by one
/// batch each.
#[derive(Debug)]
pub struct QueueDisk {
    limit: AtomicU64,
    used: AtomicU64,
}

impl Default for QueueDisk {
    fn default() -> Self {
        Self { limit: AtomicU64::new(NO_LIMIT), used: AtomicU64::new(0) }
    }
}

impl QueueDisk {
    /// Bytes; `None` leaves it to the disk. Holds from the next command on.
    pub fn set_limit(&self, limit: Option<u64>) {
        self.limit.store(limit.unwrap_or(NO_LIMIT), Ordering::Relaxed);
    }

    /// Bytes that count.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn room(&self) -> u64 {
        self.limit.load(Ordering::Relaxed).saturating_sub(self.used())
    }
}

/// One partition's part in it.
#[derive(Debug, Default)]
pub(crate) struct QueueRoom {
    disk: Arc<QueueDisk>,
    /// What this partition has added to the sum.
    told: u64,
    closed_since: Option<Instant>,
}

impl QueueRoom {
    pub fn of(disk: Arc<QueueDisk>) -> Self {
        Self { disk, ..Self::default() }
    }

    /// Tells the others what this partition's queues hold.
    pub fn tell(&mut self, bytes: u64) {
        if bytes != self.told {
            self.disk.used.fetch_add(bytes.wrapping_sub(self.told), Ordering::Relaxed);
            self.told = bytes;
        }
    }

    pub fn is_closed(&self) -> bool {
        self.closed_since.is_some()
    }

    /// Whether all of `bytes` may be queued without a closer look.
    pub fn has_room_for(&self, bytes: u64) -> bool {
        !self.is_closed() && bytes <= self.disk.room()
    }

    /// Begins a look at publishes one by one.
    pub fn taking(&mut self) -> Taking<'_> {
        Taking { left: if self.is_closed() { 0 } else { self.disk.room() }, room: self }
    }

    /// Looks whether there is room again.
    pub fn look(&mut self) {
        if self.closed_since.is_some_and(|since| since.elapsed() >= CLOSED_AT_LEAST) && self.disk.room() > 0 {
            self.closed_since = None;
            tracing::info!("queues hold less than they may on disk: what they take is accepted again");
        }
    }
}

impl Drop for QueueRoom {
    fn drop(&mut self) {
        self.tell(0);
    }
}

/// What is left while publishes of one turn are looked at.
pub(crate) struct Taking<'r> {
    room: &'r mut QueueRoom,
    left: u64,
}

impl Taking<'_> {
    /// Whether a message of `bytes` that would be queued may be; the first that may not closes the door behind it.
    pub fn takes(&mut self, bytes: u64) -> bool {
        if !self.room.is_closed() && bytes <= self.left {
            self.left -= bytes;
            return true;
        }
        if self.room.closed_since.is_none() {
            self.room.closed_since = Some(Instant::now());
            let (used, limit) = (self.room.disk.used(), self.room.disk.limit.load(Ordering::Relaxed));
            tracing::warn!(
                used,
                limit,
                "queues hold on disk what they may (diskBackedMessageBuffer.maxSize): what would be queued is refused"
            );
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_share_one_bound() {
        let disk = Arc::new(QueueDisk::default());
        let (mut first, mut second) = (QueueRoom::of(Arc::clone(&disk)), QueueRoom::of(Arc::clone(&disk)));
        first.tell(60);
        second.tell(30);
        first.tell(50);
        assert_eq!(disk.used(), 80);
        assert!(first.has_room_for(u64::MAX - 80));
        disk.set_limit(Some(100));
        assert!(second.has_room_for(20) && !second.has_room_for(21));
        drop(first);
        assert_eq!(disk.used(), 30);
    }

    #[test]
    fn nothing_behind_the_first_that_is_refused_is_taken() {
        let disk = Arc::new(QueueDisk::default());
        let mut room = QueueRoom::of(Arc::clone(&disk));
        disk.set_limit(Some(100));
        let (small, large) = (30, 90);
        let mut taking = room.taking();
        assert!(taking.takes(small));
        assert!(!taking.takes(large));
        assert!(!taking.takes(small), "it would overtake");
        assert!(!room.taking().takes(small));
        disk.set_limit(None);
        room.look();
        assert!(room.is_closed(), "for a second at least");
        room.closed_since = Instant::now().checked_sub(CLOSED_AT_LEAST);
        room.look();
        assert!(room.taking().takes(large));
    }
}
