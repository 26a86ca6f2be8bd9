//! The broker of this process: settings out of the plan, start, change, drain.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use auth::authentication::Gate;
use auth::{DenialSink, Policy};
use backend::{Backend, BackendView, SessionQuery};
use config::{ClientLimits, MemoryProfile, Plan, QueueStrategy};
use frontend::{
    ClientQuery, Door, Frontend, FrontendView, Limits, Listener, PartitionLink, Reading, SpanSink, SysSettings,
};
use link::mailbox;
use partition::Counters;

/// Commands that may wait for one partition before publishers are slowed.
const INBOX_BYTES: usize = 16 << 20;

/// How often a drain looks whether it is done.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// What the broker is made of.
pub(super) struct Parts<'a> {
    pub(super) plan: &'a Plan,
    /// Where it may keep its state: a folder of the data directory, not made yet.
    pub(super) state_dir: &'a Path,
    pub(super) listeners: Vec<Listener>,
    pub(super) spans: Option<SpanSink>,
    /// Where it is found out who clients are.
    pub(super) gate: Gate,
    /// Who is told what they are denied.
    pub(super) denials: DenialSink,
}

/// The frontend and the backend of this process.
pub(super) struct Broker {
    frontend: Frontend,
    backend: Backend,
}

/// The broker's figures at one moment.
pub(super) struct Figures {
    pub(super) frontend: Reading,
    /// By partition.
    pub(super) partitions: Vec<Counters>,
    pub(super) queue_disk_bytes: u64,
    pub(super) is_disk_full: bool,
    pub(super) is_queue_disk_full: bool,
}

