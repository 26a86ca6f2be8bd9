//! The broker of this process: settings out of the plan, start, change, drain.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use auth::authentication::Gate;
use auth::{DenialSink, Policy};
use backend::{Backend, BackendView, Hosting, SessionQuery};
use config::{ClientLimits, MemoryProfile, Plan, QueueStrategy};
use frontend::{
    ClientQuery, Door, FarPartitions, Frontend, FrontendView, Limits, Listener, NearPartitions, PartitionLink,
    Partitions, Reach, Reading, SpanSink, SysSettings,
};
use link::mailbox;
use partition::Counters;

use super::partitions::{self, PartitionsError};

/// How often a drain looks whether it is done.
const DRAIN_LOOK: Duration = Duration::from_millis(10);
/// How long a process that ends waits while no backend is reached.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// What the broker is made of.
pub(super) struct Parts<'a> {
    pub(super) plan: &'a Plan,
    pub(super) partitions: Place<'a>,
    pub(super) listeners: Vec<Listener>,
    pub(super) spans: Option<SpanSink>,
    /// Where it is found out who clients are.
    pub(super) gate: Gate,
    /// Who is told what they are denied.
    pub(super) denials: DenialSink,
}

/// Where partitions are.
pub(super) enum Place<'a> {
    /// In this process, with their state in a folder of the data directory that need not be there yet.
    Here(&'a Path),
    /// In backends.
    Elsewhere(FarPartitions),
}

/// The frontend of this process, and the backend if it is here.
pub(super) struct Broker {
    frontend: Frontend,
    backend: Option<Backend>,
}

/// The broker's figures at one moment.
pub(super) struct Figures {
    pub(super) frontend: Reading,
    pub(super) partitions: PartitionFigures,
}

/// What the partitions of this process show; nothing where there are none.
#[derive(Default)]
pub(super) struct PartitionFigures {
    /// By partition.
    pub(super) counters: Vec<Counters>,
    pub(super) queue_disk_bytes: u64,
    pub(super) is_disk_full: bool,
    pub(super) is_queue_disk_full: bool,
}

/// Why the broker does not start; one sentence that names what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    #[error(transparent)]
    Partitions(#[from] PartitionsError),
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
    /// No backend was there any more to take what was under way.
    Unreached,
}

impl Drained {
    /// Says what was not done within `deadline`.
    pub(super) fn log(self, deadline: Duration) {
        match self {
            Self::Whole => {}
            Self::CutOff => {
                let seconds = deadline.as_secs();
                tracing::warn!("not everything came to its end within {seconds} seconds and was cut off");
            }
            Self::Unreached => {
                tracing::warn!(
                    "no backend is reached: what clients had sent and nobody has taken is left to them to send again"
                )
            }
        }
    }
}

/// Whether somebody is there to take what a process that ends still has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    Here,
    /// Every link is down.
    Gone,
}

