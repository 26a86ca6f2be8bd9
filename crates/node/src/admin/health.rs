//! Whether this process can be used, as its probes are told.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use super::certificates::Certificates;
use super::condition::{Condition, History, ReasonCode, Status};

/// The process's condition; clones share it.
#[derive(Clone)]
pub(crate) struct Health(Arc<Inside>);

type Probe = Box<dyn Fn() -> bool + Send + Sync>;

struct Inside {
    /// The process's, near enough: this is made first.
    started: SystemTime,
    stage: AtomicU8,
    partitions_run: OnceLock<Probe>,
    history: History,
    certificates: Certificates,
}

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(Inside {
            started: SystemTime::now(),
            stage: AtomicU8::new(STARTING),
            partitions_run: OnceLock::new(),
            history: History::default(),
            certificates: Certificates::default(),
        }))
    }
}

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
    pub(super) fn readiness(&self) -> Result<&'static str, &'static str> {
        match self.unready() {
            None => Ok("ready\n"),
            Some(ReasonCode::BrokerStarting) => Err("starting\n"),
            Some(ReasonCode::BrokerDraining) => Err("draining\n"),
            Some(_) => Err("a partition has stopped: see the log\n"),
        }
    }

    /// Why clients are not served, if so.
    pub(super) fn stage_condition(&self) -> Option<Condition> {
        let reason = self.unready()?;
        let (status, message) = match reason {
            ReasonCode::BrokerStarting => (Status::Unknown, "the broker is starting"),
            ReasonCode::BrokerDraining => (Status::Unavailable, "the broker is ending"),
            _ => (Status::Unavailable, "a partition has stopped: see the log, then start the process anew"),
        };
        Some(Condition { status, reason, message: message.to_owned(), problems: Vec::new() })
    }

    pub(super) fn started(&self) -> SystemTime {
        self.0.started
    }

    pub(super) fn history(&self) -> &History {
        &self.0.history
    }

    pub(super) fn certificates(&self) -> &Certificates {
        &self.0.certificates
    }

    fn unready(&self) -> Option<ReasonCode> {
        match self.0.stage.load(Ordering::Acquire) {
            STARTING => Some(ReasonCode::BrokerStarting),
            DRAINING => Some(ReasonCode::BrokerDraining),
            _ if self.0.partitions_run.get().is_some_and(|run| !run()) => Some(ReasonCode::BrokerPartitionFailed),
            _ => None,
        }
    }
}
