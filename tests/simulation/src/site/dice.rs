//! Numbers that depend on a seed alone.

use std::ops::RangeInclusive;
use std::time::Duration;

/// SplitMix64: small, and the same on every machine.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Throws of other `purpose`s are independent.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut dice = Self(seed ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        dice.throw();
        dice
    }

    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.throw() % end.max(1)
    }

    pub fn among(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    pub fn happens(&mut self, percent: u64) -> Chance {
        if self.below(100) < percent { Chance::Yes } else { Chance::No }
    }

    /// One of them; `None` if there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.below(from.len() as u64) as usize) }
    }

    pub fn duration(&mut self, range: RangeInclusive<Duration>) -> Duration {
        let micros = |duration: &Duration| duration.as_micros() as u64;
        Duration::from_micros(self.among(micros(range.start())..=micros(range.end())))
    }
}

/// How a throw with odds went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chance {
    Yes,
    No,
}

impl Chance {
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_seed_throws_the_same_and_another_purpose_something_else() {
        let throws = |seed, purpose| {
            let mut dice = Dice::new(seed, purpose);
            [dice.throw(), dice.throw(), dice.below(7)]
        };
        assert_eq!(throws(1, 2), throws(1, 2));
        assert_ne!(throws(1, 2), throws(1, 3));
        assert_ne!(throws(1, 2), throws(2, 2));
    }

    #[test]
    fn a_range_is_thrown_whole() {
        let mut dice = Dice::new(9, 0);
        let thrown: std::collections::BTreeSet<u64> = (0..200).map(|_| dice.among(3..=5)).collect();
        assert_eq!(thrown.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(dice.pick::<u8>(&[]), None);
    }
}
