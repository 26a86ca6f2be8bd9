//! When a process that ended is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(10);
/// Who ran for so long ended for another reason than before.
const RECOVERED: Duration = Duration::from_secs(30);
/// Ends in a row, after which a process is left as it is.
const MOST: u32 = 10;

/// Of one process.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    in_a_row: u32,
}

impl Restarts {
    /// It ended after it `ran` so long. Returns how long to wait before it is started again; `None` is not at all.
    pub(super) fn ended(&mut self, ran: Duration) -> Option<Duration> {
        if ran >= RECOVERED {
            self.in_a_row = 0;
        }
        self.in_a_row += 1;
        let doubled = FIRST.saturating_mul(1 << (self.in_a_row - 1).min(16));
        (self.in_a_row <= MOST).then_some(doubled.min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_and_gives_up() {
        let mut restarts = Restarts::default();
        let waits: Vec<Option<u128>> =
            (0..11).map(|_| restarts.ended(Duration::ZERO).map(|wait| wait.as_millis())).collect();
        assert_eq!(waits[..6], [500, 1000, 2000, 4000, 8000, 10_000].map(Some));
        assert_eq!((waits[9], waits[10]), (Some(10_000), None));
    }

    #[test]
    fn who_ran_for_a_while_begins_anew() {
        let mut restarts = Restarts::default();
        for _ in 0..9 {
            restarts.ended(Duration::ZERO);
        }
        assert_eq!(restarts.ended(RECOVERED), Some(FIRST));
    }
}
