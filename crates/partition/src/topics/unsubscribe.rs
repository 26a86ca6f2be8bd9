//! `Unsubscribe`: one filter is taken back.

use crate::command::Unsubscribe;
use crate::effect::Reply;
use crate::effects::Effects;
use crate::moment::Moment;

use super::backlog::Leaving;
use super::{Admission, Topics};

impl Topics {
    /// No new messages are added (MQTT-3.10.4-2); what has been handed over is completed (MQTT-3.10.4-3), and what waits
    /// in the queue for a shared subscription goes to another member.
    pub(crate) fn unsubscribe(&mut self, command: &Unsubscribe<'_>, at: Moment, out: &mut Effects) {
        let slot = match self.admit(command.client_id, command.epoch, at, out) {
            Admission::Known(slot) => slot,
            Admission::Unknown => {
                return out.reply(command.owner, Reply::Unsubscribed { tag: command.tag, existed: false });
            }
            Admission::Refused(epoch) => {
                return out.reply(command.owner, Reply::Refused { tag: command.tag, epoch });
            }
        };
        let removed = self.routes.unsubscribe(slot, command.filter);
        out.reply(command.owner, Reply::Unsubscribed { tag: command.tag, existed: removed.is_some() });
        let Some(key) = removed else { return };
        self.walks.remove(&(slot, command.filter.into()));
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.filters.retain(|filter| *filter != key);
        self.tally.remove(session, command.filter);
        if let Some(backlog) = &mut session.backlog
            && command.filter.starts_with("$share/")
        {
            let orphans = backlog.take_shared(Some(command.filter), Leaving::Group, slot, &mut self.store);
            self.give_away(orphans, at, out);
        }
    }
}
