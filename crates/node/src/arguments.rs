//! The command line, and what it says as a request.

mod access;
mod bridge;
mod broker;
mod certs;
mod client_limits;
mod cluster;
mod dev_cluster;
mod errands;
mod listeners;

use clap::Parser;

pub(crate) use access::{ActionAsked, Authz, AuthzErrand, ExplainAccess, Passwd};
pub(crate) use bridge::{
    AdminAddress, BridgeFlags, DataflowErrand, DataflowErrands, DataflowList, DataflowShow, DataflowTest, LocalFlags,
};
pub(crate) use broker::BrokerFlags;
pub(crate) use certs::{Certs, CertsErrand, CertsInit, CertsRemove, CertsRotate, CertsStatus, CertsToken, Place};
pub(crate) use cluster::{BackendFlags, FrontendFlags, HiddenFlags};
pub(crate) use dev_cluster::DevClusterFlags;
pub(crate) use errands::{Check, Errand};

/// An MQTT 3.1.1 and 5.0 broker, and the tools to use one.
///
/// Started without arguments it serves MQTT on 127.0.0.1:1883, MQTT over TLS on 127.0.0.1:8883, MQTT over WebSocket on
/// 127.0.0.1:8083 and health, metrics and the admin API on http://127.0.0.1:9600, keeps its state in ./causeway-data and prints
/// commands to try it with. Ctrl-C ends it; sessions, queued and retained messages are there at the next start.
///
/// For more than a try, write down Broker and BrokerListener resources and give their folder with --resources: changes to
/// these files apply while the broker runs.
#[derive(Debug, Parser)]
#[command(
    name = "causeway",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    subcommand_value_name = "COMMAND",
    override_usage = "causeway [OPTIONS]\n       causeway COMMAND [OPTIONS]",
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    /// Something else to do than to serve.
    #[command(subcommand)]
    pub(crate) errand: Option<Errand>,

    #[command(flatten)]
    pub(crate) broker: BrokerFlags,
}

#[cfg(test)]
mod tests;
