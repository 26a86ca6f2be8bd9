//! The command line of `causeway bench`.

mod stored;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Subcommand, ValueEnum};

pub(super) use stored::{Offline, Retained};

use super::sizes::Sizes;
use super::span;
use crate::connection::Tls;

/// Puts load on an MQTT broker and says what came of it.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    pub(super) scenario: Scenario,
}

/// What the load is.
#[derive(Debug, Subcommand)]
pub(super) enum Scenario {
    /// Connections: how fast they are made, what they cost while they do nothing; with --churn, made and ended all the time
    Conn(Conn),
    /// Publishers without subscribers
    Pub(Pub),
    /// Subscribers that take what others publish, `causeway bench pub` elsewhere for one
    Sub(Sub),
    /// Publisher i to subscriber i: as many topics as pairs
    #[command(name = "p2p")]
    PointToPoint(PointToPoint),
    /// Many publishers, each with its topic, to few subscribers of all of them
    FanIn(Fan),
    /// Few publishers on one topic that many subscribers have
    FanOut(Fan),
    /// Persistent sessions go offline, messages are queued for them, and they come back for these
    Offline(Offline),
    /// Retained messages are stored, one on each topic, and subscribers come for all of them
    Retained(Retained),
}

#[derive(Debug, Args)]
pub(super) struct Conn {
    /// Connections at a time
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1000)]
    pub(super) connections: u32,
    /// How long they are held once all are made
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = span::parse, conflicts_with = "churn")]
    pub(super) hold: Duration,
    /// Each connection ends as soon as it is made and is made anew, for --duration or until --count were made
    #[arg(long)]
    pub(super) churn: bool,
    /// How long connections are made and ended
    #[arg(long, value_name = "TIME", value_parser = span::parse, requires = "churn")]
    pub(super) duration: Option<Duration>,
    /// Connections to make in all
    #[arg(long, value_name = "N", requires = "churn")]
    pub(super) count: Option<u64>,
    /// Each connection subscribes to this filter; {run} and {subscriber} are replaced
    #[arg(long, value_name = "FILTER", conflicts_with = "churn")]
    pub(super) filter: Option<String>,
    /// Filters of each connection, in one SUBSCRIBE; {topic} is their number
    #[arg(long, value_name = "N", default_value_t = 1, requires = "filter", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) filters: u32,
    #[command(flatten)]
    pub(super) broker: Broker,
    #[command(flatten)]
    pub(super) client: Client,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Pub {
    /// Publishers
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) publishers: u32,
    #[command(flatten)]
    pub(super) message: Message,
    #[command(flatten)]
    pub(super) pace: Pace,
    #[command(flatten)]
    pub(super) broker: Broker,
    #[command(flatten)]
    pub(super) client: Client,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Sub {
    /// Subscribers
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) subscribers: u32,
    /// What they subscribe to; {run} and {subscriber} are replaced
    #[arg(short = 't', long, value_name = "FILTER", default_value = "causeway/bench/#")]
    pub(super) filter: String,
    /// Highest QoS asked for
    #[arg(short = 'q', long, value_name = "0|1|2", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(super) qos: u8,
    /// Share the subscription: each message goes to one member of GROUP
    #[arg(long, value_name = "GROUP")]
    pub(super) share: Option<String>,
    /// How long to receive; without it and without --count until Ctrl-C
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    pub(super) duration: Option<Duration>,
    /// End after this many messages over all subscribers
    #[arg(long, value_name = "N")]
    pub(super) count: Option<u64>,
    /// Measure latency from the publishers' clock; right only as far as that agrees with the clock here
    #[arg(long)]
    pub(super) latency: bool,
    #[command(flatten)]
    pub(super) broker: Broker,
    #[command(flatten)]
    pub(super) client: Client,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct PointToPoint {
    /// Pairs of a publisher and its subscriber
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1)]
    pub(super) pairs: u32,
    #[command(flatten)]
    pub(super) subscription: Subscription,
    #[command(flatten)]
    pub(super) message: Message,
    #[command(flatten)]
    pub(super) pace: Pace,
    #[command(flatten)]
    pub(super) broker: Broker,
    #[command(flatten)]
    pub(super) client: Client,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Fan {
    /// Publishers [default: 1 for fan-out, 100 for fan-in]
    #[arg(long, value_name = "N")]
    pub(super) publishers: Option<u32>,
    /// Subscribers [default: 100 for fan-out, 1 for fan-in]
    #[arg(long, value_name = "N")]
    pub(super) subscribers: Option<u32>,
    /// Share the subscription: each message goes to one member of GROUP
    #[arg(long, value_name = "GROUP")]
    pub(super) share: Option<String>,
    #[command(flatten)]
    pub(super) subscription: Subscription,
    #[command(flatten)]
    pub(super) message: Message,
    #[command(flatten)]
    pub(super) pace: Pace,
    #[command(flatten)]
    pub(super) broker: Broker,
    #[command(flatten)]
    pub(super) client: Client,
    #[command(flatten)]
    pub(super) output: Output,
}