/// Why the broker does not start; one sentence that names what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    #[error("cannot make {}: {source}", dir.display())]
    StateDirectory { dir: PathBuf, source: io::Error },
    #[error(transparent)]
    Backend(#[from] backend::StartError),
    #[error(transparent)]
    Frontend(#[from] frontend::StartError),
}

/// Why a thread of the broker is thought to stand still.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoProgress {
    #[error(transparent)]
    Frontend(#[from] frontend::ViewError),
    #[error(transparent)]
    Backend(#[from] backend::ViewError),
}

/// Whether a drain came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drained {
    Whole,
    /// The deadline came first; what was still under way was cut off.
    CutOff,
}

impl Broker {
    /// Starts the backend, waits until its state is complete, then starts the frontend on the listeners.
    pub(super) fn start(parts: Parts<'_>) -> Result<Self, BrokerError> {
        let Parts { plan, state_dir, listeners, spans, gate, denials } = parts;
        // Messages are nobody else's to read.
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir);
        made.map_err(|source| BrokerError::StateDirectory { dir: state_dir.to_owned(), source })?;
        let (workers, answers) = (0..plan.workers.get()).map(|_| mailbox::channel()).unzip();
        let backend = Backend::start(backend::Settings {
            dir: state_dir.to_owned(),
            partitions: plan.partitions.get(),
            durability: match plan.durability {
                config::Durability::Async => backend::Durability::Async,
                config::Durability::Fsync => backend::Durability::Fsync,
            },
            workers,
            inbox_bytes: INBOX_BYTES,
        })?;
        backend.set_queue_disk_bytes(plan.queue_disk_bytes);
        let partitions = backend.links().map(|(inbox, routes)| PartitionLink { inbox, routes }).collect();
        let frontend = Frontend::start(frontend::Settings {
            listeners,
            limits: limits(&plan.clients),
            back_pressure_bytes: plan.memory.back_pressure_bytes(),
            sys: SysSettings {
                interval: plan.sys_interval,
                version: concat!("causeway version ", env!("CARGO_PKG_VERSION")).to_owned(),
                partitions: Box::new(backend.counters()),
            },
            spans,
            gate,
            denials: Some(denials),
            answers,
            partitions,
        })?;
        Ok(Self { frontend, backend })
    }

    pub(super) fn listen(&self, listener: Listener) -> io::Result<()> {
        self.frontend.listen(listener).map_err(io::Error::other)
    }

    /// Closes a listener; who came by it is sent away.
    pub(super) fn unlisten(&self, name: &str) {
        if let Err(error) = self.frontend.unlisten(name) {
            tracing::error!(listener = name, %error, "a listener could not be closed");
        }
    }

    pub(super) fn set_limits(&self, clients: &ClientLimits) {
        self.frontend.set_limits(&limits(clients));
    }

    /// Has listeners guarded by other policies, and their clients looked at anew. Returns when that is done.
    pub(super) fn set_policies(&self, policies: Vec<(Arc<str>, Arc<Policy>)>) {
        if !policies.is_empty() {
            self.frontend.set_policies(policies);
        }
    }

    pub(super) fn set_memory(&self, memory: MemoryProfile) {
        self.frontend.set_back_pressure(memory.back_pressure_bytes());
    }

    pub(super) fn set_queue_disk_bytes(&self, limit: Option<u64>) {
        self.backend.set_queue_disk_bytes(limit);
    }

    pub(super) fn set_sys_interval(&self, interval: Option<Duration>) {
        self.frontend.set_sys_interval(interval);
    }

    pub(super) fn set_spans(&self, sink: Option<SpanSink>) {
        self.frontend.set_spans(sink);
    }

    pub(super) fn door(&self) -> Door {
        self.frontend.door()
    }

    pub(super) fn views(&self) -> (FrontendView, BackendView) {
        (self.frontend.view(), self.backend.view())
    }

    /// Reads the broker's figures; must not block.
    pub(super) fn figures(&self) -> impl Fn() -> Figures + Send + Sync + use<> {
        let (frontend, partitions) = (self.frontend.totals(), self.backend.counters_by_partition());
        let (disk_full, queue_disk_full) = (self.backend.is_disk_full(), self.backend.is_queue_disk_full());
        let queue_disk_bytes = self.backend.queue_disk_usage();
        move || Figures {
            frontend: frontend(),
            partitions: partitions(),
            queue_disk_bytes: queue_disk_bytes(),
            is_disk_full: disk_full(),
            is_queue_disk_full: queue_disk_full(),
        }
    }

    /// Has every worker and every partition answer a question.
    pub(super) fn progress(&self) -> impl AsyncFn() -> Result<(), NoProgress> + Send + 'static + use<> {
        let (frontend, backend) = self.views();
        async move || {
            frontend.clients(ClientQuery { limit: 1, ..ClientQuery::default() }).await?;
            backend.sessions(&SessionQuery { limit: 1, ..SessionQuery::default() }).await?;
            Ok(())
        }
    }

    /// Tells whether every part of the broker is at work.
    pub(super) fn is_running(&self) -> impl Fn() -> bool + Send + Sync + 'static + use<> {
        self.backend.is_running()
    }

    /// Stops accepting, says goodbye to clients, lets the backend finish and sync its log: in this order.
    pub(super) fn drain(self, deadline: Instant) -> Drained {
        let Self { frontend, backend } = self;
        let draining = thread::spawn(move || {
            frontend.stop();
            backend.stop();
        });
        while !draining.is_finished() {
            if Instant::now() >= deadline {
                return Drained::CutOff;
            }
            thread::sleep(DRAIN_LOOK);
        }
        Drained::Whole
    }
}

fn limits(clients: &ClientLimits) -> Limits {
    Limits {
        session_expiry: clients.max_session_expiry.map_or(u32::MAX, |n| n.get()),
        message_expiry: clients.max_message_expiry.map(|n| n.get()),
        packet_size: clients.max_packet_size.get(),
        client_receive_maximum: clients.max_receive_maximum,
        receive_maximum: clients.receive_maximum,
        keep_alive: clients.max_keep_alive,
        topic_alias_maximum: clients.topic_alias_maximum,
        queue_length: match clients.queue_limit {
            Some(limit) if limit.strategy == QueueStrategy::DropOldest => limit.length.get(),
            _ => 0,
        },
    }
}
