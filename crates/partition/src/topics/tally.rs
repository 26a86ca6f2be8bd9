//! How many subscriptions there are: each counted at one partition, though one with wildcards is registered at all.

use crate::address::PartitionId;
use crate::slots::{SlotTable, has_wildcards, split_share};

use super::sessions::Session;

/// Sums over the subscriptions that count here.
#[derive(Debug)]
pub(super) struct Tally {
    id: PartitionId,
    slots: SlotTable,
    pub(super) subscriptions: usize,
    pub(super) shared: usize,
}

impl Tally {
    pub(super) fn new(id: PartitionId, slots: SlotTable) -> Self {
        Self { id, slots, subscriptions: 0, shared: 0 }
    }

    /// Whether a subscription counts here: without wildcards it is nowhere else, with them it counts at its session's home.
    pub(super) fn counts_here(&self, client_id: &str, filter: &str) -> bool {
        !has_wildcards(filter) || self.slots.partition_of_client(client_id) == self.id
    }

    /// The session has a subscription more.
    pub(super) fn add(&mut self, session: &mut Session, filter: &str) {
        session.wildcards += u32::from(has_wildcards(filter));
        if self.counts_here(&session.client_id, filter) {
            self.subscriptions += 1;
            self.shared += usize::from(split_share(filter).is_some());
        }
    }

    /// A subscription of the session has been removed.
    pub(super) fn remove(&mut self, session: &mut Session, filter: &str) {
        session.wildcards -= u32::from(has_wildcards(filter));
        if self.counts_here(&session.client_id, filter) {
            self.subscriptions -= 1;
            self.shared -= usize::from(split_share(filter).is_some());
        }
    }
}
