//! What a link has done, for metrics and tests.

/// Counts since the link was made; `waiting_bytes` as of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub messages_sent: u64,
    pub messages_received: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// Frames sent once more on another connection.
    pub frames_resent: u64,
    /// Frames that had been received already.
    pub duplicates_dropped: u64,
    /// Connections that carried the session, the first included.
    pub connections: u64,
    /// Sessions begun.
    pub sessions: u64,
    /// Messages that a session ended with before the peer had reported them as received.
    pub messages_given_up: u64,
    /// Bytes queued or sent and not yet reported as received.
    pub waiting_bytes: u64,
}
