//! How long to wait before the next try.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_millis(128);
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(60);
/// The most that chance takes off a wait, of 1000.
const JITTER: u32 = 100;

/// Waits that double from 128 ms to 60 s, each less up to a tenth, so that many do not try at one moment.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The wait before the next try; `chance` is any number, best a random one.
    pub fn wait(&mut self, chance: u32) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.tries.min(16)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        whole - whole * (chance % (JITTER + 1)) / 1000
    }

    /// The last try did: the next wait is the first again.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

/// Any number; without chance, waits are merely the same everywhere.
pub(crate) fn chance() -> u32 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_or(0, |()| u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..12).map(|_| backoff.wait(0).as_millis()).collect();
        assert_eq!(waits, [128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 60_000, 60_000, 60_000]);
        (0..1000).for_each(|_| {
            backoff.wait(0);
        });
        assert_eq!(backoff.wait(0), LONGEST);
        backoff.reset();
        assert_eq!(backoff.wait(0), FIRST);
    }

    #[test]
    fn chance_takes_off_a_tenth_at_most() {
        for chance in [0, 1, 50, 100, 101, u32::MAX] {
            let wait = Backoff::default().wait(chance);
            assert!(wait <= FIRST && wait >= FIRST * 9 / 10, "{chance}: {wait:?}");
        }
    }
}
