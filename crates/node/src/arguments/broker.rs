//! The flags of the broker.

use std::path::PathBuf;

use clap::Args;
use config::Request;

use super::client_limits::ClientLimitFlags;
use super::listeners::{ListenerFlags, given};
use crate::reading::Reading;
use crate::sources::Sources;

#[derive(Debug, Clone, Args)]
pub(crate) struct BrokerFlags {
    /// Resources to read: a file, or a folder whose *.yaml, *.yml and *.json are read. Secrets may lie beside them as
    /// folders, secrets/NAME/KEY. Changes apply while the broker runs; may be given several times
    #[arg(long, value_name = "PATH", help_heading = "Configuration")]
    resources: Vec<PathBuf>,
    /// The properties of the Broker resource alone, as JSON, as `az iot ops create --broker-config-file` takes it
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    broker_config_file: Option<PathBuf>,
    /// Where sessions, messages and certificates are kept; made if missing [default: ./causeway-data]
    #[arg(long, value_name = "DIR", help_heading = "Configuration")]
    data_dir: Option<PathBuf>,

    #[command(flatten)]
    listeners: ListenerFlags,

    /// Threads that serve connections, 1 to 16 [default: half the cores]
    #[arg(long, value_name = "N", help_heading = "Broker")]
    workers: Option<String>,
    /// Parts the broker's state is divided into, 1 to 16; fixed when the data directory is made [default: half the cores]
    #[arg(long, value_name = "N", help_heading = "Broker")]
    partitions: Option<String>,
    /// What must hold before a message is acknowledged. async: it is written to the log file, so it survives any
    /// crash of the process, but a power cut may cost the last 100 ms. fsync: it is synced to disk, so it survives a power
    /// cut too [default: async]
    #[arg(long, value_name = "async|fsync", help_heading = "Broker")]
    durability: Option<String>,
    /// Memory for messages on their way, before publishers are slowed: 12, 48, 432 or 1536 MiB per partition;
    /// and packets up to 4, 16, 64 or 256 MiB [default: medium]
    #[arg(long, value_name = "tiny|low|medium|high", help_heading = "Broker")]
    memory_profile: Option<String>,
    /// Leave the dataflows of the resources to another process, `causeway bridge`
    #[arg(long, help_heading = "Broker")]
    pub(crate) no_dataflows: bool,
    /// Seconds between two publications of $SYS/broker/..., 0 for never [default: 10]
    #[arg(long, value_name = "SECONDS", help_heading = "Broker")]
    sys_interval: Option<String>,
    /// What the log on stderr tells; JSON lines unless stderr is a terminal [default: info]
    #[arg(long, value_name = "error|warn|info|debug|trace", help_heading = "Broker")]
    log_level: Option<String>,

    #[command(flatten)]
    limits: ClientLimitFlags,
}

impl BrokerFlags {
    /// What the command line asks for, and where more is written down. Nothing is checked here.
    pub(crate) fn reading(self) -> Reading {
        let mut flags = Request {
            data_dir: self.data_dir,
            workers: given("--workers", self.workers),
            partitions: given("--partitions", self.partitions),
            durability: given("--durability", self.durability),
            memory_profile: given("--memory-profile", self.memory_profile),
            sys_interval: given("--sys-interval", self.sys_interval),
            log_level: given("--log-level", self.log_level),
            ..Request::default()
        };
        self.listeners.say(&mut flags);
        self.limits.say(&mut flags);
        Reading { flags, sources: Sources { resources: self.resources, broker_config: self.broker_config_file } }
    }
}
