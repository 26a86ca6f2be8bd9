//! `Touch`: the session is about to get something at some partitions.

use crate::command::Touch;
use crate::effect::Reply;
use crate::effects::Effects;

use super::Home;

impl Home {
    /// Recorded before anything is registered there, so that the end of the session reaches them all.
    pub(crate) fn touch(&mut self, command: &Touch<'_>, out: &mut Effects) {
        let current = self.sessions.get(command.client_id).map(|session| session.epoch);
        if current != Some(command.epoch) {
            let epoch = current.unwrap_or(command.epoch);
            return out.reply(command.owner, Reply::Refused { tag: command.tag, epoch });
        }
        out.reply(command.owner, Reply::Touched { tag: command.tag });
        let Some((client_id, mut session)) = self.take(command.client_id) else { return };
        let before = session.touched;
        session.touched = before.union(command.partitions);
        if session.touched != before {
            self.ask_for_reports(&client_id, &session, out);
        }
        self.put(client_id, session);
    }
}
