//! Which messages have arrived at any member of a shared subscription.

/// Bits kept over all streams: 128 MiB. What lies past it is not tracked.
const MAX_WORDS: usize = 16 << 20;

/// One bit for each message of each stream.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    streams: Vec<Vec<u64>>,
    words: usize,
}

/// What an arrival was, over all members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Covered {
    New,
    Repeated,
    /// No room left to remember it.
    Untracked,
}

impl Coverage {
    pub(super) fn new(streams: usize) -> Self {
        Self { streams: vec![Vec::new(); streams], words: 0 }
    }

    pub(super) fn arrived(&mut self, stream: usize, sequence: u64) -> Covered {
        let at = (sequence / 64) as usize;
        let Some(words) = self.streams.get_mut(stream) else { return Covered::Untracked };
        if at >= words.len() {
            let more = at + 1 - words.len();
            if more > MAX_WORDS - self.words {
                return Covered::Untracked;
            }
            self.words += more;
            words.resize(at + 1, 0);
        }
        let bit = 1 << (sequence % 64);
        let before = words[at];
        words[at] |= bit;
        if before & bit == 0 { Covered::New } else { Covered::Repeated }
    }

    /// Takes in what another thread saw; says how many messages both had.
    pub(super) fn merge(&mut self, other: &Self) -> u64 {
        let mut both = 0;
        for (words, theirs) in self.streams.iter_mut().zip(&other.streams) {
            words.resize(words.len().max(theirs.len()), 0);
            for (word, their) in words.iter_mut().zip(theirs) {
                both += u64::from((*word & their).count_ones());
                *word |= their;
            }
        }
        both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_new_once_over_all_members() {
        let mut coverage = Coverage::new(2);
        assert_eq!(coverage.arrived(0, 130), Covered::New);
        assert_eq!(coverage.arrived(1, 130), Covered::New);
        assert_eq!(coverage.arrived(0, 130), Covered::Repeated);
        assert_eq!(coverage.arrived(0, 5), Covered::New);
        assert_eq!(coverage.arrived(2, 0), Covered::Untracked);
    }

    #[test]
    fn what_two_threads_both_saw_is_counted() {
        let (mut one, mut other) = (Coverage::new(1), Coverage::new(1));
        for sequence in 0..100 {
            one.arrived(0, sequence);
        }
        for sequence in 90..300 {
            other.arrived(0, sequence);
        }
        assert_eq!(one.merge(&other), 10);
        assert_eq!(one.arrived(0, 299), Covered::Repeated);
    }

    #[test]
    fn memory_is_bounded() {
        let mut coverage = Coverage::new(1);
        assert_eq!(coverage.arrived(0, u64::MAX), Covered::Untracked);
        assert_eq!(coverage.arrived(0, 64 * MAX_WORDS as u64), Covered::Untracked);
    }
}
