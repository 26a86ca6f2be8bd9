//! What a partition counts, for metrics and the admin endpoint.

/// Sums over one partition. Sessions and wills are of the session home, the rest of the topic home: over all partitions
/// they add up to the broker's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sessions, connected or held.
    pub sessions: usize,
    pub connected: usize,
    pub persistent: usize,
    /// Of the persistent sessions, those that are connected.
    pub persistent_connected: usize,
    /// Wills of connected clients and wills that wait for their delay.
    pub wills: usize,
    /// Their payloads.
    pub will_bytes: u64,
    /// Sessions that ended because their expiry passed while they were not connected, since the state began.
    pub expired_sessions: u64,
    /// Items of the outbox that have not been confirmed.
    pub outbox: usize,
    /// Subscriptions, shared ones included; one with wildcards, which is registered everywhere, counts at its session's
    /// home.
    pub subscriptions: usize,
    pub shared_subscriptions: usize,
    pub retained: usize,
    /// Topics and encoded messages.
    pub retained_bytes: u64,
    /// Payloads of retained messages.
    pub retained_payload_bytes: u64,
    /// Entries of queues, in flight or waiting.
    pub queued: u64,
    /// Encoded messages that queues refer to, once per queue.
    pub queued_bytes: u64,
    /// Encoded messages that queues refer to, each once.
    pub queued_distinct_bytes: u64,
    /// Queue entries that expired before they were handed over, since the state began.
    pub expired: u64,
    /// Queue entries dropped by a queue limit, since the state began.
    pub dropped_by_limit: u64,
    /// Messages taken back from a member of a shared group for which there was no other member.
    pub orphaned: u64,
    /// Publishes refused because the disk was full, since the process began. Counted by the replica.
    pub rejected_disk_full: u64,
    /// Publishes refused because the queues held as much on disk as they may, since the process began. Counted by the
    /// replica.
    pub rejected_queue_disk: u64,
}

impl Counters {
    /// Adds another partition's.
    pub fn add(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.connected += other.connected;
        self.persistent += other.persistent;
        self.persistent_connected += other.persistent_connected;
        self.wills += other.wills;
        self.will_bytes += other.will_bytes;
        self.expired_sessions += other.expired_sessions;
        self.outbox += other.outbox;
        self.subscriptions += other.subscriptions;
        self.shared_subscriptions += other.shared_subscriptions;
        self.retained += other.retained;
        self.retained_bytes += other.retained_bytes;
        self.retained_payload_bytes += other.retained_payload_bytes;
        self.queued += other.queued;
        self.queued_bytes += other.queued_bytes;
        self.queued_distinct_bytes += other.queued_distinct_bytes;
        self.expired += other.expired;
        self.dropped_by_limit += other.dropped_by_limit;
        self.orphaned += other.orphaned;
        self.rejected_disk_full += other.rejected_disk_full;
        self.rejected_queue_disk += other.rejected_queue_disk;
    }
}
