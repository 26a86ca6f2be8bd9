//! The ways of a partition's commands to other partitions: into an inbox of this process, or over a link to the backend
//! that leads the partition.
//!
//! Such commands may be repeated, come late or be lost. Over a session of a link they arrive once and in their order;
//! whoever has one that could not be sent, or whose peer has begun anew, has the partition say all again that is not
//! confirmed.

mod gate;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use link::inbox;
use link::wire::{Link, Sender, StreamId};
use partition::{BatchBuilder, PartitionId};

pub(crate) use gate::CommandGate;

use crate::leaders::Leaders;

/// Commands to one partition are one message up to this size.
const MESSAGE_BYTES: usize = 1 << 20;

/// Bytes that may wait for one partition of another backend.
const WAITING_BYTES: u64 = 4 << 20;

/// How long what could not be sent waits until it is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// The streams of commands from backend to backend.
const STREAMS: u64 = 1 << 33;

/// What a backend may send beyond what a partition had room for, in bytes.
pub(crate) const WINDOW_BYTES: u64 = 1 << 20;

pub(crate) fn stream(partition: PartitionId) -> StreamId {
    StreamId(STREAMS | u64::from(partition.0))
}

/// The link to another backend.
struct Peer {
    link: Link,
    senders: BTreeMap<PartitionId, Sender>,
}

/// See the module.
pub(crate) struct Roads {
    /// By partition, of those that have a replica here.
    inboxes: Vec<Option<inbox::Sender>>,
    leaders: Arc<Leaders>,
    /// How often leaders had changed when it was last looked.
    changes: u64,
    batches: Vec<BatchBuilder>,
    peers: BTreeMap<u16, Peer>,
    /// Since when something is to be said again.
    owed_since: Option<Instant>,
}

/// Whether the partitions that this process leads are meant too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    All,
    Elsewhere,
}

impl Roads {
    /// By partition, the inboxes of those that have a replica here.
    pub fn new(inboxes: Vec<Option<inbox::Sender>>, leaders: Arc<Leaders>) -> Self {
        let batches = inboxes.iter().map(|_| BatchBuilder::new()).collect();
        let changes = leaders.changes();
        Self { inboxes, leaders, changes, batches, peers: BTreeMap::new(), owed_since: None }
    }

    /// The link to a backend is there, or another one is.
    pub fn on_peer(&mut self, backend: u16, link: Link, now: Instant) {
        self.peers.insert(backend, Peer { link, senders: BTreeMap::new() });
        self.owe_at_once(now);
    }

    /// A backend may not have what was sent to it.
    pub fn on_began(&mut self, backend: u16, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&backend) {
            peer.senders.clear();
            self.owe_at_once(now);
        }
    }

    fn owe_at_once(&mut self, now: Instant) {
        self.owed_since = now.checked_sub(PAUSE).or(Some(now));
    }

    /// Something is not confirmed: it is said again after a while.
    pub fn owe(&mut self, now: Instant) {
        self.owed_since.get_or_insert(now);
    }

    /// Whether the partition is to say again what is not confirmed; once.
    pub fn takes_again(&mut self, now: Instant) -> bool {
        if self.leaders.changes() != self.changes {
            self.changes = self.leaders.changes();
            self.owe_at_once(now);
        }
        let is_due = self.owed_since.is_some_and(|since| now.duration_since(since) >= PAUSE);
        if !is_due {
            return false;
        }
        self.owed_since = None;
        true
    }

    /// Takes commands along and sends them.
    pub fn send(&mut self, commands: &mut Vec<(PartitionId, Box<[u8]>)>, reach: Reach, now: Instant) {
        for (to, command) in commands.drain(..) {
            let place = usize::from(to.0);
            if reach == Reach::Elsewhere && self.leaders.of(to) == Some(self.leaders.us()) {
                continue;
            }
            let Some(batch) = self.batches.get_mut(place) else { continue };
            batch.push_frame(&command);
            if batch.len() >= MESSAGE_BYTES {
                let batch = batch.take();
                self.send_batch(to, batch, now);
            }
        }
        for place in 0..self.batches.len() {
            if !self.batches[place].is_empty() {
                let batch = self.batches[place].take();
                self.send_batch(PartitionId(place as u16), batch, now);
            }
        }
    }

    fn send_batch(&mut self, to: PartitionId, batch: Bytes, now: Instant) {
        let leader = self.leaders.of(to);
        let is_sent = match (leader, &self.inboxes[usize::from(to.0)]) {
            (Some(leader), Some(inbox)) if leader == self.leaders.us() => {
                // One that has stopped gets them when it runs again.
                let _ = inbox.send(batch);
                true
            }
            (Some(leader), _) => self.peers.get_mut(&leader).is_some_and(|peer| peer.send(to, batch)),
            (None, _) => false,
        };
        if !is_sent {
            self.owed_since.get_or_insert(now);
        }
    }
}

impl Peer {
    /// False when the backend cannot take it now.
    fn send(&mut self, to: PartitionId, batch: Bytes) -> bool {
        if !self.senders.contains_key(&to) {
            let Some(sender) = self.link.sender(stream(to)) else { return false };
            self.senders.insert(to, sender);
        }
        let Some(sender) = self.senders.get(&to) else { return false };
        if sender.position() - sender.acknowledged() >= WAITING_BYTES {
            return false;
        }
        let is_sent = sender.send(batch).is_ok();
        if !is_sent {
            self.senders.remove(&to);
        }
        is_sent
    }
}
