//! `Close`: a connection has ended.

use std::sync::Arc;

use crate::address::Timestamp;
use crate::command::Close;
use crate::effects::Effects;
use crate::moment::Moment;
use crate::sabotage::{Guard, is_broken};

use super::{Home, LocalTask, Session};

impl Home {
    pub(crate) fn close(&mut self, command: &Close<'_>, at: Moment, out: &mut Effects) {
        let is_own = |epoch| epoch == command.epoch || is_broken(Guard::CloseEpoch);
        let Some((client_id, mut session)) = self.take(command.client_id) else { return };
        if !is_own(session.epoch) || session.owner.is_none() {
            return self.put(client_id, session);
        }
        if let Some(expiry) = command.session_expiry {
            session.expiry = expiry;
        }
        if !command.publish_will {
            // MQTT-3.1.2-10
            session.will = None;
        }
        self.disconnect(client_id, session, at.now, out);
    }

    /// The session, which has been taken out, loses its connection: it ends, or it and its will begin to wait.
    pub(super) fn disconnect(&mut self, client_id: Arc<str>, mut session: Session, now: Timestamp, out: &mut Effects) {
        session.owner = None;
        if session.expiry == 0 {
            return self.end(&client_id, session, now, out);
        }
        if session.touched.contains(self.id) {
            self.local.push(LocalTask::Detach { client_id: Arc::clone(&client_id), epoch: session.epoch });
        }
        session.ends = now.after_seconds(session.expiry);
        match session.will.take() {
            Some(will) if will.delay == 0 => self.publish_will(&client_id, session.epoch, &will, now, out),
            Some(will) => {
                // MQTT-3.1.3-9: the end of the session cuts the delay short.
                session.will_due = now.after_seconds(will.delay.min(session.expiry));
                session.will = Some(will);
            }
            None => {}
        }
        self.put(client_id, session);
    }
}
