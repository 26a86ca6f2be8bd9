//! The flags of a cluster to try out.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Clone, Args)]
pub(crate) struct DevClusterFlags {
    /// Frontends, 1 to 16
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(crate) frontends: u16,
    /// Backends, 1 to 16
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(crate) backends: u16,
    /// The first frontend's port for MQTT; the other ports are as far from their usual ones. 0 takes any free ports
    #[arg(long, value_name = "PORT", default_value_t = 1883)]
    pub(crate) base_port: u16,
    /// Where each process gets a folder for its data, and logs/ has what they say; made if missing
    #[arg(long, value_name = "DIR", default_value = "./causeway-cluster")]
    pub(crate) data_dir: PathBuf,
    /// The properties of the Broker resource alone, as JSON, for all processes
    #[arg(long, value_name = "FILE")]
    pub(crate) broker_config_file: Option<PathBuf>,
    /// Parts the broker's state is divided into, 1 to 16; fixed when DIR is made [default: 4]
    #[arg(long, value_name = "N")]
    pub(crate) partitions: Option<String>,
    /// Copies of each part, 1 to 5 [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) redundancy_factor: Option<String>,
    /// What the logs tell [default: info]
    #[arg(long, value_name = "error|warn|info|debug|trace")]
    pub(crate) log_level: Option<String>,
    /// What internal certificates may last at the least, 1s to 1m
    #[arg(long, value_name = "DURATION", hide = true)]
    pub(crate) shortest_internal_duration: Option<String>,
}
