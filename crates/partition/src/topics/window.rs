//! `Window`: whether a transient member of shared groups takes anything now.

use crate::command::{SessionKind, Window};
use crate::effect::Reply;
use crate::effects::Effects;

use super::Topics;

impl Topics {
    /// What is handed to the session behind the answer was chosen for it in this knowledge.
    pub(crate) fn window(&mut self, command: &Window<'_>, out: &mut Effects) {
        let Some(slot) = self.sessions.find(command.client_id) else { return };
        if let Some(session) = self.sessions.get_mut(slot)
            && session.epoch == command.epoch
            && session.kind == SessionKind::Transient
        {
            session.window = command.window;
            out.reply(command.owner, Reply::Attached { session: slot, epoch: session.epoch });
        }
    }
}
