//! Flags that say which broker to reach, how, and as whom; the same for every tool.

mod endpoint;
mod greeting;
mod property;
mod secret;
mod tls;
mod url;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args};

pub use property::Properties;
pub use tls::Tls;

pub(crate) use endpoint::Target;
pub(crate) use greeting::Greeting;
use secret::Hidden;

pub(crate) use property::{Command, PROPERTIES_HELP, PropertySet};

/// Which broker, how, and as whom.
#[derive(Debug, Clone, Args)]
#[command(disable_help_flag = true)]
pub struct Connection {
    /// Host name or address of the broker [default: localhost]
    #[arg(short = 'h', long, value_name = "HOST", help_heading = "Broker")]
    pub host: Option<String>,
    /// Port of the broker [default: 1883, with TLS 8883, WebSocket 80, with TLS 443]
    #[arg(short = 'p', long, value_name = "PORT", help_heading = "Broker")]
    pub port: Option<u16>,
    /// All of it at once: mqtt, mqtts, ws or wss; the path is the topic (mqtt, mqtts) or the path to connect to (ws, wss)
    #[arg(
        short = 'L',
        long,
        value_name = "SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH]",
        conflicts_with_all = ["host", "port", "ws"],
        help_heading = "Broker"
    )]
    pub(crate) url: Option<Hidden>,
    /// Connect by WebSocket, to this path [default path: /mqtt]
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "/mqtt", help_heading = "Broker")]
    pub ws: Option<String>,
    /// Local address to connect from
    #[arg(short = 'A', value_name = "ADDRESS", help_heading = "Broker")]
    pub bind: Option<IpAddr>,
    /// Send small packets at once; always so here, taken for scripts written for mosquitto
    #[arg(long, hide = true)]
    pub nodelay: bool,
    /// Version of MQTT: 5 or 311 [default: 5]
    #[arg(short = 'V', long = "protocol-version", value_name = "5|311", help_heading = "Broker")]
    pub version: Option<String>,
    /// Seconds between signs of life, 0 for none, else 5 to 65535
    #[arg(short = 'k', long, value_name = "SECONDS", default_value_t = 60, help_heading = "Broker")]
    pub keepalive: u16,

    /// User name
    #[arg(short = 'u', long, value_name = "NAME", help_heading = "Who you are")]
    pub username: Option<String>,
    /// Password; others on this machine can see it here: prefer --password-file, or the variable CAUSEWAY_PASSWORD
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD", help_heading = "Who you are")]
    pub(crate) password: Option<Hidden>,
    /// File that holds the password; a line end behind it is not part of it
    #[arg(long, value_name = "FILE", conflicts_with = "password", help_heading = "Who you are")]
    pub password_file: Option<PathBuf>,
    /// Enhanced authentication: file that holds the token sent as authentication data
    #[arg(long, value_name = "FILE", help_heading = "Who you are")]
    pub token_file: Option<PathBuf>,
    /// Enhanced authentication: its method [default with --token-file: K8S-SAT]
    #[arg(long, value_name = "METHOD", help_heading = "Who you are")]
    pub auth_method: Option<String>,
    /// Client identifier [default: made up, new each time]
    #[arg(short = 'i', long, value_name = "ID", conflicts_with = "id_prefix", help_heading = "Who you are")]
    pub id: Option<String>,
    /// Client identifier made of this and the process id
    #[arg(short = 'I', long, value_name = "PREFIX", help_heading = "Who you are")]
    pub id_prefix: Option<String>,

    /// Keep the session: go on with the one the broker has for this identifier, and leave it there
    #[arg(short = 'c', long = "disable-clean-session", requires = "id", help_heading = "Session")]
    pub keep_session: bool,
    /// Seconds the session outlives the connection, -1 for ever (MQTT 5) [default: 0, with -c -1]
    #[arg(
        short = 'x',
        long = "session-expiry-interval",
        value_name = "SECONDS",
        allow_negative_numbers = true,
        help_heading = "Session"
    )]
    pub session_expiry: Option<String>,

    #[command(flatten)]
    pub will: Will,

    #[command(flatten)]
    pub tls: Tls,

    /// Tell on stderr what happens on the connection
    #[arg(short = 'd', long, help_heading = "Output")]
    pub debug: bool,
    /// Say nothing on stderr; the exit code tells
    #[arg(long, conflicts_with = "debug", help_heading = "Output")]
    pub quiet: bool,
    /// Print this help
    #[arg(long, action = ArgAction::HelpShort, help_heading = "Output")]
    pub help: Option<bool>,

    #[command(flatten)]
    pub properties: Properties,
}

/// What the broker publishes when the connection breaks.
#[derive(Debug, Clone, Args)]
pub struct Will {
    /// Topic the broker publishes to when this connection breaks
    #[arg(long, value_name = "TOPIC", help_heading = "Will")]
    pub will_topic: Option<String>,
    /// What it publishes then [default: nothing]
    #[arg(long, value_name = "TEXT", requires = "will_topic", help_heading = "Will")]
    pub will_payload: Option<String>,
    /// With which QoS [default: 0]
    #[arg(long, value_name = "0|1|2", value_parser = clap::value_parser!(u8).range(0..=2), requires = "will_topic", help_heading = "Will")]
    pub will_qos: Option<u8>,
    /// And retained
    #[arg(long, requires = "will_topic", help_heading = "Will")]
    pub will_retain: bool,
}

#[cfg(test)]
mod tests;
