//! Which messages of one stream have arrived at one subscriber.

use std::ops::Range;

/// Gaps remembered in one stream. Past it the oldest is given up, and what would have filled it can no longer be told
/// from a repetition.
const MAX_GAPS: usize = 4096;

/// What an arrival was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The one expected, or one after it: those between are missing so far.
    New,
    /// Missing until now, so it came after a later one.
    Late,
    /// Had arrived before.
    Repeated,
    /// Belongs to where gaps were given up: late or repeated.
    Unknown,
}

/// Sequence numbers seen: all below `next` but those in the gaps.
#[derive(Debug, Clone, Default)]
pub(super) struct Tracker {
    next: u64,
    gaps: Option<Box<Gaps>>,
}

#[derive(Debug, Clone, Default)]
struct Gaps {
    /// In ascending order, none empty, none touching another.
    ranges: Vec<Range<u64>>,
    /// Below this nothing is known.
    unknown_below: u64,
    /// Messages in gaps that were given up.
    given_up: u64,
}

impl Tracker {
    /// A stream that is joined in the middle: what was before `sequence` is not missing.
    pub(super) fn joined_at(sequence: u64) -> Self {
        Self { next: sequence, gaps: None }
    }

    #[inline]
    pub(super) fn arrived(&mut self, sequence: u64) -> Arrival {
        if sequence == self.next {
            self.next += 1;
            return Arrival::New;
        }
        self.out_of_turn(sequence)
    }

    #[inline(never)]
    fn out_of_turn(&mut self, sequence: u64) -> Arrival {
        if sequence > self.next {
            let gap = self.next..sequence;
            self.next = sequence + 1;
            self.gaps.get_or_insert_default().push(gap);
            return Arrival::New;
        }
        match &mut self.gaps {
            Some(gaps) => gaps.fill(sequence),
            None => Arrival::Repeated,
        }
    }

    /// Messages before the newest seen that have not arrived.
    pub(super) fn missing(&self) -> u64 {
        let Some(gaps) = &self.gaps else { return 0 };
        gaps.given_up + gaps.ranges.iter().map(|gap| gap.end - gap.start).sum::<u64>()
    }
}

impl Gaps {
    fn push(&mut self, gap: Range<u64>) {
        if self.ranges.len() == MAX_GAPS {
            let oldest = self.ranges.remove(0);
            self.unknown_below = oldest.end;
            self.given_up += oldest.end - oldest.start;
        }
        self.ranges.push(gap);
    }

    fn fill(&mut self, sequence: u64) -> Arrival {
        if sequence < self.unknown_below {
            return Arrival::Unknown;
        }
        let at = self.ranges.partition_point(|gap| gap.end <= sequence);
        let Some(gap) = self.ranges.get_mut(at).filter(|gap| gap.contains(&sequence)) else {
            return Arrival::Repeated;
        };
        let rest = sequence + 1..gap.end;
        gap.end = sequence;
        match (gap.is_empty(), rest.is_empty()) {
            (true, true) => drop(self.ranges.remove(at)),
            (true, false) => *gap = rest,
            (false, true) => {}
            (false, false) => self.ranges.insert(at + 1, rest),
        }
        Arrival::Late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(tracker: &mut Tracker, sequences: &[u64]) -> Vec<Arrival> {
        sequences.iter().map(|sequence| tracker.arrived(*sequence)).collect()
    }

    use Arrival::{Late, New, Repeated, Unknown};

    #[test]
    fn in_order_nothing_is_missing() {
        let mut tracker = Tracker::default();
        assert_eq!(arrivals(&mut tracker, &[0, 1, 2, 3]), [New; 4]);
        assert_eq!(tracker.missing(), 0);
    }

    #[test]
    fn a_skipped_message_is_missing_until_it_comes_late() {
        let mut tracker = Tracker::default();
        assert_eq!(arrivals(&mut tracker, &[0, 3]), [New, New]);
        assert_eq!(tracker.missing(), 2);
        assert_eq!(arrivals(&mut tracker, &[2, 1]), [Late, Late]);
        assert_eq!(tracker.missing(), 0);
        assert_eq!(tracker.arrived(4), New);
    }

    #[test]
    fn a_second_arrival_is_a_repetition_wherever_it_was_first() {
        let mut tracker = Tracker::default();
        assert_eq!(
            arrivals(&mut tracker, &[0, 0, 5, 5, 3, 3, 0]),
            [New, Repeated, New, Repeated, Late, Repeated, Repeated]
        );
        assert_eq!(tracker.missing(), 3);
    }

    #[test]
    fn a_run_delivered_again_in_order_is_repetition_not_disorder() {
        let mut tracker = Tracker::default();
        arrivals(&mut tracker, &[0, 1, 2, 3]);
        assert_eq!(arrivals(&mut tracker, &[1, 2, 3, 4]), [Repeated, Repeated, Repeated, New]);
    }

    #[test]
    fn what_was_before_joining_is_not_missing() {
        let mut tracker = Tracker::joined_at(1000);
        assert_eq!(arrivals(&mut tracker, &[1000, 1001, 1003]), [New; 3]);
        assert_eq!(tracker.missing(), 1);
    }

    #[test]
    fn gaps_are_bounded_and_never_called_repetitions() {
        let mut tracker = Tracker::default();
        for sequence in 0..MAX_GAPS as u64 + 2 {
            tracker.arrived(2 * sequence + 1);
        }
        assert_eq!(tracker.arrived(0), Unknown);
        assert_eq!(tracker.missing(), MAX_GAPS as u64 + 2);
        assert_eq!(tracker.arrived(4), Late);
    }

    /// Against a set, over every order a small network could make of a few messages.
    #[test]
    fn agrees_with_a_set() {
        let mut state = 1u64;
        for _ in 0..2_000 {
            let mut tracker = Tracker::default();
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..40 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let sequence = (state >> 33) % 24;
                let newest = seen.last().copied();
                let expected = match (seen.insert(sequence), newest) {
                    (false, _) => Repeated,
                    (true, Some(newest)) if sequence < newest => Late,
                    (true, _) => New,
                };
                assert_eq!(tracker.arrived(sequence), expected);
            }
            let newest = seen.last().copied().unwrap_or(0);
            assert_eq!(tracker.missing(), newest + 1 - seen.len() as u64);
        }
    }
}
