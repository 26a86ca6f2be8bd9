//! The checked plan: what the process will be.

mod address;
mod admin;
mod authentication;
mod authorization;
mod backend_list;
mod cardinality;
mod certificate;
mod clients;
mod cluster;
mod dataflow;
mod diagnostics;
mod flag_listeners;
mod guard;
mod internal_traffic;
mod kept;
mod keys;
mod leaves;
mod listeners;
mod namespace;
mod settling;
#[cfg(test)]
mod tests;
mod trust;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use flag_listeners::{FlagListeners, Unnamed};
use guard::Guards;
use settling::Settling;

use crate::authentication::Authentication;
use crate::authorization::Authorization;
use crate::dataflow::{Dataflow, Endpoint, Profile};
use crate::reading::Reading;
use crate::resource::{self, Resources};
use crate::{
    Admin, Audit, Cardinality, ClientLimits, ClusterPlan, ClusterRecord, ClusterRole, Durability, EffectiveValue,
    Input, InternalTraffic, Listener, LogLevel, MemoryProfile, Origin, Problems, SelfCheck, Traces,
};

/// What the plan depends on besides what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// Processors this process may use.
    pub cores: usize,
    /// What the data directory remembers; `None` for a new one.
    pub remembered: Option<ClusterRecord>,
}

/// Something that works but may not be what was meant; for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice(pub(crate) String);

impl Notice {
    /// One about where the resources came from, which a plan does not see.
    pub fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the process will be. What of it can change while it runs is in [`crate::Change`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where it keeps its state.
    pub data_dir: PathBuf,
    /// Where clients connect. Never empty but in a backend, which has no clients.
    pub listeners: Vec<Listener>,
    /// Where it answers for health, metrics and the API; `None` is nowhere.
    pub admin: Option<Admin>,
    /// Frontend workers: threads that serve connections.
    pub workers: Cardinality,
    /// Partitions of the broker's state; a data directory keeps the number it was made with.
    pub partitions: Cardinality,
    /// The cluster that this process is one of; `None` if it is alone.
    pub cluster: Option<ClusterPlan>,
    /// How the processes of a cluster talk.
    pub internal: InternalTraffic,
    /// When an acknowledgement may leave.
    pub durability: Durability,
    /// What clients may ask for.
    pub clients: ClientLimits,
    /// How much memory messages may take.
    pub memory: MemoryProfile,
    /// Bound on the bytes of queued messages on disk, over all partitions; `None` has no bound.
    pub queue_disk_bytes: Option<u64>,
    /// Time between two publications of `$SYS`; `None` is never.
    pub sys_interval: Option<Duration>,
    /// What the log tells.
    pub log_level: LogLevel,
    /// Who is let in, by the names of resources: those that ports refer to, and the others.
    pub authentications: BTreeMap<String, Authentication>,
    /// What they may do, likewise.
    pub authorizations: BTreeMap<String, Authorization>,
    /// Brokers that dataflows connect, by the names of resources; the built-in `default` is always among them.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// What dataflows have in common, likewise.
    pub profiles: BTreeMap<String, Profile>,
    /// What crosses between them, by the names of resources.
    pub dataflows: BTreeMap<String, Dataflow>,
    /// Failed logins that one address has at once; 0 is no limit.
    pub failed_logins_per_address: u32,
    /// How denials and administrative actions are recorded; `None` is not at all.
    pub audit: Option<Audit>,
    /// How it tries itself; `None` is not at all.
    pub self_check: Option<SelfCheck>,
    /// What it keeps of traced operations; `None` is nothing.
    pub traces: Option<Traces>,
    /// The Kubernetes namespace that resources are in: a label of metrics, a part of names in certificates.
    pub namespace: String,
    /// What may not be what was meant.
    pub notices: Vec<Notice>,
    /// Every value, with where it came from.
    pub values: Vec<EffectiveValue>,
}

impl Plan {
    /// Reads, checks and completes what was asked for.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn check(input: &Input, host: &Host) -> Result<Self, Problems> {
        let mut reading = Reading::default();
        let resources = resource::read(input, &mut reading);
        let plan = Self::settle(input, host, &resources, &mut reading);
        if !reading.is_sound() {
            return Err(reading.problems());
        }
        Ok(Self { notices: reading.notices, values: reading.values, ..plan })
    }

