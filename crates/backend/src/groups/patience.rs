//! When something is tried again: soon after it went well, later and later while it does not.

use std::time::Duration;

use tokio::time::Instant;

/// See the module.
pub(super) struct Patience {
    shortest: Duration,
    longest: Duration,
    pause: Duration,
    due: Option<Instant>,
}

impl Patience {
    pub fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, pause: shortest, due: None }
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| now >= due)
    }

    /// It was tried.
    pub fn done<T, E>(&mut self, now: Instant, outcome: &Result<T, E>) {
        self.pause = if outcome.is_ok() { self.shortest } else { (self.pause * 2).min(self.longest) };
        self.due = Some(now + self.pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_it_fails() {
        let (second, now) = (Duration::from_secs(1), Instant::now());
        let mut patience = Patience::new(second, 3 * second);
        assert!(patience.is_due(now));
        for (outcome, pause) in [(Ok(()), 1), (Err(()), 2), (Err(()), 3), (Err(()), 3), (Ok(()), 1)] {
            patience.done(now, &outcome);
            assert!(!patience.is_due(now + pause * second - second / 2), "{pause}");
            assert!(patience.is_due(now + pause * second), "{pause}");
        }
    }
}
