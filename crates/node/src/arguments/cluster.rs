//! The flags of the processes of a cluster.

use std::path::PathBuf;

use clap::Args;
use config::{ClusterRequest, ClusterRole, Given, Request};

use super::client_limits::ClientLimitFlags;
use super::listeners::{AdminFlag, ListenerFlags, given};
use crate::reading::Reading;
use crate::sources::Sources;

/// What frontends and backends alike are told.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClusterFlags {
    /// Who this process is, with its number at the end, as pods of a StatefulSet are called: backend-0, frontend-3
    #[arg(long, value_name = "NAME-N", help_heading = "Cluster")]
    name: String,
    /// The cluster's name; processes of another are not let in [default: default]
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    cluster: Option<String>,
    /// All backends by their numbers, by commas, ranges understood: backend-0=10.0.0.7:7883,backend-1=10.0.0.8:7883, or
    /// backend-{0..2}=backend-{0..2}.causeway:7883. The same in all processes; the first holds the authority of the internal
    /// certificates
    #[arg(long, value_name = "LIST", help_heading = "Cluster")]
    backends: String,
    /// Parts the broker's state is divided into, 1 to 16; the same in all processes, and fixed when the first data directory is
    /// made [default: 4]
    #[arg(long, value_name = "N", help_heading = "Cluster")]
    partitions: Option<String>,
    /// Copies of each part, 1 to 5, each on another backend; the same in all processes [default: 1]
    #[arg(long, value_name = "N", help_heading = "Cluster")]
    redundancy_factor: Option<String>,
    /// A file with the token by which this process gets its first certificate, from `causeway certs token`. Not looked at where
    /// DATA-DIR has one
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    join_token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) hidden: HiddenFlags,
}

/// For tests, and for processes that start others.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct HiddenFlags {
    /// What internal certificates may last at the least, 1s to 1m
    #[arg(long, value_name = "DURATION", hide = true)]
    pub(crate) shortest_internal_duration: Option<String>,
    /// End at once when the process of this number, which has started this one, does
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) parent: Option<u32>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct FrontendFlags {
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,

    /// Resources to read: a file, or a folder whose *.yaml, *.yml and *.json are read. Secrets may lie beside them as
    /// folders, secrets/NAME/KEY. Changes apply while the frontend runs; may be given several times
    #[arg(long, value_name = "PATH", help_heading = "Configuration")]
    resources: Vec<PathBuf>,
    /// The properties of the Broker resource alone, as JSON, as `az iot ops create --broker-config-file` takes it
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    broker_config_file: Option<PathBuf>,
    /// Where certificates are kept; made if missing [default: ./causeway-NAME-data]
    #[arg(long, value_name = "DIR", help_heading = "Configuration")]
    data_dir: Option<PathBuf>,

    #[command(flatten)]
    listeners: ListenerFlags,

    /// Threads that serve connections, 1 to 16 [default: half the cores]
    #[arg(long, value_name = "N", help_heading = "Frontend")]
    workers: Option<String>,
    /// Memory for messages on their way, before publishers are slowed: 12, 48, 432 or 1536 MiB per partition;
    /// and packets up to 4, 16, 64 or 256 MiB [default: medium]
    #[arg(long, value_name = "tiny|low|medium|high", help_heading = "Frontend")]
    memory_profile: Option<String>,
    /// Seconds between two publications of $SYS/broker/..., 0 for never [default: 10]
    #[arg(long, value_name = "SECONDS", help_heading = "Frontend")]
    sys_interval: Option<String>,
    /// What the log on stderr tells; JSON lines unless stderr is a terminal [default: info]
    #[arg(long, value_name = "error|warn|info|debug|trace", help_heading = "Frontend")]
    log_level: Option<String>,

    #[command(flatten)]
    limits: ClientLimitFlags,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BackendFlags {
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,

    /// Resources to read: a file, or a folder whose *.yaml, *.yml and *.json are read; those of the frontends will do. Changes
    /// apply while the backend runs; may be given several times
    #[arg(long, value_name = "PATH", help_heading = "Configuration")]
    resources: Vec<PathBuf>,
    /// The properties of the Broker resource alone, as JSON, as `az iot ops create --broker-config-file` takes it
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    broker_config_file: Option<PathBuf>,
    /// Where sessions, messages and internal certificates are kept; made if missing [default: ./causeway-NAME-data]
    #[arg(long, value_name = "DIR", help_heading = "Configuration")]
    data_dir: Option<PathBuf>,

    /// Where frontends and other backends reach this one [default: its address in --backends, where
    /// that is in numbers; else its port on every interface]
    #[arg(long, value_name = "IP:PORT", help_heading = "Listeners")]
    internal: Option<String>,
    #[command(flatten)]
    admin: AdminFlag,

    /// What must hold before a message is acknowledged. async: it is written to the log file, so it survives any
    /// crash of the process, but a power cut may cost the last 100 ms. fsync: it is synced to disk, so it survives a power
    /// cut too [default: async]
    #[arg(long, value_name = "async|fsync", help_heading = "Backend")]
    durability: Option<String>,
    /// Memory for messages on their way, before publishers are slowed: 12, 48, 432 or 1536 MiB per partition
    /// [default: medium]
    #[arg(long, value_name = "tiny|low|medium|high", help_heading = "Backend")]
    memory_profile: Option<String>,
    /// What the log on stderr tells; JSON lines unless stderr is a terminal [default: info]
    #[arg(long, value_name = "error|warn|info|debug|trace", help_heading = "Backend")]
    log_level: Option<String>,
}

impl ClusterFlags {
    fn say(self, role: ClusterRole, internal: Option<String>, request: &mut Request) {
        request.partitions = given("--partitions", self.partitions);
        request.cluster = Some(ClusterRequest {
            role,
            name: Given::flag("--name", self.name),
            cluster: given("--cluster", self.cluster),
            internal: given("--internal", internal),
            backends: Given::flag("--backends", self.backends),
            redundancy_factor: given("--redundancy-factor", self.redundancy_factor),
            join_token_file: self.join_token_file,
            shortest_internal_duration: given("--shortest-internal-duration", self.hidden.shortest_internal_duration),
        });
    }
}

impl FrontendFlags {
    /// What the command line asks for, and where more is written down. Nothing is checked here.
    pub(crate) fn reading(self) -> Reading {
        let mut flags = Request {
            data_dir: self.data_dir,
            workers: given("--workers", self.workers),
            memory_profile: given("--memory-profile", self.memory_profile),
            sys_interval: given("--sys-interval", self.sys_interval),
            log_level: given("--log-level", self.log_level),
            ..Request::default()
        };
        self.cluster.say(ClusterRole::Frontend, None, &mut flags);
        self.listeners.say(&mut flags);
        self.limits.say(&mut flags);
        Reading { flags, sources: Sources { resources: self.resources, broker_config: self.broker_config_file } }
    }
}

impl BackendFlags {
    /// What the command line asks for, and where more is written down. Nothing is checked here.
    pub(crate) fn reading(self) -> Reading {
        let mut flags = Request {
            data_dir: self.data_dir,
            durability: given("--durability", self.durability),
            memory_profile: given("--memory-profile", self.memory_profile),
            log_level: given("--log-level", self.log_level),
            ..Request::default()
        };
        self.cluster.say(ClusterRole::Backend, self.internal, &mut flags);
        self.admin.say(&mut flags);
        Reading { flags, sources: Sources { resources: self.resources, broker_config: self.broker_config_file } }
    }
}
