//! `Subscribe`: one filter is registered, and its retained messages are read at that place of the log.

use mqtt::RetainHandling;

use crate::address::{SessionSlot, Tag};
use crate::command::{SessionKind, Subscribe};
use crate::effect::Reply;
use crate::effects::Effects;
use crate::moment::Moment;
use crate::routes::FilterKey;

use super::read_retained::Read;
use super::retained::Registration;
use super::{Admission, Topics};

impl Topics {
    /// Adds or replaces the subscription (MQTT-3.8.4-3).
    pub(crate) fn subscribe(&mut self, command: &Subscribe<'_>, at: Moment, out: &mut Effects) {
        let slot = match self.admit(command.client_id, command.epoch, at, out) {
            Admission::Known(slot) => slot,
            Admission::Unknown => self.new_session(command.client_id, command.epoch, command.kind),
            Admission::Refused(epoch) => {
                return out.reply(command.owner, Reply::Refused { tag: command.tag, epoch });
            }
        };
        self.settle(slot, command, at, out);
        let registered = self.routes.subscribe(slot, command.filter, command.options);
        if let Some(session) = self.sessions.get_mut(slot)
            && !registered.existed
        {
            session.filters.push(registered.key);
            self.tally.add(session, command.filter);
        }
        if let FilterKey::Group(group) = registered.key
            && registered.new_group
        {
            self.rounds.set(group, 0);
        }
        out.reply(command.owner, Reply::Subscribed { tag: command.tag, existed: registered.existed });
        let reads = match command.options.retain_handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendIfNew => !registered.existed,
            RetainHandling::DoNotSend => false,
        };
        // Shared subscriptions get no retained messages.
        if reads && matches!(registered.key, FilterKey::Plain(_)) {
            self.read_from_start(slot, command, at, out);
        }
    }

    /// Takes over the connection's owner, window and limit.
    fn settle(&mut self, slot: SessionSlot, command: &Subscribe<'_>, at: Moment, out: &mut Effects) {
        self.set_limit(slot, command.queue_limit, at);
        if self.sessions.get(slot).is_some_and(|session| session.owner != Some(command.owner)) {
            self.attach_slot(slot, command.owner, command.window, at, out);
        }
    }

    fn read_from_start(&mut self, slot: SessionSlot, command: &Subscribe<'_>, at: Moment, out: &mut Effects) {
        let read = Read {
            client_id: command.client_id,
            epoch: command.epoch,
            filter: command.filter,
            options: command.options,
            registered: Registration::from(at),
            after: None,
        };
        match self.sessions.get(slot).map(|session| session.kind) {
            Some(SessionKind::Persistent) => self.read_into_queue(slot, read, at, out),
            _ => {
                let tag: Tag = command.tag;
                self.read_for(command.owner, tag, read, at, out);
            }
        }
    }
}
