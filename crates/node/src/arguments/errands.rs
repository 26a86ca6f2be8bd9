//! What can be done instead of serving.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::BrokerFlags;
use super::access::{Authz, Passwd};
use super::bridge::{BridgeFlags, DataflowErrands};
use super::certs::Certs;
use super::cluster::{BackendFlags, FrontendFlags};
use super::dev_cluster::DevClusterFlags;

#[derive(Debug, Subcommand)]
pub(crate) enum Errand {
    /// Publishes messages to a broker, as mosquitto_pub does
    #[command(name = "pub")]
    Publish(Box<tools::publish::Arguments>),
    /// Subscribes at a broker and prints what comes, as mosquitto_sub does
    #[command(name = "sub")]
    Subscribe(Box<tools::subscribe::Arguments>),
    /// Sends a request and waits for its response, as mosquitto_rr does
    #[command(name = "rr")]
    Request(Box<tools::request::Arguments>),
    /// Puts load on a broker and tells rates, delays, losses
    #[command(name = "bench")]
    Bench(Box<tools::bench::Arguments>),
    /// Checks resource files without starting anything
    ///
    /// Prints every problem with its file, line and field, and ends with exit code 2 if there is one.
    Check(Check),
    /// Prints the effective configuration and where each value comes from
    ///
    /// Takes the flags of the broker and starts nothing. Contents of secrets are not printed.
    Explain(Box<Explain>),
    /// Adds a user to a password file, gives one another password, or deletes one
    ///
    /// The file is what the method UserPassword of a BrokerAuthentication reads; a running broker takes a change up. Only hashes
    /// are kept in it (argon2id). Without --password-stdin the password is asked for on the terminal, twice, and not shown.
    Passwd(Passwd),
    /// Explains what clients may do
    Authz(Authz),
    /// Serves clients as one of several processes, with the broker's state in others, `causeway backend`
    ///
    /// Takes the listeners, limits and resources of the broker. Clients may connect to any frontend: a session goes on at
    /// another one. Dataflows run beside it, in `causeway bridge`.
    Frontend(Box<FrontendFlags>),
    /// Holds a part of the broker's state, for processes that serve clients, `causeway frontend`
    ///
    /// Sessions, subscriptions, queued and retained messages are in its data directory. Partition p is on backend p modulo
    /// their number, and its further copies are on those that follow.
    Backend(Box<BackendFlags>),
    /// Looks after the certificates by which the processes of a cluster know each other
    Certs(Certs),
    /// Starts a cluster to try out: frontends and backends as processes of their own on this machine, on loopback
    ///
    /// Certificates are made, addresses and commands to try are printed, and a process that ends is started again. Ctrl-C
    /// ends them all, frontends first; sessions, queued and retained messages are there at the next start.
    DevCluster(Box<DevClusterFlags>),
    /// Runs dataflows in a process of its own, without a broker
    ///
    /// The broker of the installation is reached over the network as its endpoint says. Start the broker with
    /// --no-dataflows then, or messages cross twice.
    Bridge(Box<BridgeFlags>),
    /// Tells how dataflows are doing, and tries their endpoints
    Dataflow(DataflowErrands),
    /// Makes a data directory with a corrupt log usable again: keeps what precedes the damage, moves the rest aside
    ///
    /// The broker must not be running. What was acknowledged after the damage is lost; a copy of the data directory, if
    /// there is one, loses less. Damaged files are kept in a folder beside the log, whole.
    Salvage(Salvage),
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Files, or folders whose *.yaml, *.yml and *.json are read; secrets may lie beside them as folders, secrets/NAME/KEY
    #[arg(value_name = "PATH", required_unless_present = "broker_config_file")]
    pub(crate) paths: Vec<PathBuf>,
    /// The properties of the Broker resource alone, as JSON, as `az iot ops create --broker-config-file` takes it
    #[arg(long, value_name = "FILE")]
    pub(crate) broker_config_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) broker: BrokerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Salvage {
    /// The broker's data directory [default: ./causeway-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Only this partition [default: every one that needs it]
    #[arg(long, value_name = "N")]
    pub(crate) partition: Option<u16>,
}
