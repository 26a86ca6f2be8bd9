//! Which wills of other partitions' sessions have been published here; and `ForgetWill`.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::PartitionId;
use crate::command::ForgetWill;

use super::Topics;

/// Wills by their home and its outbox item. An item that was asked for twice may come again at any time, so what is
/// forgotten leaves its number behind: items below it are done.
#[derive(Debug, Default)]
pub(super) struct WillMarks {
    pub(super) homes: BTreeMap<PartitionId, Marks>,
}

#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) below: u64,
    pub(super) published: BTreeSet<u64>,
}

impl Topics {
    /// Marks the will as published; false when it had been.
    pub(crate) fn mark_will(&mut self, home: PartitionId, item: u64) -> bool {
        let marks = self.wills.homes.entry(home).or_default();
        item >= marks.below && marks.published.insert(item)
    }

    pub(crate) fn forget_wills(&mut self, command: &ForgetWill) {
        let marks = self.wills.homes.entry(command.home).or_default();
        if command.below > marks.below {
            marks.below = command.below;
            marks.published = marks.published.split_off(&command.below);
        }
    }
}
