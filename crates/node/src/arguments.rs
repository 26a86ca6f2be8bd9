//! The command line, and what it says as a request.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use config::{Given, Request};

/// An MQTT 3.1.1 and 5.0 broker.
///
/// Started without arguments it serves MQTT on 127.0.0.1:1883, MQTT over TLS on 127.0.0.1:8883, MQTT over WebSocket on
/// 127.0.0.1:8083 and health and metrics on http://127.0.0.1:9600, keeps its state in ./causeway-data and prints commands to try it
/// with. Ctrl-C ends it; sessions, queued and retained messages are there at the next start.
#[derive(Debug, Parser)]
#[command(name = "causeway", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    /// Something else to do than to serve.
    #[command(subcommand)]
    pub(crate) errand: Option<Errand>,

    /// Where sessions, messages and certificates are kept; made if missing [default: ./causeway-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// MQTT over TCP; port 0 takes any free port [default: 127.0.0.1:1883]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    mqtt: Option<String>,
    /// MQTT over TLS, with a certificate made in DATA-DIR/tls [default: 127.0.0.1:8883]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    mqtts: Option<String>,
    /// MQTT over WebSocket, any path, sub-protocol mqtt [default: 127.0.0.1:8083]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    ws: Option<String>,
    /// Health and metrics over HTTP: /health/live, /health/ready, /metrics; loopback only [default: 127.0.0.1:9600]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    admin: Option<String>,

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
    /// Seconds between two publications of $SYS/broker/..., 0 for never [default: 10]
    #[arg(long, value_name = "SECONDS", help_heading = "Broker")]
    sys_interval: Option<String>,
    /// What the log on stderr tells; JSON lines unless stderr is a terminal [default: info]
    #[arg(long, value_name = "error|warn|info|debug|trace", help_heading = "Broker")]
    log_level: Option<String>,

    /// Largest packet a client may send [default: the memory profile's]
    #[arg(long, value_name = "BYTES", help_heading = "Client limits")]
    max_packet_size: Option<String>,
    /// Longest keep alive; a client that asks for more, or for none, is told this one; 0 for no bound [default: no bound]
    #[arg(long, value_name = "SECONDS", help_heading = "Client limits")]
    max_keep_alive: Option<String>,
    /// Longest time a session outlives its connection [default: no bound]
    #[arg(long, value_name = "SECONDS", help_heading = "Client limits")]
    max_session_expiry: Option<String>,
    /// Longest time a message waits for a subscriber, retained ones included [default: no bound]
    #[arg(long, value_name = "SECONDS", help_heading = "Client limits")]
    max_message_expiry: Option<String>,
    /// Bound on a client's own Receive Maximum: messages in flight to it [default: 65535]
    #[arg(long, value_name = "N", help_heading = "Client limits")]
    max_receive_maximum: Option<String>,
    /// The broker's Receive Maximum: QoS 1 and 2 messages in flight from one client [default: 1000]
    #[arg(long, value_name = "N", help_heading = "Client limits")]
    receive_maximum: Option<String>,
    /// Topic aliases a client may use, 0 for none [default: 32]
    #[arg(long, value_name = "N", help_heading = "Client limits")]
    topic_alias_maximum: Option<String>,
    /// Messages queued for one session before the queue strategy applies [default: no bound]
    #[arg(long, value_name = "N", help_heading = "Client limits")]
    queue_limit: Option<String>,
    /// What happens at the queue limit: nothing, or the oldest queued message is dropped [default: none]
    #[arg(long, value_name = "none|drop-oldest", help_heading = "Client limits")]
    queue_strategy: Option<String>,
}

/// What is done once, beside a broker that is not running.
#[derive(Debug, Subcommand)]
pub(crate) enum Errand {
    /// Makes a data directory with a corrupt log usable again: keeps what precedes the damage, moves the rest aside
    ///
    /// The broker must not be running. What was acknowledged after the damage is lost; a copy of the data directory, if
    /// there is one, loses less. Damaged files are kept in a folder beside the log, whole.
    Salvage(Salvage),
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

impl Arguments {
    /// What the command line asks for. Nothing is checked here.
    pub(crate) fn request(self) -> Request {
        let given = |flag: &str, text: Option<String>| text.map(|text| Given::flag(flag, text));
        Request {
            data_dir: self.data_dir,
            mqtt: given("--mqtt", self.mqtt),
            mqtts: given("--mqtts", self.mqtts),
            ws: given("--ws", self.ws),
            admin: given("--admin", self.admin),
            workers: given("--workers", self.workers),
            partitions: given("--partitions", self.partitions),
            durability: given("--durability", self.durability),
            max_packet_size: given("--max-packet-size", self.max_packet_size),
            max_keep_alive: given("--max-keep-alive", self.max_keep_alive),
            max_session_expiry: given("--max-session-expiry", self.max_session_expiry),
            max_message_expiry: given("--max-message-expiry", self.max_message_expiry),
            max_receive_maximum: given("--max-receive-maximum", self.max_receive_maximum),
            receive_maximum: given("--receive-maximum", self.receive_maximum),
            topic_alias_maximum: given("--topic-alias-maximum", self.topic_alias_maximum),
            queue_limit: given("--queue-limit", self.queue_limit),
            queue_strategy: given("--queue-strategy", self.queue_strategy),
            memory_profile: given("--memory-profile", self.memory_profile),
            sys_interval: given("--sys-interval", self.sys_interval),
            log_level: given("--log-level", self.log_level),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};
    use config::Given;

    use super::{Arguments, Errand};

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_flag_reaches_the_request_under_its_own_name() {
        let command = Arguments::command();
        let flags: Vec<String> = command
            .get_arguments()
            .filter_map(|argument| argument.get_long())
            .filter(|long| !["help", "version"].contains(long))
            .map(|long| format!("--{long}"))
            .collect();
        let mut line = vec!["causeway".to_owned()];
        for flag in &flags {
            line.extend([flag.clone(), format!("value of {flag}")]);
        }
        let request = Arguments::try_parse_from(line).unwrap().request();
        let seen = format!("{request:?}");
        for flag in flags.iter().filter(|flag| *flag != "--data-dir") {
            let given = Given::flag(flag, format!("value of {flag}"));
            assert!(seen.contains(&format!("Some({given:?})")), "{flag}: {seen}");
        }
        assert!(seen.contains("value of --data-dir"));
    }

    #[test]
    fn an_errand_takes_its_own_flags_and_no_others() {
        let line = ["causeway", "salvage", "--data-dir", "d", "--partition", "3"];
        let Some(Errand::Salvage(asked)) = Arguments::try_parse_from(line).unwrap().errand else { panic!("no errand") };
        assert_eq!((asked.data_dir, asked.partition), (Some("d".into()), Some(3)));
        Arguments::try_parse_from(["causeway", "--mqtt", "off", "salvage"]).unwrap_err();
        assert!(Arguments::try_parse_from(["causeway"]).unwrap().errand.is_none());
    }
}
