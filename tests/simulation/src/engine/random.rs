//! Random numbers that a seed decides.

use std::time::Duration;

use super::turn::Turn;

/// A stream of numbers (xoshiro256++).
#[derive(Debug)]
pub(super) struct Stream([u64; 4]);

impl Stream {
    /// The stream of a seed with this number; streams of one seed have nothing to do with each other.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut state = seed.wrapping_mul(0xd134_2543_de82_ef95) ^ number.wrapping_mul(0x9e6c_63d0_676a_9a99);
        Self(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }))
    }

    pub(super) fn number(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number below `end`, which is at least 1.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(end)) >> 64) as u64
    }

    /// A number from `low` to `high`, both among them.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        match (high - low).checked_add(1) {
            Some(end) => low + self.below(end),
            None => self.number(),
        }
    }

    /// True `n` times `of` so many.
    pub(super) fn chance(&mut self, n: u64, of: u64) -> bool {
        self.below(of) < n
    }

    pub(super) fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        Duration::from_nanos(self.between(nanos(low), nanos(high)))
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.number().to_le_bytes()[..part.len()]);
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The scenario's own stream; the scheduler has another, so that what a scenario draws does not depend on how its threads
/// are scheduled, as long as one thread draws.
#[derive(Clone, Copy, Debug)]
pub struct Random(pub(super) ());

impl Random {
    /// Any number.
    pub fn next_u64(self) -> u64 {
        draw(Stream::number)
    }

    /// A number below `end`, which is at least 1.
    pub fn below(self, end: u64) -> u64 {
        assert!(end > 0, "there is no number below 0");
        draw(|stream| stream.below(end))
    }

    /// A number from `low` to `high`, both among them.
    pub fn between(self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "from {low} to {high} there is nothing");
        draw(|stream| stream.between(low, high))
    }

    /// True `n` times `of` so many.
    pub fn chance(self, n: u64, of: u64) -> bool {
        self.below(of) < n
    }

    /// A time from `low` to `high`, both among them, in nanoseconds.
    pub fn duration(self, low: Duration, high: Duration) -> Duration {
        assert!(low <= high, "from {low:?} to {high:?} there is nothing");
        draw(|stream| stream.duration(low, high))
    }

    /// One of `choices`, of which there is at least one.
    pub fn pick<T>(self, choices: &[T]) -> &T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

fn draw<T>(number: impl FnOnce(&mut Stream) -> T) -> T {
    number(&mut Turn::expect().scheduler().random.scenario)
}
