//! Publishes of one connection that wait for their acknowledgement.

/// What an acknowledgement is still waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Free,
    /// PUBACK or PUBREC.
    Published,
    /// PUBCOMP.
    Released,
}

/// One publish, by its packet identifier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) stage: Stage,
    /// Which of the publisher's topics.
    pub(super) topic: u32,
    pub(super) sequence: u64,
    /// When it was due, monotonic nanoseconds.
    pub(super) due: u64,
    /// Order of first sending.
    order: u64,
}

/// Packet identifier n is slot n - 1; slots are made when first needed, up to the limit.
#[derive(Debug)]
pub(super) struct InFlight {
    slots: Vec<Slot>,
    free: Vec<u16>,
    limit: u16,
    next_order: u64,
}

impl InFlight {
    pub(super) fn new(limit: u16) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), limit, next_order: 0 }
    }

    /// No more than `limit` from now on; what is in flight stays.
    pub(super) fn set_limit(&mut self, limit: u16) {
        self.limit = limit;
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    #[inline]
    pub(super) fn room(&self) -> u64 {
        (self.limit as usize).saturating_sub(self.len()) as u64
    }

    /// Takes a packet identifier; only when there is room.
    #[inline]
    pub(super) fn take(&mut self, topic: u32, sequence: u64, due: u64) -> u16 {
        let order = self.next_order;
        self.next_order += 1;
        let slot = Slot { stage: Stage::Published, topic, sequence, due, order };
        match self.free.pop() {
            Some(id) => {
                self.slots[usize::from(id) - 1] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u16
            }
        }
    }

    /// The publish that `id` stands for; `None` when no such one waits.
    #[inline]
    pub(super) fn slot(&mut self, id: u16) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(usize::from(id).checked_sub(1)?)?;
        (slot.stage != Stage::Free).then_some(slot)
    }

    /// It is acknowledged for good.
    #[inline]
    pub(super) fn release(&mut self, id: u16) {
        if let Some(slot) = self.slot(id) {
            slot.stage = Stage::Free;
            self.free.push(id);
        }
    }

    /// What waits, in the order of first sending, as it must be sent again (MQTT-4.6.0-1).
    pub(super) fn waiting(&self) -> Vec<(u16, Slot)> {
        let taken = self.slots.iter().enumerate().filter(|(_, slot)| slot.stage != Stage::Free);
        let mut waiting: Vec<(u16, Slot)> = taken.map(|(at, slot)| (at as u16 + 1, *slot)).collect();
        waiting.sort_unstable_by_key(|(_, slot)| slot.order);
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_start_at_one_and_are_used_again() {
        let mut in_flight = InFlight::new(2);
        assert_eq!((in_flight.take(0, 0, 10), in_flight.take(0, 1, 20)), (1, 2));
        assert_eq!(in_flight.room(), 0);
        in_flight.release(1);
        in_flight.release(1);
        assert_eq!((in_flight.len(), in_flight.room()), (1, 1));
        assert_eq!(in_flight.take(0, 2, 30), 1);
    }

    #[test]
    fn an_acknowledgement_of_nothing_finds_nothing() {
        let mut in_flight = InFlight::new(1);
        assert!(in_flight.slot(0).is_none() && in_flight.slot(1).is_none() && in_flight.slot(65_535).is_none());
        let id = in_flight.take(0, 0, 0);
        in_flight.release(id);
        assert!(in_flight.slot(id).is_none());
    }

    #[test]
    fn what_waits_is_told_in_the_order_it_was_sent() {
        let mut in_flight = InFlight::new(3);
        for sequence in 0..3 {
            in_flight.take(0, sequence, 0);
        }
        in_flight.release(1);
        in_flight.take(0, 3, 0);
        let waiting: Vec<(u16, u64)> = in_flight.waiting().iter().map(|(id, slot)| (*id, slot.sequence)).collect();
        assert_eq!(waiting, [(2, 1), (3, 2), (1, 3)]);
    }
}
