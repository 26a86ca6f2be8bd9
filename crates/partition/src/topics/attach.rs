//! `Attach`, `Detach`: a session's connection begins and ends; also what the death of a frontend means here.

use crate::address::{Epoch, Owner, SessionSlot, Tag};
use crate::command::{Attach, QueueLimit, SessionKind};
use crate::effect::Reply;
use crate::effects::Effects;
use crate::moment::Moment;

use super::{Admission, Topics};

impl Topics {
    /// Resumes a persistent session: everything unacknowledged is handed over again (MQTT-4.4.0-1).
    pub(crate) fn attach(&mut self, command: &Attach<'_>, at: Moment, out: &mut Effects) {
        let resumed = self.sessions.find(command.client_id).filter(|slot| self.is_persistent(*slot));
        let admission = match resumed.and_then(|slot| self.sessions.get_mut(slot).map(|session| (slot, session))) {
            Some((slot, session)) if session.epoch <= command.epoch => {
                session.epoch = command.epoch;
                Admission::Known(slot)
            }
            _ => self.admit(command.client_id, command.epoch, at, out),
        };
        let slot = match admission {
            Admission::Known(slot) => slot,
            Admission::Unknown => self.new_session(command.client_id, command.epoch, SessionKind::Persistent),
            Admission::Refused(epoch) => return out.reply(command.owner, Reply::Refused { tag: Tag(0), epoch }),
        };
        if let Some(limit) = command.queue_limit {
            self.set_limit(slot, limit, at);
        }
        self.attach_slot(slot, command.owner, command.window, at, out);
    }

    /// Before the queue is handed over, so that what is dropped is not among it.
    pub(super) fn set_limit(&mut self, slot: SessionSlot, limit: QueueLimit, at: Moment) {
        let backlog = self.sessions.get_mut(slot).and_then(|session| session.backlog.as_mut());
        if let Some(backlog) = backlog {
            backlog.set_limit(limit.length, slot, at, &mut self.store);
        }
    }

    pub(super) fn is_persistent(&self, slot: SessionSlot) -> bool {
        self.sessions.get(slot).is_some_and(|session| session.kind == SessionKind::Persistent)
    }

    /// Gives the session an owner.
    pub(super) fn attach_slot(&mut self, slot: SessionSlot, owner: Owner, window: u16, at: Moment, out: &mut Effects) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.owner = Some(owner);
        session.window = window;
        self.routes.set_owner(slot, Some(owner), &session.filters);
        let line = session.line(slot);
        if let Some(backlog) = &mut session.backlog {
            out.reply(owner, Reply::Attached { session: slot, epoch: session.epoch });
            backlog.attach(line, at, &mut self.store, out);
        }
    }

    pub(crate) fn detach(&mut self, client_id: &str, epoch: Epoch) {
        if let Some(slot) = self.sessions.find(client_id)
            && self.sessions.get(slot).is_some_and(|session| session.epoch == epoch)
        {
            self.detach_slot(slot);
        }
    }

    fn detach_slot(&mut self, slot: SessionSlot) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        if session.owner.take().is_some() {
            self.routes.set_owner(slot, None, &session.filters);
        }
    }

    pub(crate) fn frontend_gone(&mut self, frontend: u16) {
        let is_held = |owner: &Owner| owner.frontend == frontend;
        let held = self.sessions.iter().filter(|(_, session)| session.owner.as_ref().is_some_and(is_held));
        let held: Vec<_> = held.map(|(slot, _)| slot).collect();
        for slot in held {
            self.detach_slot(slot);
        }
    }
}
