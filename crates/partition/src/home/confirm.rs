//! `Confirm`: an outbox item is done; and what is still owed.

use crate::address::PartitionId;
use crate::command::{Command, Confirm, ForgetWill};
use crate::effects::Effects;

use super::Home;
use super::outbox::Errand;

impl Home {
    pub(crate) fn confirm(&mut self, command: &Confirm, out: &mut Effects) {
        let is_from = self.outbox.items.get(&command.item).is_some_and(|item| item.to == command.from);
        if !is_from {
            return;
        }
        if let Some(item) = self.outbox.items.remove(&command.item)
            && item.errand == Errand::Will
            && item.to != self.id
        {
            self.forget_wills(item.to, out);
        }
    }

    /// Takes an item that this partition itself has done; false when it had been done.
    pub(crate) fn confirm_own(&mut self, item: u64) -> bool {
        self.outbox.items.remove(&item).is_some()
    }

    fn forget_wills(&self, at: PartitionId, out: &mut Effects) {
        let forget = ForgetWill { home: self.id, below: self.outbox.wills_done(at) };
        out.send(at, &Command::ForgetWill(forget));
    }

    /// Sends again what is not confirmed, and what goes without confirmation.
    pub(crate) fn resume(&self, out: &mut Effects) {
        for item in self.outbox.items.values() {
            out.push(item.send());
        }
        for partition in self.slots.all().iter().filter(|partition| *partition != self.id) {
            self.forget_wills(partition, out);
        }
        self.resume_trims(out);
    }
}
