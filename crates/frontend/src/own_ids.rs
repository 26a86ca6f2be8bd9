//! Packet identifiers of what is in flight to a transient session.
//!
//! Identifiers are given out in turn and mostly come back in turn, so the state is one byte for each between the
//! oldest and the newest in flight. No message body is kept: a transient session is never resumed, so nothing is ever
//! sent a second time.

use std::collections::VecDeque;

use mqtt::PacketId;

/// What the client still has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaiting {
    /// The identifier came back out of turn; its place is not yet reached.
    Nothing,
    PubAck,
    PubRec,
    PubComp,
}

const LAST: u32 = 65_535;

pub(crate) struct OwnIds {
    /// Identifier of the front slot.
    first: u16,
    slots: VecDeque<Awaiting>,
}

impl Default for OwnIds {
    fn default() -> Self {
        Self { first: 1, slots: VecDeque::new() }
    }
}

impl OwnIds {
    /// Whether an identifier is to be had.
    pub fn is_full(&self) -> bool {
        self.slots.len() >= LAST as usize
    }

    /// Gives out the next identifier; `None` when all 65,535 are between the oldest and the newest in flight.
    pub fn take(&mut self, awaiting: Awaiting) -> Option<PacketId> {
        if self.is_full() {
            return None;
        }
        let id = self.id_at(self.slots.len() as u32);
        self.slots.push_back(awaiting);
        PacketId::new(id)
    }

    pub fn state(&self, id: PacketId) -> Awaiting {
        self.slots.get(self.place(id)).copied().unwrap_or(Awaiting::Nothing)
    }

    pub fn set(&mut self, id: PacketId, awaiting: Awaiting) {
        let place = self.place(id);
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = awaiting;
        }
        while self.slots.front() == Some(&Awaiting::Nothing) {
            self.slots.pop_front();
            self.first = self.id_at(1);
        }
        if self.slots.is_empty() && self.slots.capacity() > 1024 {
            self.slots = VecDeque::new();
        }
    }

    fn id_at(&self, place: u32) -> u16 {
        ((u32::from(self.first) - 1 + place) % LAST + 1) as u16
    }

    fn place(&self, id: PacketId) -> usize {
        ((u32::from(id.get()) + LAST - u32::from(self.first)) % LAST) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identifier_is_given_once_before_any_comes_again() {
        let mut ids = OwnIds::default();
        let given: Vec<u16> = (0..LAST).map(|_| ids.take(Awaiting::PubAck).unwrap().get()).collect();
        assert_eq!(given, (1..=65_535).collect::<Vec<u16>>());
        assert!(ids.take(Awaiting::PubAck).is_none());
        ids.set(PacketId::new(1).unwrap(), Awaiting::Nothing);
        assert_eq!(ids.take(Awaiting::PubAck).unwrap().get(), 1);
    }

    #[test]
    fn acknowledgements_out_of_turn_keep_their_state_apart() {
        let mut ids = OwnIds::default();
        let a = ids.take(Awaiting::PubAck).unwrap();
        let b = ids.take(Awaiting::PubRec).unwrap();
        ids.set(b, Awaiting::PubComp);
        ids.set(a, Awaiting::Nothing);
        assert_eq!(ids.state(a), Awaiting::Nothing);
        assert_eq!(ids.state(b), Awaiting::PubComp);
        ids.set(b, Awaiting::Nothing);
        assert_eq!(ids.take(Awaiting::PubAck).unwrap().get(), 3);
    }

    #[test]
    fn an_identifier_never_given_is_not_in_flight() {
        let mut ids = OwnIds::default();
        ids.take(Awaiting::PubAck).unwrap();
        assert_eq!(ids.state(PacketId::new(2).unwrap()), Awaiting::Nothing);
        assert_eq!(ids.state(PacketId::new(65_535).unwrap()), Awaiting::Nothing);
    }
}
