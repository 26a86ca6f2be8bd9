//! The broker of this process: settings out of the plan, start, drain, metrics.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use auth::{EnhancedMethods, Policy};
use backend::Backend;
use config::{ClientLimits, Plan, QueueStrategy};
use frontend::{Frontend, Limits, Listener, PartitionLink, Protocol, SysSettings};
use identity::ServerTls;
use link::mailbox;

use crate::admin::Family;
use crate::roles::metrics;
use crate::sockets::Sockets;

/// Commands that may wait for one partition before publishers are slowed.
const INBOX_BYTES: usize = 16 << 20;

/// How often a drain looks whether it is done.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// What the broker is made of.
pub(crate) struct Parts<'a> {
    pub(crate) plan: &'a Plan,
    /// Where it may keep its state: a folder of the data directory, not made yet.
    pub(crate) state_dir: &'a Path,
    /// Bound and listening; the admin socket is already gone.
    pub(crate) sockets: Sockets,
    pub(crate) tls: ServerTls,
}

/// The frontend and the backend of this process.
pub(crate) struct Broker {
    frontend: Frontend,
    backend: Backend,
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

/// Whether a drain came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    Whole,
    /// The deadline came first; what was still under way was cut off.
    CutOff,
}

impl Broker {
    /// Starts the backend, waits until its state is complete, then starts the frontend on the sockets.
    pub(crate) fn start(parts: Parts<'_>) -> Result<Self, BrokerError> {
        let Parts { plan, state_dir, sockets, tls } = parts;
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
        let partitions = backend.links().map(|(inbox, routes)| PartitionLink { inbox, routes }).collect();
        let frontend = Frontend::start(frontend::Settings {
            listeners: listeners(sockets, tls),
            limits: limits(&plan.clients),
            back_pressure_bytes: plan.memory.back_pressure_bytes(),
            sys: plan.sys_interval.map(|interval| SysSettings {
                interval,
                version: concat!("causeway version ", env!("CARGO_PKG_VERSION")).to_owned(),
                partitions: Box::new(backend.counters()),
            }),
            policy: Policy::open(),
            methods: EnhancedMethods::default(),
            answers,
            partitions,
        })?;
        Ok(Self { frontend, backend })
    }

    /// Calls back at each scrape of the metrics; must not block.
    pub(crate) fn metrics(&self) -> impl Fn() -> Vec<Family> + Send + Sync + 'static {
        let (totals, partitions, disk_full) =
            (self.frontend.totals(), self.backend.counters(), self.backend.is_disk_full());
        move || {
            let (totals, buffered) = totals();
            metrics::families(&totals, buffered, &partitions(), disk_full())
        }
    }

    /// Tells whether every part of the broker is at work.
    pub(crate) fn is_running(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        self.backend.is_running()
    }

    /// Stops accepting, says goodbye to clients, lets the backend finish and sync its log: in this order.
    pub(crate) fn drain(self, deadline: Instant) -> Drained {
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

fn listeners(sockets: Sockets, tls: ServerTls) -> Vec<Listener> {
    let secured = Protocol::MqttTls(Arc::new(move |hello| tls.configuration(hello)));
    let protocols = [(sockets.mqtt, Protocol::Mqtt), (sockets.mqtts, secured), (sockets.ws, Protocol::WebSocket)];
    let listener = |(socket, protocol): (Option<_>, _)| Some(Listener { socket: socket?, protocol });
    protocols.into_iter().filter_map(listener).collect()
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
