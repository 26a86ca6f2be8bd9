//! The sessions that have something at this topic home, in numbered places.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use hashbrown::HashTable;
use mqtt::PacketId;

use crate::address::{Epoch, Owner, SessionSlot};
use crate::command::SessionKind;
use crate::routes::FilterKey;

use super::backlog::{Backlog, Line};

/// A session as far as this topic home knows it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client_id: Arc<str>,
    pub(crate) epoch: Epoch,
    pub(crate) kind: SessionKind,
    pub(crate) owner: Option<Owner>,
    pub(crate) window: u16,
    /// In the order of the subscriptions.
    pub(crate) filters: Vec<FilterKey>,
    /// How many of them have wildcards.
    pub(crate) wildcards: u32,
    /// Of persistent sessions.
    pub(crate) backlog: Option<Box<Backlog>>,
    /// Incoming QoS 2 publishes that are not released, ascending.
    pub(crate) incoming: Vec<PacketId>,
}

impl Session {
    pub(crate) fn new(client_id: &str, epoch: Epoch, kind: SessionKind) -> Self {
        Self {
            client_id: client_id.into(),
            epoch,
            kind,
            owner: None,
            window: 1,
            filters: Vec::new(),
            wildcards: 0,
            backlog: (kind == SessionKind::Persistent).then(Box::default),
            incoming: Vec::new(),
        }
    }

    pub(crate) fn line(&self, session: SessionSlot) -> Line {
        Line { session, owner: self.owner, window: self.window.max(1) }
    }
}

/// Sessions by slot and by client id. A new session gets the lowest vacant slot, so that the slots of the future
/// follow from those that are taken.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    slots: Vec<Option<Session>>,
    vacant: BinaryHeap<Reverse<u32>>,
    by_client: HashTable<u32>,
    hasher: ahash::RandomState,
}

impl Sessions {
    pub(crate) fn find(&self, client_id: &str) -> Option<SessionSlot> {
        let is_it = |slot: &u32| self.slots[*slot as usize].as_ref().is_some_and(|s| *s.client_id == *client_id);
        self.by_client.find(self.hasher.hash_one(client_id), is_it).map(|slot| SessionSlot(*slot))
    }

    pub(crate) fn get(&self, slot: SessionSlot) -> Option<&Session> {
        self.slots.get(slot.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: SessionSlot) -> Option<&mut Session> {
        self.slots.get_mut(slot.0 as usize)?.as_mut()
    }

    pub(crate) fn insert(&mut self, session: Session) -> SessionSlot {
        let slot = match self.vacant.pop() {
            Some(Reverse(vacant)) => vacant,
            None => {
                self.slots.push(None);
                (self.slots.len() - 1) as u32
            }
        };
        self.insert_at(SessionSlot(slot), session);
        SessionSlot(slot)
    }

    fn insert_at(&mut self, slot: SessionSlot, session: Session) {
        let hash = self.hasher.hash_one(&*session.client_id);
        self.slots[slot.0 as usize] = Some(session);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_client.insert_unique(hash, slot.0, |slot| {
            let session = slots[*slot as usize].as_ref().expect("the table holds taken slots only");
            hasher.hash_one(&*session.client_id)
        });
    }

    pub(crate) fn remove(&mut self, slot: SessionSlot) -> Option<Session> {
        let session = self.slots.get_mut(slot.0 as usize)?.take()?;
        let hash = self.hasher.hash_one(&*session.client_id);
        if let Ok(entry) = self.by_client.find_entry(hash, |other| *other == slot.0) {
            entry.remove();
        }
        self.vacant.push(Reverse(slot.0));
        Some(session)
    }

    /// Ascending by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionSlot, &Session)> {
        let numbered = self.slots.iter().enumerate();
        numbered.filter_map(|(slot, session)| Some((SessionSlot(slot as u32), session.as_ref()?)))
    }

    /// All slots up to the last that is taken. Those behind it may be forgotten: vacant or not there, they are given out
    /// in the same order.
    pub(crate) fn slots_to_the_last(&self) -> &[Option<Session>] {
        let end = self.slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        &self.slots[..end]
    }

    /// For restoring. `None` when a client id is there twice.
    pub(crate) fn restore(slots: Vec<Option<Session>>) -> Option<Self> {
        let mut all = Self::default();
        all.slots.resize_with(slots.len(), || None);
        for (slot, session) in (0..).map(SessionSlot).zip(slots) {
            match session {
                Some(session) if all.find(&session.client_id).is_some() => return None,
                Some(session) => all.insert_at(slot, session),
                None => all.vacant.push(Reverse(slot.0)),
            }
        }
        Some(all)
    }
}