    /// The plan, as far as what was asked for is sound.
    fn settle(input: &Input, host: &Host, resources: &Resources, reading: &mut Reading) -> Self {
        let flags = &input.flags;
        let namespace = namespace::settle(resources, reading);
        let mut settling = Settling::new(flags, resources.broker.as_ref(), reading);
        let data_dir = settling.data_dir();
        let workers = cardinality::workers(&mut settling, host);
        let partitions = cardinality::partitions(&mut settling, host);
        cardinality::frontends(&mut settling);
        let backends = cluster::backends(&mut settling);
        let copies = cardinality::copies(&mut settling, backends.as_ref().map(Vec::len));
        let durability = settling.durability();
        let memory = settling.memory();
        let clients = clients::settle(&mut settling, memory);
        let queue_disk_bytes = settling.queue_disk_bytes();
        let log_level = settling.log_level();
        let self_check = diagnostics::self_check(&mut settling);
        let traces = diagnostics::traces(&mut settling);
        let failed_logins_per_address = clients::failed_logins(&mut settling);
        let audit = diagnostics::audit(&mut settling);
        let sys_interval = diagnostics::sys_interval(&mut settling);
        let internal = internal_traffic::settle(&mut settling);
        kept::settle(&mut settling);
        let unnamed = if resources.listeners.is_empty() { Unnamed::Served } else { Unnamed::Left };
        let addresses = flag_listeners::read(flags, unnamed, settling.reading);
        let admin = admin::settle(&mut settling, addresses.admin, (&resources.objects, &namespace));
        let cluster = cluster::settle(&mut settling, (backends, copies), admin.as_ref());
        if let Some(cluster) = &cluster {
            cluster::notice(cluster, partitions, internal.encryption, settling.reading);
        }
        let clients_side = ClientsSide::settle(input, resources, (&addresses, &namespace), admin.as_ref(), reading);
        let ClientsSide { authentications, authorizations, listeners, dataflows } = clients_side;
        let dataflow::Settled { endpoints, profiles, dataflows } = dataflows;
        let (notices, values) = (Vec::new(), Vec::new());
        Self {
            data_dir,
            listeners,
            admin,
            workers,
            partitions,
            cluster,
            internal,
            durability,
            clients,
            memory,
            queue_disk_bytes,
            sys_interval,
            log_level,
            authentications,
            authorizations,
            endpoints,
            profiles,
            dataflows,
            failed_logins_per_address,
            audit,
            self_check,
            traces,
            namespace,
            notices,
            values,
        }
    }

    /// This plan with the parts that only a restart changes taken from `started`: what a process that was started with
    /// it runs once the rest of this plan is applied.
    #[must_use]
    pub fn under(self, started: &Self) -> Self {
        Self {
            data_dir: started.data_dir.clone(),
            workers: started.workers,
            partitions: started.partitions,
            cluster: started.cluster.clone(),
            internal: InternalTraffic { encryption: started.internal.encryption, ..self.internal },
            durability: started.durability,
            namespace: started.namespace.clone(),
            ..self
        }
    }
}

/// What has to do with clients, and with other brokers.
#[derive(Default)]
struct ClientsSide {
    authentications: BTreeMap<String, Authentication>,
    authorizations: BTreeMap<String, Authorization>,
    listeners: Vec<Listener>,
    dataflows: dataflow::Settled,
}

impl ClientsSide {
    /// Nothing in a backend: it is given the same resources as frontends, and need not have what these refer to.
    fn settle(
        input: &Input,
        resources: &Resources,
        (addresses, namespace): (&FlagListeners<'_>, &str),
        admin: Option<&Admin>,
        reading: &mut Reading,
    ) -> Self {
        if input.flags.cluster.as_ref().is_some_and(|cluster| cluster.role == ClusterRole::Backend) {
            return Self::default();
        }
        let authentications = authentication::settle(input, (resources, namespace), reading);
        let authorizations = authorization::settle(resources, reading);
        let listeners = {
            let guards = Guards { authentications: &authentications, authorizations: &authorizations };
            listeners::settle(input, resources, (addresses, namespace), (admin, &guards), reading)
        };
        let dataflows = dataflow::settle(resources, namespace, reading);
        Self { authentications, authorizations, listeners, dataflows }
    }
}

impl Settling<'_> {
    fn data_dir(&mut self) -> PathBuf {
        let origin = match self.flags.data_dir {
            Some(_) => Origin::Flag("--data-dir".to_owned()),
            None => Origin::Default,
        };
        let data_dir = self.flags.data_dir();
        self.note_value("--data-dir".to_owned(), data_dir.display().to_string(), origin, None);
        data_dir
    }

    fn memory(&mut self) -> MemoryProfile {
        let flag = self.flag_word(self.flags.memory_profile.as_ref(), MemoryProfile::WORDS);
        self.settle("memoryProfile", flag, self.spec.memory_profile).unwrap_or_default()
    }

    fn log_level(&mut self) -> LogLevel {
        let flag = self.flag_word(self.flags.log_level.as_ref(), LogLevel::WORDS);
        let file = self.spec.diagnostics.as_ref().and_then(|d| d.logs.as_ref()).and_then(|logs| logs.level);
        self.settle("diagnostics.logs.level", flag, file).unwrap_or_default()
    }

    fn durability(&mut self) -> Durability {
        let given = self.flags.durability.as_ref();
        let word = self.reading.word(given, Durability::WORDS);
        if let (Some(None), Some(given)) = (word, given) {
            self.reading.refuse(given, "with one replica nothing would survive a restart; give async or fsync");
        }
        let flag = word.flatten().zip(given);
        let file = self.spec.advanced.as_ref().and_then(|advanced| advanced.durability);
        self.settle("advanced.durability", flag, file).unwrap_or_default()
    }

    fn queue_disk_bytes(&mut self) -> Option<u64> {
        let buffer = self.spec.disk_backed_message_buffer.as_ref();
        let bytes = buffer.and_then(|buffer| buffer.max_size).map(|size| size.bytes());
        self.settle_shown("diskBackedMessageBuffer.maxSize", None, bytes, |bytes| format!("{bytes} bytes"))
    }
}
