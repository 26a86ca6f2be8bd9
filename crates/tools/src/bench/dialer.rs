//! Which connection is made next, and when.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::schedule::Schedule;

/// The first wait before another attempt, and the longest.
const FIRST_BACK_OFF_NS: u64 = 100_000_000;
const LONGEST_BACK_OFF_NS: u64 = 5_000_000_000;

/// The connections of one thread that are to be made; no more of them than the thread has.
#[derive(Debug)]
pub(super) struct Dialer {
    waiting: VecDeque<u32>,
    /// To be tried again, by time.
    later: BinaryHeap<Reverse<(u64, u32)>>,
    /// Being made.
    busy: u32,
    limit: u32,
    /// Connections a second of this thread.
    rate: Option<f64>,
    /// Begins anew with each batch.
    schedule: Option<Schedule>,
    begun: u64,
}

impl Dialer {
    /// `limit`: connections being made at a time.
    pub(super) fn new(limit: u32, rate: Option<f64>) -> Self {
        Self {
            waiting: VecDeque::new(),
            later: BinaryHeap::new(),
            busy: 0,
            limit: limit.max(1),
            rate,
            schedule: None,
            begun: 0,
        }
    }

    /// Starts a batch: from `now` on connections are due at the rate.
    pub(super) fn start(&mut self, now: u64) {
        self.schedule = self.rate.map(|rate| Schedule::new(now, rate, 1));
        self.begun = 0;
    }

    pub(super) fn queue(&mut self, index: u32) {
        self.waiting.push_back(index);
    }

    /// After the `attempts`th failure; doubles with each.
    pub(super) fn queue_later(&mut self, index: u32, now: u64, attempts: u32) {
        let back_off = FIRST_BACK_OFF_NS.saturating_mul(1 << attempts.min(16)).min(LONGEST_BACK_OFF_NS);
        self.later.push(Reverse((now + back_off, index)));
    }

    /// The next connection to make, and when it was due.
    pub(super) fn take(&mut self, now: u64) -> Option<(u32, u64)> {
        while let Some(Reverse((at, index))) = self.later.peek().copied() {
            if at > now {
                break;
            }
            self.later.pop();
            self.waiting.push_back(index);
        }
        if self.busy >= self.limit || self.waiting.is_empty() {
            return None;
        }
        let due = match &self.schedule {
            Some(schedule) => schedule.due(0, self.begun),
            None => now,
        };
        if due > now {
            return None;
        }
        self.begun += 1;
        self.busy += 1;
        self.waiting.pop_front().map(|index| (index, due))
    }

    /// A connection that was being made is made or has failed.
    pub(super) fn done(&mut self) {
        self.busy = self.busy.saturating_sub(1);
    }

    /// Makes no further connections.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.later.clear();
    }

    /// Nanoseconds until there is something to do, unless another connection is made before.
    pub(super) fn wait(&self, now: u64) -> u64 {
        let later = self.later.peek().map_or(u64::MAX, |Reverse((at, _))| at.saturating_sub(now));
        let scheduled = match &self.schedule {
            Some(schedule) if !self.waiting.is_empty() && self.busy < self.limit => {
                schedule.due(0, self.begun).saturating_sub(now)
            }
            _ => u64::MAX,
        };
        later.min(scheduled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_made_at_a_time_than_allowed() {
        let mut dialer = Dialer::new(2, None);
        (0..3).for_each(|index| dialer.queue(index));
        assert_eq!((dialer.take(5), dialer.take(5), dialer.take(5)), (Some((0, 5)), Some((1, 5)), None));
        dialer.done();
        assert_eq!(dialer.take(6), Some((2, 6)));
    }

    #[test]
    fn a_rate_says_when_each_was_due() {
        let mut dialer = Dialer::new(10, Some(1_000.0));
        dialer.start(0);
        (0..3).for_each(|index| dialer.queue(index));
        assert_eq!((dialer.take(0), dialer.take(0)), (Some((0, 0)), None));
        assert_eq!(dialer.wait(400_000), 600_000);
        assert_eq!((dialer.take(2_500_000), dialer.take(2_500_000)), (Some((1, 1_000_000)), Some((2, 2_000_000))));
    }

    #[test]
    fn waits_between_attempts_double_up_to_a_bound() {
        let mut dialer = Dialer::new(1, None);
        dialer.queue_later(7, 0, 0);
        assert_eq!((dialer.take(FIRST_BACK_OFF_NS - 1), dialer.wait(0)), (None, FIRST_BACK_OFF_NS));
        assert_eq!(dialer.take(FIRST_BACK_OFF_NS), Some((7, FIRST_BACK_OFF_NS)));
        dialer.done();
        dialer.queue_later(7, 0, 60);
        assert_eq!(dialer.wait(0), LONGEST_BACK_OFF_NS);
    }
}
