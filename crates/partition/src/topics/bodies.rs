//! Bytes of the messages that queues refer to, each message once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::address::BodyRef;

use super::queue::{QueueEntry, Sharing};

/// A body that no other queue entry refers to costs nothing here. One of several costs a count for as long as one of them
/// is there: 8 to 16 bytes where a log entry has many, about 40 where it is alone. In the order of the log, as queues
/// are filled and emptied: what is counted next is near.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    shared: BTreeMap<u64, Counts>,
    bytes: u64,
}

/// Of the bodies of one log entry.
#[derive(Debug)]
enum Counts {
    One(Count),
    Many(Box<Many>),
}

#[derive(Debug)]
struct Many {
    /// Ascending by offset. Those that have come to 0 stay until they are the most.
    counts: Vec<Count>,
    dead: usize,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    offset: u32,
    entries: u32,
}

const _: () = assert!(size_of::<Counts>() == 16);

impl Bodies {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// An entry refers to its body.
    pub(crate) fn add(&mut self, entry: &QueueEntry) {
        if entry.sharing() == Sharing::Others && !self.count_up(entry.body) {
            return;
        }
        self.bytes += u64::from(entry.body.len);
    }

    /// It does not any more.
    pub(crate) fn remove(&mut self, entry: &QueueEntry) {
        if entry.sharing() == Sharing::Others && !self.count_down(entry.body) {
            return;
        }
        // Below 0 only where a snapshot told two lengths of one body.
        self.bytes = self.bytes.saturating_sub(entry.body.len.into());
    }

    /// Whether it is the first.
    fn count_up(&mut self, body: BodyRef) -> bool {
        match self.shared.entry(body.index) {
            Entry::Vacant(vacant) => {
                vacant.insert(Counts::One(Count { offset: body.offset, entries: 1 }));
                true
            }
            Entry::Occupied(mut found) => found.get_mut().up(body.offset),
        }
    }

    /// Whether it was the last.
    fn count_down(&mut self, body: BodyRef) -> bool {
        let Entry::Occupied(mut found) = self.shared.entry(body.index) else { return false };
        let (was_last, is_empty) = found.get_mut().down(body.offset);
        if is_empty {
            found.remove();
        }
        was_last
    }
}

impl Counts {
    fn up(&mut self, offset: u32) -> bool {
        if let Self::One(one) = self {
            if one.offset == offset {
                one.entries += 1;
                return false;
            }
            *self = Self::Many(Box::new(Many { counts: vec![*one], dead: 0 }));
        }
        match self {
            Self::One(_) => false,
            Self::Many(many) => many.up(offset),
        }
    }

    /// Whether it was the last of this body, and of all.
    fn down(&mut self, offset: u32) -> (bool, bool) {
        match self {
            Self::One(one) if one.offset != offset => (false, false),
            Self::One(one) => {
                one.entries -= 1;
                (one.entries == 0, one.entries == 0)
            }
            Self::Many(many) => (many.down(offset), many.dead == many.counts.len()),
        }
    }
}

impl Many {
    fn find(&self, offset: u32) -> Result<usize, usize> {
        // Offsets rise as an entry is applied.
        match self.counts.last() {
            Some(last) if last.offset < offset => Err(self.counts.len()),
            Some(last) if last.offset == offset => Ok(self.counts.len() - 1),
            _ => self.counts.binary_search_by_key(&offset, |count| count.offset),
        }
    }

    fn up(&mut self, offset: u32) -> bool {
        match self.find(offset) {
            Ok(at) => {
                let was_dead = self.counts[at].entries == 0;
                self.dead -= usize::from(was_dead);
                self.counts[at].entries += 1;
                was_dead
            }
            Err(at) => {
                self.counts.insert(at, Count { offset, entries: 1 });
                true
            }
        }
    }

    fn down(&mut self, offset: u32) -> bool {
        let Ok(at) = self.find(offset) else { return false };
        if self.counts[at].entries == 0 {
            return false;
        }
        self.counts[at].entries -= 1;
        if self.counts[at].entries > 0 {
            return false;
        }
        self.dead += 1;
        if self.dead * 2 > self.counts.len() && self.dead < self.counts.len() {
            self.counts.retain(|count| count.entries > 0);
            self.counts.shrink_to(self.counts.len() * 2);
            self.dead = 0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use mqtt::QoS;

    use super::*;

    fn entry(offset: u32, sharing: Sharing) -> QueueEntry {
        QueueEntry::new(BodyRef { index: 1, offset, len: 10 }, QoS::AtLeastOnce, None).with_sharing(sharing)
    }

    #[test]
    fn a_shared_body_counts_until_its_last_entry_goes() {
        let mut bodies = Bodies::default();
        let (alone, shared) = (entry(0, Sharing::Alone), entry(10, Sharing::Others));
        bodies.add(&alone);
        for _ in 0..3 {
            bodies.add(&shared);
        }
        assert_eq!(bodies.bytes(), 20);
        bodies.remove(&shared);
        bodies.remove(&shared);
        assert_eq!(bodies.bytes(), 20);
        bodies.remove(&shared);
        bodies.remove(&alone);
        assert_eq!((bodies.bytes(), bodies.shared.len()), (0, 0));
    }

    #[test]
    fn one_that_stays_does_not_keep_the_room_of_all() {
        let mut bodies = Bodies::default();
        let entries: Vec<_> = (0..10_000).map(|n| entry(n * 10, Sharing::Others)).collect();
        for _ in 0..2 {
            entries.iter().for_each(|entry| bodies.add(entry));
        }
        let (last, others) = entries.split_last().unwrap();
        for entry in others.iter().rev().chain(others) {
            bodies.remove(entry);
        }
        let Some(Counts::Many(many)) = bodies.shared.get(&1) else { panic!("there were many") };
        assert!(many.counts.capacity() < 10, "{}", many.counts.capacity());
        assert_eq!(bodies.bytes(), 10);
        bodies.add(&entries[5]);
        bodies.remove(last);
        bodies.remove(last);
        assert_eq!(bodies.bytes(), 10);
        bodies.remove(&entries[5]);
        assert_eq!((bodies.bytes(), bodies.shared.len()), (0, 0));
    }
}
