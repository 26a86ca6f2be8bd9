//! `Drop`: a session has ended; everything it had here goes.

use std::sync::Arc;

use crate::address::{Epoch, SessionSlot};
use crate::effects::Effects;
use crate::moment::Moment;
use crate::routes::ShareGroup;

use super::Topics;
use super::backlog::{Leaving, Orphan};
use super::shares::{Shared, choose};

impl Topics {
    /// A session that is known by a newer epoch has begun since: it stays.
    pub(crate) fn drop_session(&mut self, client_id: &str, epoch: Epoch, at: Moment, out: &mut Effects) {
        if let Some(slot) = self.sessions.find(client_id)
            && self.sessions.get(slot).is_some_and(|session| session.epoch <= epoch)
        {
            self.end_session(slot, at, out);
        }
    }

    pub(super) fn end_session(&mut self, slot: SessionSlot, at: Moment, out: &mut Effects) {
        let Some(mut session) = self.sessions.remove(slot) else { return };
        for filter in std::mem::take(&mut session.filters) {
            let text = self.routes.remove(slot, filter);
            self.tally.remove(&mut session, &text);
        }
        self.routes.remove_session(slot);
        let walks = self.walks.range((slot, Arc::from(""))..).take_while(|((of, _), _)| *of == slot);
        let walks: Vec<_> = walks.map(|(key, _)| key.clone()).collect();
        for key in walks {
            self.walks.remove(&key);
        }
        if let Some(backlog) = &mut session.backlog {
            let orphans = backlog.take_shared(None, Leaving::Session, slot, &mut self.store);
            backlog.clear(slot, &mut self.store);
            self.give_away(orphans, at, out);
        }
    }

    /// Hands messages of a member that has left a shared group to other members, in their order.
    pub(super) fn give_away(&mut self, orphans: Vec<Orphan>, at: Moment, out: &mut Effects) {
        let mut group: Option<ShareGroup> = None;
        for orphan in orphans {
            if group.as_ref().is_none_or(|group| group.name != orphan.share) {
                group = self.routes.group(&orphan.share);
            }
            let entry = orphan.entry;
            let message = Shared { qos: entry.qos(), key: entry.key(), not_to: None, is_logged: at.is_logged() };
            let member = group.as_ref().and_then(|group| {
                let member = choose(group, message, &self.sessions, &mut self.rounds)?;
                Some((group, member))
            });
            match member {
                Some((group, member)) => {
                    self.hand_to_member(group, member, entry, at, out);
                }
                None => self.store.totals.orphaned += 1,
            }
        }
    }
}
