//! When and where in the log a command is applied.

use crate::address::Timestamp;

/// The place of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Log index of its entry; 0 when it is not logged.
    pub(crate) index: u64,
    /// Where its frame begins in the entry's payload.
    pub(crate) position: u32,
    /// The entry's stamp; never goes back.
    pub(crate) now: Timestamp,
}

impl Moment {
    /// What is not logged leaves no trace in the state.
    pub(crate) fn is_logged(self) -> bool {
        self.index != 0
    }
}

impl Timestamp {
    /// `u32::MAX` seconds is never.
    pub(crate) fn after_seconds(self, seconds: u32) -> Option<Self> {
        (seconds != u32::MAX).then(|| Self(self.0.saturating_add(u64::from(seconds) * 1000)))
    }
}
