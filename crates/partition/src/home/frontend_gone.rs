//! `FrontendGone`: every connection of a frontend has ended abnormally.

use std::sync::Arc;

use crate::command::FrontendGone;
use crate::effects::Effects;
use crate::moment::Moment;

use super::{Home, Session};

impl Home {
    pub(crate) fn frontend_gone(&mut self, command: &FrontendGone, at: Moment, out: &mut Effects) {
        let is_held = |session: &Session| session.owner.is_some_and(|owner| owner.frontend == command.frontend);
        let held = self.sessions.iter().filter(|(_, session)| is_held(session));
        let held: Vec<_> = held.map(|(client_id, _)| Arc::clone(client_id)).collect();
        for client_id in held {
            if let Some((client_id, session)) = self.take(&client_id) {
                self.disconnect(client_id, session, at.now, out);
            }
        }
    }
}
