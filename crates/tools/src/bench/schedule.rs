//! When each message is due, so that latency leaves no waiting out.

/// Publishes spread evenly over time and in turn over the publishers: message `m` of all is due `m` gaps after the
/// start and belongs to publisher `m` modulo their number. No state, so a publisher that is behind knows what it owes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Schedule {
    /// Nanoseconds by the monotonic clock.
    pub(super) start: u64,
    /// Nanoseconds between two messages.
    gap: f64,
    publishers: u64,
}

impl Schedule {
    /// `rate`: messages a second over all publishers, above 0.
    pub(super) fn new(start: u64, rate: f64, publishers: u64) -> Self {
        Self { start, gap: 1e9 / rate, publishers }
    }

    /// When message `turn` (from 0) of `publisher` is due.
    #[inline]
    pub(super) fn due(&self, publisher: u64, turn: u64) -> u64 {
        let message = turn * self.publishers + publisher;
        self.start.saturating_add((message as f64 * self.gap) as u64)
    }

    /// How many messages of `publisher` are due before `time`.
    pub(super) fn owed(&self, publisher: u64, time: u64) -> u64 {
        let Some(since) = time.checked_sub(self.start).filter(|since| *since > 0) else { return 0 };
        let messages = (since as f64 / self.gap) as u64;
        let mut turns = quota(messages, publisher, self.publishers).saturating_sub(2);
        while self.due(publisher, turns) < time {
            turns += 1;
        }
        turns
    }
}

/// The share of `publisher` in `count` messages dealt out in turn.
pub(super) fn quota(count: u64, publisher: u64, publishers: u64) -> u64 {
    count / publishers + u64::from(publisher < count % publishers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_even_and_in_turn() {
        let schedule = Schedule::new(1_000, 1_000_000.0, 3);
        let mut due: Vec<u64> = (0..3).flat_map(|p| (0..4).map(move |turn| schedule.due(p, turn))).collect();
        due.sort_unstable();
        assert_eq!(due, (0..12).map(|m| 1_000 + m * 1_000).collect::<Vec<_>>());
        assert_eq!(schedule.due(1, 2), 1_000 + 7_000);
    }

    #[test]
    fn what_is_owed_is_what_was_due_before() {
        for rate in [7.0, 1_000.0, 333_333.3] {
            let schedule = Schedule::new(5_000, rate, 4);
            for publisher in 0..4 {
                for time in [0, 5_000, 5_001, 1_000_000, 123_456_789, 10_000_000_000] {
                    let owed = schedule.owed(publisher, time);
                    assert!(schedule.due(publisher, owed) >= time);
                    assert!(owed == 0 || schedule.due(publisher, owed - 1) < time);
                }
            }
        }
    }

    #[test]
    fn a_count_is_dealt_out_whole() {
        for count in [0, 1, 9, 10, 11] {
            assert_eq!((0..4).map(|publisher| quota(count, publisher, 4)).sum::<u64>(), count);
        }
    }
}
