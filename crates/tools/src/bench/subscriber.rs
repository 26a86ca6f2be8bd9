//! What a subscriber remembers of what it was sent.

use std::ops::Range;

use super::sequence::Tracker;

/// Streams of others that one subscriber follows; what is beyond is counted as untracked.
pub(super) const MAX_JOINED: usize = 1 << 20;

/// One subscriber.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) number: u32,
    /// The streams whose messages it should be sent.
    pub(super) streams: Range<u32>,
    pub(super) order: Order,
    /// The publisher of this thread to whom a message without a stamp belongs, where that can be told.
    pub(super) sole_publisher: Option<u32>,
    /// QoS 2 messages received and not yet released.
    pub(super) unreleased: Unreleased,
}

/// What is known of the order of each stream.
#[derive(Debug)]
pub(super) enum Order {
    /// Every message of each of `streams` should come.
    All(Vec<Tracker>),
    /// Every message from the first that comes on, of whichever streams turn up.
    FromFirst(Vec<Option<Tracker>>),
    /// Others may be sent it in its stead; by stream, one more than the newest sequence number that came.
    Some(Vec<u64>),
    /// Not measured.
    Unknown,
}

/// A set of packet identifiers; most servers use low ones, so it is as long as the highest needs.
#[derive(Debug, Default)]
pub(super) struct Unreleased(Vec<u64>);

impl Unreleased {
    /// Whether `id` was not in it.
    pub(super) fn insert(&mut self, id: u16) -> bool {
        let (at, bit) = place(id);
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        let is_new = self.0[at] & bit == 0;
        self.0[at] |= bit;
        is_new
    }

    pub(super) fn remove(&mut self, id: u16) {
        let (at, bit) = place(id);
        if let Some(word) = self.0.get_mut(at) {
            *word &= !bit;
        }
    }

    /// The session is gone, and the identifiers with it.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn place(id: u16) -> (usize, u64) {
    (usize::from(id) / 64, 1 << (id % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_new_until_it_is_released() {
        let mut unreleased = Unreleased::default();
        assert!(unreleased.insert(65_535) && unreleased.insert(1));
        assert!(!unreleased.insert(65_535));
        unreleased.remove(65_535);
        unreleased.remove(2);
        assert!(unreleased.insert(65_535));
        unreleased.clear();
        assert!(unreleased.insert(1));
    }
}
