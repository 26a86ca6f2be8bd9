//! `ReadRetained`: retained messages are read in slices, to a transient session's connection or into a queue.

use std::sync::Arc;

use mqtt::QoS;

use crate::address::{Epoch, Owner, SessionSlot, Tag, Timestamp};
use crate::command::{Command, ReadRetained, SubscriptionOptions};
use crate::effect::{Direct, Reply, SubscriptionIds};
use crate::effects::Effects;
use crate::moment::Moment;

use super::Topics;
use super::queue::{QueueEntry, Sharing};
use super::retained::{Kept, Publisher, Registration, Retained, Slice};

/// A read of retained messages for one subscription.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read<'a> {
    pub(super) client_id: &'a str,
    pub(super) epoch: Epoch,
    pub(super) filter: &'a str,
    pub(super) options: SubscriptionOptions,
    pub(super) registered: Registration,
    pub(super) after: Option<&'a str>,
}

/// A read into a persistent session's queue that is not at its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Walk {
    pub(super) client_id: Arc<str>,
    pub(super) epoch: Epoch,
    pub(super) options: SubscriptionOptions,
    pub(super) registered: Registration,
    pub(super) after: Arc<str>,
}

impl<'a> Read<'a> {
    fn step(&self, retained: &Retained, now: Timestamp) -> Slice {
        // MQTT-3.8.3-3
        let not_by = self.options.no_local.then(|| Publisher::of(self.client_id));
        retained.read(self.filter, self.after, not_by, self.registered, now)
    }

    fn on_from(&self, after: &'a str, reader: Option<(Owner, Tag)>) -> Command<'a> {
        Command::ReadRetained(ReadRetained {
            client_id: self.client_id,
            epoch: self.epoch,
            filter: self.filter,
            options: self.options,
            reader,
            registered: self.registered.index,
            registered_at: self.registered.position,
            after,
        })
    }
}

impl Topics {
    /// Goes on with a read, if its subscription is still there.
    pub(crate) fn read_retained(&mut self, command: &ReadRetained<'_>, at: Moment, out: &mut Effects) {
        let read = Read {
            client_id: command.client_id,
            epoch: command.epoch,
            filter: command.filter,
            options: command.options,
            registered: Registration { index: command.registered, position: command.registered_at },
            after: Some(command.after),
        };
        let slot = self.sessions.find(command.client_id);
        match (command.reader, slot) {
            (Some((owner, tag)), slot) => {
                let is_current = |session: &super::Session| session.epoch == command.epoch;
                let slot = slot.filter(|slot| self.sessions.get(*slot).is_some_and(is_current));
                if slot.is_some_and(|slot| self.routes.options(slot, command.filter).is_some()) {
                    self.read_for(owner, tag, read, at, out);
                } else {
                    out.reply(owner, Reply::Retained { tag, messages: Vec::new(), more: None });
                }
            }
            (None, Some(slot)) => {
                let walk = self.walks.get(&(slot, command.filter.into()));
                let is_next = |walk: &Walk| *walk.after == *command.after && walk.registered == read.registered;
                // A step that was asked for twice is done once.
                if walk.is_some_and(is_next) {
                    self.read_into_queue(slot, read, at, out);
                }
            }
            (None, None) => {}
        }
    }

    /// One step for a transient session; its frontend asks for the next when it has room.
    pub(super) fn read_for(&self, owner: Owner, tag: Tag, read: Read<'_>, at: Moment, out: &mut Effects) {
        let slice = read.step(&self.retained, at.now);
        if read.after.is_none() && slice.messages.is_empty() && slice.more.is_none() {
            return;
        }
        let messages = slice.messages.iter().map(|kept| direct(kept, read.options)).collect();
        let more = slice.more.as_deref().map(|after| read.on_from(after, Some((owner, tag))).to_frame());
        out.reply(owner, Reply::Retained { tag, messages, more });
    }

    /// One step for a persistent session; the next is asked for by an effect.
    pub(super) fn read_into_queue(&mut self, slot: SessionSlot, read: Read<'_>, at: Moment, out: &mut Effects) {
        let slice = read.step(&self.retained, at.now);
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let line = session.line(slot);
        for kept in &slice.messages {
            let direct = direct(kept, read.options);
            match &mut session.backlog {
                Some(backlog) if direct.qos > QoS::AtMostOnce => {
                    let link = self.store.links.add(&direct.subscription_ids, None);
                    let entry = QueueEntry::new(kept.body, direct.qos, kept.expires).with_retain(true).with_link(link);
                    let entry = entry.with_sharing(Sharing::Others);
                    backlog.enqueue(entry, line, at, &mut self.store, out);
                }
                _ => {
                    if let Some(owner) = line.owner {
                        out.reply(owner, Reply::Direct(direct));
                    }
                }
            }
        }
        let key = (slot, Arc::from(read.filter));
        let Some(after) = slice.more else {
            self.walks.remove(&key);
            return;
        };
        out.send(self.id, &read.on_from(&after, None));
        let client_id = Arc::clone(&session.client_id);
        let Read { epoch, options, registered, .. } = read;
        self.walks.insert(key, Walk { client_id, epoch, options, registered, after });
    }

    /// Asks again for the next step of every read that is not at its end.
    pub(crate) fn resume(&self, out: &mut Effects) {
        for ((_, filter), walk) in &self.walks {
            let read = Read {
                client_id: &walk.client_id,
                epoch: walk.epoch,
                filter,
                options: walk.options,
                registered: walk.registered,
                after: None,
            };
            out.send(self.id, &read.on_from(&walk.after, None));
        }
    }
}

/// A retained message as a new subscription gets it: with RETAIN set (MQTT-3.3.1-8).
fn direct(kept: &Kept, options: SubscriptionOptions) -> Direct {
    Direct {
        qos: kept.qos.min(options.qos),
        retain: true,
        subscription_ids: options.identifier.into_iter().collect::<SubscriptionIds>(),
        share: None,
        body: kept.body,
    }
}
