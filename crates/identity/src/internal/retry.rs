//! When a renewal that failed is tried again.

use std::time::{Duration, SystemTime};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);
const SHORTEST: Duration = Duration::from_millis(100);

/// Waits twice as long after each failure.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Retry {
    failed: Option<(SystemTime, Duration)>,
}

impl Retry {
    /// Notes a failure at `now`. No wait is longer than 10 minutes, nor than a quarter of `left`, so that several tries fit
    /// into the time there is.
    pub(crate) fn failed(&mut self, now: SystemTime, left: Duration) -> Duration {
        let longest = (left / 4).clamp(SHORTEST, LONGEST);
        let after = self.failed.map_or(FIRST, |(_, before)| before.saturating_mul(2)).min(longest);
        self.failed = Some((now, after));
        after
    }

    pub(crate) fn succeeded(&mut self) {
        self.failed = None;
    }

    /// Not before when the next try is; `None` where nothing has failed.
    pub(crate) fn next(&self, now: SystemTime) -> Option<SystemTime> {
        match self.failed {
            // The clock was set back since.
            Some((at, _)) if at > now => Some(now),
            Some((at, after)) => Some(at + after),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_quarter_of_what_is_left() {
        let (mut retry, now) = (Retry::default(), SystemTime::now());
        assert_eq!(retry.next(now), None);
        let left = Duration::from_secs(20);
        let waits: Vec<_> = (0..5).map(|_| retry.failed(now, left).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
        assert_eq!(retry.next(now), Some(now + Duration::from_secs(5)));
        assert_eq!(retry.next(now - Duration::from_secs(1)), Some(now - Duration::from_secs(1)));
        retry.succeeded();
        assert_eq!(retry.next(now), None);
    }
}
