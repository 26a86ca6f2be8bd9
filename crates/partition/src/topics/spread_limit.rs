//! `SpreadLimit`: the session's queue limit is divided among more partitions.

use crate::command::SpreadLimit;

use super::Topics;

impl Topics {
    pub(crate) fn spread_limit(&mut self, command: &SpreadLimit<'_>) {
        let Some(slot) = self.sessions.find(command.client_id) else { return };
        let Some(session) = self.sessions.get_mut(slot).filter(|session| session.epoch <= command.epoch) else {
            return;
        };
        session.limit.partitions = command.partitions;
        let line = session.line(slot);
        if let Some(backlog) = &mut session.backlog {
            backlog.trim(line, &mut self.store);
        }
    }
}
