//! What a session home owes other partitions, or itself by way of the log: asked for until confirmed.

use std::collections::BTreeMap;

use crate::address::PartitionId;
use crate::effect::Effect;
use crate::effects::Effects;

/// Items by their number, which rises without end.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(super) items: BTreeMap<u64, Item>,
    pub(super) next: u64,
}

/// A command that is sent until it is confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) to: PartitionId,
    /// The topic home remembers it until it is told to forget.
    pub(super) is_will: bool,
    pub(super) command: Box<[u8]>,
}

impl Outbox {
    pub(super) fn add(
        &mut self,
        to: PartitionId,
        is_will: bool,
        out: &mut Effects,
        command: impl FnOnce(u64) -> Box<[u8]>,
    ) {
        let number = self.next;
        self.next += 1;
        let item = Item { to, is_will, command: command(number) };
        out.push(item.send());
        self.items.insert(number, item);
    }

    /// Wills for `to` below this number are confirmed.
    pub(super) fn wills_done(&self, to: PartitionId) -> u64 {
        let owed = self.items.iter().find(|(_, item)| item.is_will && item.to == to);
        owed.map_or(self.next, |(number, _)| *number)
    }
}

impl Item {
    pub(super) fn send(&self) -> Effect {
        Effect::Send { to: self.to, command: self.command.clone() }
    }
}
