//! What the queues of a partition have in common: counts of live bodies, links, watches for expiry, identifiers.

use std::collections::BTreeSet;

use crate::address::SessionSlot;
use crate::identifiers::Identifiers;
use crate::live::Live;

use super::bodies::Bodies;
use super::links::Links;
use super::queue::{QueueEntry, Watch};

/// See the module.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) live: Live,
    pub(crate) bodies: Bodies,
    pub(crate) links: Links,
    pub(crate) identifiers: Identifiers,
    pub(crate) totals: Totals,
    /// Sessions with a limit of whose queues something has changed in this entry, some twice. Empty between entries.
    pub(crate) noted: Vec<SessionSlot>,
    /// Chunks of queues in the order in which something in them expires.
    watched: BTreeSet<(u32, SessionSlot, u64)>,
}

/// Sums over all queues, and what has happened since the state began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) queued: u64,
    pub(crate) queued_bytes: u64,
    pub(crate) expired: u64,
    pub(crate) dropped_by_limit: u64,
    pub(crate) orphaned: u64,
}

impl Store {
    pub(crate) fn new(identifiers: Identifiers) -> Self {
        Self {
            live: Live::default(),
            bodies: Bodies::default(),
            links: Links::default(),
            identifiers,
            totals: Totals::default(),
            noted: Vec::new(),
            watched: BTreeSet::new(),
        }
    }

    /// An entry has come into a queue; its link has been counted.
    pub(crate) fn entered(&mut self, entry: &QueueEntry) {
        self.totals.queued += 1;
        if !entry.is_received() {
            self.totals.queued_bytes += u64::from(entry.body.len);
            self.live.add(entry.body.index);
            self.bodies.add(entry);
        }
    }

    /// An entry's message is not needed any more, the entry is.
    pub(crate) fn body_released(&mut self, entry: &QueueEntry) {
        self.totals.queued_bytes -= u64::from(entry.body.len);
        self.live.remove(entry.body.index);
        self.bodies.remove(entry);
    }

    /// An entry has left its queue.
    pub(crate) fn left(&mut self, entry: &QueueEntry) {
        self.totals.queued -= 1;
        self.links.remove(entry.link);
        if !entry.is_received() {
            self.body_released(entry);
        }
    }

    pub(crate) fn watch(&mut self, session: SessionSlot, watch: Watch) {
        self.watched.insert((watch.earliest, session, watch.chunk));
    }

    pub(crate) fn unwatch(&mut self, session: SessionSlot, watch: Watch) {
        self.watched.remove(&(watch.earliest, session, watch.chunk));
    }

    /// The second in which the next entry may expire.
    pub(crate) fn next_expiry(&self) -> Option<u32> {
        self.watched.first().map(|(second, ..)| *second)
    }

    /// Takes the next chunk in which something has expired by `second`.
    pub(crate) fn pop_expired(&mut self, second: u32) -> Option<(SessionSlot, Watch)> {
        let (earliest, session, chunk) = *self.watched.first()?;
        if earliest > second {
            return None;
        }
        self.watched.pop_first();
        Some((session, Watch { chunk, earliest }))
    }
}
