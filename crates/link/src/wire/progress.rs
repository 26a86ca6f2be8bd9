//! How far the messages of a stream have come, for a sender that has to know at once.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Called by the link's task, so it must not wait.
pub type Call = Arc<dyn Fn() + Send + Sync>;

/// Positions count as [`super::gate::Gate`] does.
#[derive(Default)]
pub struct Progress {
    acknowledged: AtomicU64,
    /// The receiver is to say at once when it has come so far.
    asked: AtomicU64,
    call: OnceLock<Call>,
}

impl Progress {
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    pub fn ask(&self, position: u64) {
        self.asked.fetch_max(position, Ordering::AcqRel);
    }

    /// Once for a session; what comes later changes nothing.
    pub fn call(&self, call: Call) {
        // Whoever asks first is the one who uses the stream.
        let _ = self.call.set(call);
    }

    /// All messages before `position` have been taken. Returns whom to call.
    pub fn reach(&self, position: u64) -> Option<Call> {
        let before = self.acknowledged.swap(position, Ordering::AcqRel);
        if before < position && before < self.asked() { self.call.get().cloned() } else { None }
    }

    /// Nothing more will be taken. Returns whom to call.
    pub fn end(&self) -> Option<Call> {
        self.call.get().cloned()
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("acknowledged", &self.acknowledged).field("asked", &self.asked).finish()
    }
}
