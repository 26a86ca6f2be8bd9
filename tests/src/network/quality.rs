//! How good a wire is, in one direction.

use std::time::Duration;

/// A perfect wire unless made worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    pub delay: Duration,
    /// Each packet's delay is anywhere between `delay - jitter` and `delay + jitter`: so packets overtake each other.
    pub jitter: Duration,
    /// Of a thousand packets, so many are lost.
    pub lost_of_thousand: u16,
    /// What does not fit waits, and is lost where it would wait too long.
    pub bytes_per_second: Option<u64>,
}

impl Quality {
    /// As good as memory.
    pub fn perfect() -> Self {
        Quality::default()
    }

    /// Milliseconds.
    pub fn late(delay: u64, jitter: u64) -> Self {
        let [delay, jitter] = [delay, jitter].map(Duration::from_millis);
        Quality { delay, jitter, ..Quality::default() }
    }

    pub fn losing(percent: u16) -> Self {
        Quality { lost_of_thousand: percent * 10, ..Quality::default() }
    }

    pub fn narrow(bytes_per_second: u64) -> Self {
        Quality { bytes_per_second: Some(bytes_per_second), ..Quality::default() }
    }

    /// Nothing passes, and nobody is told.
    pub fn cut() -> Self {
        Quality::losing(100)
    }
}