impl Broker {
    /// Starts the backend, if it is here, waits until its state is complete, then starts the frontend on the listeners.
    pub(super) fn start(parts: Parts<'_>) -> Result<Self, BrokerError> {
        let Parts { plan, partitions, listeners, spans, gate, denials } = parts;
        let (backend, partitions) = match partitions {
            Place::Elsewhere(far) => (None, Partitions::Far(far)),
            Place::Here(state_dir) => {
                let (workers, answers) = (0..plan.workers.get()).map(|_| mailbox::channel()).unzip();
                let backend = partitions::start(plan, state_dir, Hosting::Near { workers })?;
                let links = backend.links().map(|(inbox, routes)| PartitionLink { inbox, routes }).collect();
                let counters = Box::new(backend.counters());
                (Some(backend), Partitions::Near(NearPartitions { links, answers, counters }))
            }
        };
        let frontend = Frontend::start(frontend::Settings {
            listeners,
            limits: limits(&plan.clients),
            back_pressure_bytes: plan.memory.back_pressure_bytes(),
            sys: SysSettings {
                interval: plan.sys_interval,
                version: concat!("causeway version ", env!("CARGO_PKG_VERSION")).to_owned(),
            },
            spans,
            gate,
            denials: Some(denials),
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
        // Of partitions elsewhere, their own process has it from the same resources.
        if let Some(backend) = &self.backend {
            backend.set_queue_disk_bytes(limit);
        }
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

    /// For dataflows.
    pub(super) fn client_door(&self) -> Door {
        self.frontend.client_door()
    }

    /// Who to ask about clients, and about what partitions hold if they are here.
    pub(super) fn views(&self) -> (FrontendView, Option<BackendView>) {
        (self.frontend.view(), self.backend.as_ref().map(Backend::view))
    }

    /// Reads the broker's figures; must not block.
    pub(super) fn figures(&self) -> impl Fn() -> Figures + Send + Sync + use<> {
        let frontend = self.frontend.totals();
        let partitions = self.backend.as_ref().map(partition_figures);
        move || Figures {
            frontend: frontend(),
            partitions: partitions.as_ref().map_or_else(PartitionFigures::default, |figures| figures()),
        }
    }

    /// Has every worker and every partition of this process answer a question.
    pub(super) fn progress(&self) -> impl AsyncFn() -> Result<(), NoProgress> + Send + 'static + use<> {
        let (frontend, backend) = self.views();
        async move || {
            frontend.clients(ClientQuery { limit: 1, ..ClientQuery::default() }).await?;
            if let Some(backend) = &backend {
                backend.sessions(&SessionQuery { limit: 1, ..SessionQuery::default() }).await?;
            }
            Ok(())
        }
    }

    /// Tells whether clients can be served: every partition is at work, here or in a backend that is reached.
    pub(super) fn is_serving(&self) -> Box<dyn Fn() -> bool + Send + Sync> {
        match (&self.backend, self.reach()) {
            (Some(backend), _) => Box::new(backend.is_running()),
            (None, Some(reach)) => {
                Box::new(move || reach().partitions.iter().all(|partition| partition.leader.is_some()))
            }
            (None, None) => Box::new(|| true),
        }
    }

    /// Tells which partitions elsewhere are reached; `None` where they are here.
    pub(super) fn reach(&self) -> Option<Box<dyn Fn() -> Reach + Send + Sync>> {
        self.frontend.reach().map(|reach| Box::new(reach) as _)
    }

    /// Stops accepting, says goodbye to clients, lets the backend finish and sync its log: in this order.
    /// Where `company` is gone, there are [`LAST_WAIT`] for it to come back.
    pub(super) fn drain(self, deadline: Instant, company: impl Fn() -> Company) -> Drained {
        let Self { frontend, backend } = self;
        let draining = thread::spawn(move || {
            frontend.stop();
            if let Some(backend) = backend {
                backend.stop();
            }
        });
        let mut alone_since = None;
        while !draining.is_finished() {
            let now = Instant::now();
            alone_since = (company() == Company::Gone).then(|| alone_since.unwrap_or(now));
            if now >= deadline {
                return Drained::CutOff;
            }
            if alone_since.is_some_and(|since| now.duration_since(since) >= LAST_WAIT) {
                return Drained::Unreached;
            }
            thread::sleep(DRAIN_LOOK);
        }
        Drained::Whole
    }
}

/// Reads the figures of partitions; must not block.
pub(super) fn partition_figures(backend: &Backend) -> impl Fn() -> PartitionFigures + Send + Sync + use<> {
    let (counters, queue_disk_bytes) = (backend.counters_by_partition(), backend.queue_disk_usage());
    let (disk_full, queue_disk_full) = (backend.is_disk_full(), backend.is_queue_disk_full());
    move || PartitionFigures {
        counters: counters(),
        queue_disk_bytes: queue_disk_bytes(),
        is_disk_full: disk_full(),
        is_queue_disk_full: queue_disk_full(),
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
