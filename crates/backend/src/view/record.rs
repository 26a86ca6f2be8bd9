//! What the view shows that no partition knows alone.

use std::sync::Arc;

use bytes::Bytes;
use partition::{MessageProperties, PartitionId, RetainedView, SessionKind, Timestamp};

/// One step through a list that is longer than a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// In the order of their keys; fewer than the limit, even none, where much had to be passed over.
    pub items: Vec<T>,
    /// To go on with, as `after` of the next query. `None` at the end of the list.
    pub next: Option<String>,
}

/// A session as its home and the partitions that hold something for it know it.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionView {
    pub client_id: Arc<str>,
    pub kind: SessionKind,
    /// The frontend that holds its connection; `None` while it is not connected.
    pub frontend: Option<u16>,
    /// The frontend's worker that does.
    pub worker: Option<u16>,
    /// Seconds that the session lasts after its connection; `u32::MAX` is for ever.
    pub expiry_seconds: u32,
    /// When it ends, while it is not connected; `None` otherwise and for ever.
    pub ends: Option<Timestamp>,
    /// Whether a will waits for the end of its connection, or for its delay.
    pub has_will: bool,
    /// Rises with every CONNECT of the client id.
    pub epoch: u64,
    /// The partition that its client id hashes to.
    pub home: PartitionId,
    /// Each once, shared ones included.
    pub subscriptions: u64,
    /// Messages of QoS 1 and 2 that it has not acknowledged, over all partitions.
    pub queued: u64,
    /// Of these, those in its connection's hands.
    pub in_flight: u64,
    /// Their bytes with topics and properties; of QoS 2 what it has received counts 0.
    pub queued_bytes: u64,
}

impl SessionView {
    pub fn is_connected(&self) -> bool {
        self.worker.is_some()
    }
}

/// A retained message with its contents.
#[derive(Clone, Debug, PartialEq)]
pub struct RetainedMessage {
    pub view: RetainedView,
    pub properties: MessageProperties,
    pub payload: Bytes,
}
