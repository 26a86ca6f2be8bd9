//! Whether this process can be used, as its probes are told.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use super::certificates::Certificates;
use super::condition::{Condition, History, ReasonCode, Status};

/// The process's condition; clones share it.
#[derive(Clone)]
pub(crate) struct Health(Arc<Inside>);

/// What a process is there for, and does not do any more when its threads have stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Serving clients, by partitions.
    Broker,
    /// Carrying messages.
    Bridge,
    /// Serving clients, by partitions in other processes.
    Frontend,
    /// Serving frontends.
    Backend,
}

struct Work {
    purpose: Purpose,
    goes_on: Box<dyn Fn() -> bool + Send + Sync>,
}

struct Inside {
    /// The process's, near enough: this is made first.
    started: SystemTime,
    stage: AtomicU8,
    /// What a start waits for, in words.
    waiting: Mutex<Option<String>>,
    work: OnceLock<Work>,
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
            waiting: Mutex::default(),
            work: OnceLock::new(),
            history: History::default(),
            certificates: Certificates::default(),
        }))
    }
}

impl Health {
    /// The process does what it is there for from now on, for as long as `goes_on` says so.
    pub(crate) fn set_ready(&self, purpose: Purpose, goes_on: impl Fn() -> bool + Send + Sync + 'static) {
        // Ready is said once; a second probe would be the same.
        let _ = self.0.work.set(Work { purpose, goes_on: Box::new(goes_on) });
        self.0.stage.store(READY, Ordering::Release);
    }

    /// Says what the start of the process waits for.
    pub(crate) fn set_waiting(&self, what: &str) {
        *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(what.to_owned());
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
            Some(ReasonCode::BridgeFailed) => Err("dataflows have stopped: see the log\n"),
            Some(ReasonCode::PartitionUnreached) => Err("a partition is not reached: see /health\n"),
            Some(_) => Err("a partition has stopped: see the log\n"),
        }
    }

    /// Why the process does not do what it is there for, if so.
    pub(super) fn stage_condition(&self) -> Option<Condition> {
        let reason = self.unready()?;
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let (ReasonCode::BrokerStarting, Some(waiting)) = (reason, waiting) {
            let message = format!("the process is starting, and waits for {waiting}");
            return Some(Condition { status: Status::Unknown, reason, message, problems: Vec::new() });
        }
        let (status, message) = match reason {
            ReasonCode::BrokerStarting => (Status::Unknown, "the process is starting"),
            ReasonCode::PartitionUnreached => {
                (Status::Unavailable, "clients of some topics wait: no backend that leads a partition is reached")
            }
            ReasonCode::BrokerDraining => (Status::Unavailable, "the process is ending"),
            ReasonCode::BridgeFailed => {
                (Status::Unavailable, "dataflows have stopped: see the log, then start the process anew")
            }
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
            _ => match self.0.work.get()? {
                work if (work.goes_on)() => None,
                Work { purpose: Purpose::Broker | Purpose::Backend, .. } => Some(ReasonCode::BrokerPartitionFailed),
                Work { purpose: Purpose::Frontend, .. } => Some(ReasonCode::PartitionUnreached),
                Work { purpose: Purpose::Bridge, .. } => Some(ReasonCode::BridgeFailed),
            },
        }
    }
}
