//! Whether this process can be used, as its probes are told.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

/// The process's condition; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Health(Arc<Condition>);

type Probe = Box<dyn Fn() -> bool + Send + Sync>;

#[derive(Default)]
struct Condition {
    stage: AtomicU8,
    partitions_run: OnceLock<Probe>,
}

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Health {
    /// Clients are served from now on, for as long as `partitions_run` says so.
    pub(crate) fn set_ready(&self, partitions_run: impl Fn() -> bool + Send + Sync + 'static) {
        // Ready is said once; a second probe would be the same.
        let _ = self.0.partitions_run.set(Box::new(partitions_run));
        self.0.stage.store(READY, Ordering::Release);
    }

    /// No new clients should come from now on.
    pub(crate) fn set_draining(&self) {
        self.0.stage.store(DRAINING, Ordering::Release);
    }

    /// What a readiness probe is told: `Err` means not now.
    pub(crate) fn readiness(&self) -> Result<&'static str, &'static str> {
        match self.0.stage.load(Ordering::Acquire) {
            STARTING => Err("starting\n"),
            DRAINING => Err("draining\n"),
            _ if self.0.partitions_run.get().is_some_and(|run| !run()) => Err("a partition has stopped: see the log\n"),
            _ => Ok("ready\n"),
        }
    }
}