/// What subscribers ask for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Subscriptions")]
pub(super) struct Subscription {
    /// Highest QoS subscribers ask for [default: as --qos]
    #[arg(long, value_name = "0|1|2", value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(super) sub_qos: Option<u8>,
    /// What they subscribe to; {run} and {subscriber} are replaced [default: what matches --topic]
    #[arg(long, value_name = "FILTER")]
    pub(super) filter: Option<String>,
    /// Subscribers whose sessions outlive their connections, in percent of all; they are deleted at the end
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(super) persistent: u8,
}

/// What is published.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub(super) struct Message {
    /// QoS of the publishes
    #[arg(short = 'q', long, value_name = "0|1|2", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(super) qos: u8,
    /// Payload bytes: 64, a list 64,256,1024 taken in turn, or a range 64-1024. Under 28 bytes a payload has no room for
    /// what latency, order and duplicates are measured by, and these are left out
    #[arg(long, value_name = "BYTES", default_value = "64", value_parser = Sizes::parse)]
    pub(super) size: Sizes,
    /// Topic; {run}, {publisher} and {topic} are replaced [default: causeway/bench/..., fitting the scenario]
    #[arg(short = 't', long, value_name = "TOPIC")]
    pub(super) topic: Option<String>,
    /// Topics of each publisher, taken in turn; {topic} is their number
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) topics: u32,
    /// Publish retained messages (and delete them at the end)
    #[arg(short = 'r', long)]
    pub(super) retain: bool,
    /// User properties on each message (MQTT 5)
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(super) user_properties: u32,
    /// Use topic aliases (MQTT 5)
    #[arg(long)]
    pub(super) topic_alias: bool,
}

/// How fast and how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub(super) struct Pace {
    /// Publishes a second, all publishers together, evenly spaced. Latency counts from when a message was due, so time
    /// that a slow broker keeps a publisher waiting is in it [default: full speed]
    #[arg(long, value_name = "N", conflicts_with = "window")]
    pub(super) rate: Option<f64>,
    /// Full speed: messages of one publisher that are on their way to a subscriber (without subscribers: to the broker)
    /// at a time; 0 sends what the sockets take
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(super) window: u32,
    /// QoS 1 and 2: publishes of one publisher that wait for their acknowledgement; never more than the broker's Receive
    /// Maximum [default: as --window, with --rate 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) inflight: Option<u16>,
    /// How long to measure [default: 10s unless --count is given]
    #[arg(short = 'd', long, value_name = "TIME", value_parser = span::parse)]
    pub(super) duration: Option<Duration>,
    /// Publishes in all, warm-up included
    #[arg(long, value_name = "N")]
    pub(super) count: Option<u64>,
    /// Time before measuring begins [default: 1s, with --count 0s]
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    pub(super) warmup: Option<Duration>,
    /// What has not arrived after this time without any arrival is lost
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = span::parse)]
    pub(super) drain: Duration,
}

