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

/// What an item is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// A session has ended.
    Drop,
    /// A will is published: the topic home remembers it until it is told to forget.
    Will,
}

/// A command that is sent until it is confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) to: PartitionId,
    pub(super) errand: Errand,
    pub(super) command: Box<[u8]>,
}

impl Outbox {
    pub(super) fn add(
        &mut self,
        to: PartitionId,
        errand: Errand,
        out: &mut Effects,
        command: impl FnOnce(u64) -> Box<[u8]>,
    ) {
        let number = self.next;
        self.next += 1;
        let item = Item { to, errand, command: command(number) };
        out.push(item.send());
        self.items.insert(number, item);
    }

    /// Wills for `to` below this number are confirmed.
    pub(super) fn wills_done(&self, to: PartitionId) -> u64 {
        let owed = self.items.iter().find(|(_, item)| item.errand == Errand::Will && item.to == to);
        owed.map_or(self.next, |(number, _)| *number)
    }
}

impl Item {
    pub(super) fn send(&self) -> Effect {
        Effect::Send { to: self.to, command: self.command.clone() }
    }
}
