//! What was asked for, unread: each setting's text and the place it was written at.

use std::path::PathBuf;

use crate::ClusterRole;
use crate::format::is_member;

/// One setting as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Where it was written, as an error names it: `--workers`.
    pub place: String,
    /// What was written.
    pub text: String,
}

impl Given {
    /// A setting given on the command line as `flag`.
    pub fn flag(flag: &str, text: String) -> Self {
        Self { place: flag.to_owned(), text }
    }

    /// Its place in the order of all: listeners, the broker's shape, the rest as they are read.
    pub(crate) fn rank(&self) -> u32 {
        let found = ORDER.iter().position(|flag| *flag == self.place);
        u32::try_from(found.unwrap_or(ORDER.len())).unwrap_or(u32::MAX)
    }
}

/// Everything that can be asked for; `None` asks for the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Where the broker keeps its state.
    pub data_dir: Option<PathBuf>,
    /// MQTT over TCP: `ADDR:PORT` or `off`.
    pub mqtt: Option<Given>,
    /// MQTT over TLS: `ADDR:PORT` or `off`.
    pub mqtts: Option<Given>,
    /// MQTT over WebSocket: `ADDR:PORT` or `off`.
    pub ws: Option<Given>,
    /// Health and metrics over HTTP: `ADDR:PORT` (loopback) or `off`.
    pub admin: Option<Given>,
    /// Address that listeners of resources, and default ones, bind: an IP address.
    pub bind: Option<Given>,
    /// Frontend workers.
    pub workers: Option<Given>,
    /// Partitions of the broker's state.
    pub partitions: Option<Given>,
    /// `async` or `fsync`.
    pub durability: Option<Given>,
    /// Bytes.
    pub max_packet_size: Option<Given>,
    /// Seconds.
    pub max_keep_alive: Option<Given>,
    /// Seconds.
    pub max_session_expiry: Option<Given>,
    /// Seconds.
    pub max_message_expiry: Option<Given>,
    /// Messages, the client's own Receive Maximum.
    pub max_receive_maximum: Option<Given>,
    /// Messages, the broker's Receive Maximum.
    pub receive_maximum: Option<Given>,
    /// Aliases a client may use towards the broker.
    pub topic_alias_maximum: Option<Given>,
    /// Messages queued for one session.
    pub queue_limit: Option<Given>,
    /// `none` or `drop-oldest`.
    pub queue_strategy: Option<Given>,
    /// `tiny`, `low`, `medium` or `high`.
    pub memory_profile: Option<Given>,
    /// Seconds between two publications of `$SYS`.
    pub sys_interval: Option<Given>,
    /// `error` to `trace`.
    pub log_level: Option<Given>,
    /// To be a process of a cluster; `None` asks for a broker that is alone.
    pub cluster: Option<ClusterRequest>,
}

/// What a process of a cluster is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRequest {
    /// What it does.
    pub role: ClusterRole,
    /// Who it is: a name with a number at its end.
    pub name: Given,
    /// The cluster's name.
    pub cluster: Option<Given>,
    /// Where a backend accepts links: `ADDR:PORT`. A frontend accepts none.
    pub internal: Option<Given>,
    /// All backends: `NAME=HOST:PORT`, by commas, with ranges.
    pub backends: Given,
    /// Copies of each partition.
    pub redundancy_factor: Option<Given>,
    /// The file of a join token; it is not read here.
    pub join_token_file: Option<PathBuf>,
    /// The shortest duration that internal certificates may have: tests have those of seconds.
    pub shortest_internal_duration: Option<Given>,
}

/// The flags, in the order in which their problems are told.
const ORDER: &[&str] = &[
    "--name",
    "--cluster",
    "--backends",
    "--internal",
    "--mqtt",
    "--mqtts",
    "--ws",
    "--admin",
    "--bind",
    "--workers",
    "--partitions",
    "--redundancy-factor",
    "--durability",
];

const DEFAULT_DATA_DIR: &str = "./causeway-data";

impl Request {
    /// The data directory asked for, or the default one: processes of a cluster have one each. Needed before a plan can be made, since the directory may hold
    /// a [`crate::ClusterRecord`].
    pub fn data_dir(&self) -> PathBuf {
        let name = self.cluster.as_ref().map(|cluster| cluster.name.text.as_str());
        // Not read yet: what is no name must not lead anywhere.
        let name = name.filter(|name| is_member(name));
        let default = || name.map_or_else(|| DEFAULT_DATA_DIR.into(), |name| format!("./causeway-{name}-data").into());
        self.data_dir.clone().unwrap_or_else(default)
    }
}