/// Where the broker is and how it is spoken to.
#[derive(Debug, Args)]
#[command(disable_help_flag = true, next_help_heading = "Broker")]
pub(super) struct Broker {
    /// Host name or address of the broker
    #[arg(short = 'h', long, value_name = "HOST", default_value = "localhost")]
    pub(super) host: String,
    /// Port of the broker [default: 1883, with TLS 8883, WebSocket 80, with TLS 443]
    #[arg(short = 'p', long, value_name = "PORT")]
    pub(super) port: Option<u16>,
    /// Connect by WebSocket, to this path [default path: /mqtt]
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "/mqtt")]
    pub(super) ws: Option<String>,
    /// Version of MQTT
    #[arg(short = 'V', long, value_name = "5|311", default_value = "5")]
    pub(super) protocol_version: Version,
    /// Process of a broker on this machine: its CPU time and memory are reported (repeatable; children count too)
    #[arg(long, value_name = "PID")]
    pub(super) pid: Vec<u32>,
    #[command(flatten)]
    pub(super) tls: Tls,
}

/// What the clients are like.
#[derive(Debug, Args)]
#[command(next_help_heading = "Clients")]
pub(super) struct Client {
    /// User name
    #[arg(short = 'u', long, value_name = "NAME")]
    pub(super) username: Option<String>,
    /// Password; others on this machine can see it here: prefer --password-file, or the variable CAUSEWAY_PASSWORD
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD")]
    pub(super) password: Option<Password>,
    /// File that holds the password; a line end behind it is not part of it
    #[arg(long, value_name = "FILE", conflicts_with = "password")]
    pub(super) password_file: Option<PathBuf>,
    /// Client ids are PREFIX-RUN-NUMBER
    #[arg(long, value_name = "PREFIX", default_value = "bench")]
    pub(super) id_prefix: String,
    /// Keep alive in seconds, 0 for none
    #[arg(short = 'k', long = "keepalive", value_name = "SECONDS", default_value_t = 60)]
    pub(super) keep_alive: u16,
    /// Sessions outlive their connection by this many seconds (MQTT 3.1.1: for good); they are deleted at the end
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(super) session_expiry: u32,
    /// Receive Maximum asked for (MQTT 5) [default: none]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) receive_maximum: Option<u16>,
    /// Connect again when a connection is lost, into the same session, and publish again what was not acknowledged
    #[arg(long)]
    pub(super) reconnect: bool,
    /// Connections being made at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) connect_concurrency: u32,
    /// Connections begun a second [default: as fast as --connect-concurrency lets them]
    #[arg(long, value_name = "N")]
    pub(super) connect_rate: Option<f64>,
    /// Connect from this address of this machine (repeatable, taken in turn; one address has about 28,000 ports)
    #[arg(long, value_name = "ADDRESS")]
    pub(super) source: Vec<IpAddr>,
    /// The longest wait for an answer to CONNECT, SUBSCRIBE or a publish
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = span::parse)]
    pub(super) timeout: Duration,
}

/// What is said, and by how many threads.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Output {
    /// The result as one JSON object on stdout
    #[arg(long)]
    pub(super) json: bool,
    /// No progress on stderr
    #[arg(long)]
    pub(super) quiet: bool,
    /// Print this help
    #[arg(long, action = ArgAction::Help)]
    pub(super) help: Option<bool>,
    /// Number of the run, eight hexadecimal digits; it is in client ids, topics and payloads [default: a random one]
    #[arg(long, value_name = "HEX", value_parser = parse_run)]
    pub(super) run: Option<u32>,
    /// Threads that make the load
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) threads: u16,
}

/// A protocol version by the names people have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Version {
    #[value(name = "5", aliases = ["5.0", "mqttv5"])]
    V5,
    #[value(name = "311", aliases = ["3.1.1", "4", "mqttv311"])]
    V3_1_1,
}

/// A password, never printed.
#[derive(Clone)]
pub(super) struct Password(pub(super) String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

fn parse_run(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 16).map_err(|_| "not up to eight hexadecimal digits".to_owned())
}
