//! Which publishers may send again, because something of theirs has arrived.

/// A stream whose publisher is on another thread.
const ELSEWHERE: u32 = u32::MAX;

/// The publishers of one thread, by their local number.
#[derive(Debug, Default)]
pub(super) struct Credit {
    /// By stream: the local number of its publisher.
    owners: Vec<u32>,
    /// Topics of a publisher: what makes a stream's number its publisher's.
    topics: u32,
    /// Deliveries that each publish should have.
    fan: u64,
    /// Deliveries of each publisher's messages.
    delivered: Vec<u64>,
    ready: Vec<u32>,
    is_ready: Vec<bool>,
    /// Deliveries of messages of publishers on other threads, by publisher, since the last `take_elsewhere`.
    elsewhere: Vec<u32>,
    /// The next to be credited with a message that does not say whose it is.
    turn: usize,
}

impl Credit {
    /// For so many publishers; arrivals count for none of them.
    pub(super) fn new(publishers: usize) -> Self {
        Self {
            delivered: vec![0; publishers],
            ready: Vec::with_capacity(publishers),
            is_ready: vec![false; publishers],
            ..Self::default()
        }
    }

    /// With arrivals counted for the publisher of their stream. `local`: the numbers, over all threads, of the
    /// publishers here, out of `publishers`, each with `topics` streams; each publish has `fan` deliveries.
    pub(super) fn by_stream(publishers: u32, topics: u32, local: &[u32], fan: u64) -> Self {
        let mut owners = vec![ELSEWHERE; publishers as usize * topics as usize];
        for (at, publisher) in local.iter().enumerate() {
            let first = *publisher as usize * topics as usize;
            owners[first..first + topics as usize].fill(at as u32);
        }
        Self { owners, topics, fan, ..Self::new(local.len()) }
    }

    /// A message of `stream` has reached a subscriber.
    #[inline]
    pub(super) fn arrived(&mut self, stream: u32) {
        match self.owners.get(stream as usize) {
            Some(&ELSEWHERE) => self.elsewhere.push(stream / self.topics),
            Some(&local) => self.add(local, 1),
            None => {}
        }
    }

    /// A message that does not say whose it is has reached a subscriber: of the given publisher, or of each in turn.
    pub(super) fn arrived_unnamed(&mut self, local: Option<u32>) {
        if self.owners.is_empty() || self.delivered.is_empty() {
            return;
        }
        let local = local.unwrap_or_else(|| {
            self.turn = (self.turn + 1) % self.delivered.len();
            self.turn as u32
        });
        self.add(local, 1);
    }

    #[inline]
    pub(super) fn add(&mut self, local: u32, deliveries: u64) {
        if let Some(delivered) = self.delivered.get_mut(local as usize) {
            *delivered += deliveries;
            self.wake(local);
        }
    }

    /// The broker refused a publish: its deliveries are not waited for.
    pub(super) fn refused(&mut self, local: u32) {
        self.add(local, self.fan);
    }

    /// Deliveries so far.
    #[inline]
    pub(super) fn of(&self, local: u32) -> u64 {
        self.delivered.get(local as usize).copied().unwrap_or(0)
    }

    /// Counts as delivered what no longer comes.
    pub(super) fn forgive(&mut self, local: u32, deliveries: u64) {
        let missing = deliveries.saturating_sub(self.of(local));
        self.add(local, missing);
    }

    /// The publisher may be able to send.
    #[inline]
    pub(super) fn wake(&mut self, local: u32) {
        if let Some(is_ready @ false) = self.is_ready.get_mut(local as usize) {
            *is_ready = true;
            self.ready.push(local);
        }
    }

    /// Hands over those that may send; `list` comes back cleared for the next time.
    pub(super) fn take_ready(&mut self, list: &mut Vec<u32>) {
        list.clear();
        std::mem::swap(list, &mut self.ready);
        for local in list {
            self.is_ready[*local as usize] = false;
        }
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Publishers of other threads, once for each of their messages that arrived here.
    pub(super) fn elsewhere(&mut self) -> &mut Vec<u32> {
        &mut self.elsewhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_wakes_its_publisher_once() {
        let mut credit = Credit::by_stream(4, 2, &[1, 3], 1);
        for stream in [6, 7, 7, 2] {
            credit.arrived(stream);
        }
        let mut ready = Vec::new();
        credit.take_ready(&mut ready);
        assert_eq!(ready, [1, 0]);
        assert_eq!((credit.of(0), credit.of(1)), (1, 3));
        credit.take_ready(&mut ready);
        assert!(ready.is_empty());
    }

    #[test]
    fn messages_of_other_threads_are_passed_on() {
        let mut credit = Credit::by_stream(4, 2, &[1, 3], 1);
        for stream in [0, 5, 8] {
            credit.arrived(stream);
        }
        assert_eq!(*credit.elsewhere(), [0, 2]);
    }

    #[test]
    fn what_is_forgiven_is_not_counted_twice() {
        let mut credit = Credit::by_stream(1, 1, &[0], 1);
        credit.add(0, 10);
        credit.forgive(0, 64);
        credit.forgive(0, 64);
        assert_eq!(credit.of(0), 64);
    }

    #[test]
    fn unnamed_messages_are_credited_in_turn() {
        let mut credit = Credit::by_stream(2, 1, &[0, 1], 1);
        (0..4).for_each(|_| credit.arrived_unnamed(None));
        credit.arrived_unnamed(Some(1));
        assert_eq!((credit.of(0), credit.of(1)), (2, 3));
    }
}
