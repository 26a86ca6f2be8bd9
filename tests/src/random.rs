//! Repeatable randomness: a failing run prints its seed, and the seed makes the same choices again.

/// A xorshift generator; good for choosing moments, for nothing else.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The seed in `CAUSEWAY_TEST_SEED`, or one from the clock.
    pub fn seed() -> u64 {
        let given = std::env::var("CAUSEWAY_TEST_SEED").ok().and_then(|s| s.parse().ok());
        given.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
            now.as_nanos() as u64 % 1_000_000_007
        })
    }

    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }
}
