//! `Acknowledge`: the subscriber has answered a queue entry.

use crate::command::Acknowledge;
use crate::effects::Effects;
use crate::moment::Moment;

use super::Topics;

impl Topics {
    /// Of an earlier epoch it is ignored: the entry has been handed to the next owner, who will answer too.
    pub(crate) fn acknowledge(&mut self, command: &Acknowledge, at: Moment, out: &mut Effects) {
        let Some(session) = self.sessions.get_mut(command.session) else { return };
        if session.epoch != command.epoch {
            return;
        }
        let line = session.line(command.session);
        if let Some(backlog) = &mut session.backlog {
            backlog.acknowledge(command.entry, command.step, line, at, &mut self.store, out);
        }
    }
}
