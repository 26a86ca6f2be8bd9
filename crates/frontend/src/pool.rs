//! The memory that messages waiting for clients may take, over all workers of a frontend.

use std::sync::atomic::{AtomicI64, Ordering};

pub(crate) struct Pool {
    used: AtomicI64,
    pressure_from: AtomicI64,
}

impl Pool {
    /// From `pressure_from` bytes on, publishes that would have to wait are refused or slowed.
    pub fn new(pressure_from: u64) -> Self {
        let pool = Self { used: AtomicI64::new(0), pressure_from: AtomicI64::new(0) };
        pool.set_pressure_from(pressure_from);
        pool
    }

    /// Moves the bound while messages wait.
    pub fn set_pressure_from(&self, bytes: u64) {
        self.pressure_from.store(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    pub fn pressure_from(&self) -> u64 {
        u64::try_from(self.pressure_from.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Adds (or takes away) bytes. Workers call it once per turn with the sum of the turn.
    pub fn add(&self, delta: i64) {
        if delta != 0 {
            self.used.fetch_add(delta, Ordering::Relaxed);
        }
    }

    pub fn is_under_pressure(&self) -> bool {
        self.used.load(Ordering::Relaxed) >= self.pressure_from.load(Ordering::Relaxed)
    }

    pub fn used_bytes(&self) -> u64 {
        u64::try_from(self.used.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_begins_at_its_bound_and_ends_below_wherever_that_is_moved() {
        let pool = Pool::new(750);
        pool.add(749);
        assert!(!pool.is_under_pressure());
        pool.add(1);
        assert!(pool.is_under_pressure());
        pool.add(-1);
        assert!(!pool.is_under_pressure());
        pool.set_pressure_from(700);
        assert!(pool.is_under_pressure());
    }
}
