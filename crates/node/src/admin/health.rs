//! Whether this process can be used, as its probes are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The process's condition; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<AtomicU8>);

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Health {
    /// Clients are served from now on.
    pub(crate) fn set_ready(&self) {
        self.0.store(READY, Ordering::Relaxed);
    }

    /// No new clients should come from now on.
    pub(crate) fn set_draining(&self) {
        self.0.store(DRAINING, Ordering::Relaxed);
    }

    /// What a readiness probe is told: `Err` means not now.
    pub(crate) fn readiness(&self) -> Result<&'static str, &'static str> {
        match self.0.load(Ordering::Relaxed) {
            STARTING => Err("starting\n"),
            DRAINING => Err("draining\n"),
            _ => Ok("ready\n"),
        }
    }
}
