//! The flags of the broker.

use std::path::PathBuf;

use clap::Args;
use config::{Given, Request};

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

    /// MQTT over TCP; port 0 takes any free port [default: 127.0.0.1:1883, or off where a BrokerListener is]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    mqtt: Option<String>,
    /// MQTT over TLS, with a certificate made in DATA-DIR/tls [default: 127.0.0.1:8883, or off where a BrokerListener is]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    mqtts: Option<String>,
    /// MQTT over WebSocket, any path, sub-protocol mqtt [default: 127.0.0.1:8083, or off where a BrokerListener is]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    ws: Option<String>,
    /// Health, metrics and the API over HTTP; loopback only unless a resource gives it a token [default: 127.0.0.1:9600]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    admin: Option<String>,
    /// Address that all BrokerListeners bind [default: every interface; loopback for those of type ClusterIp outside of pods]
    #[arg(long, value_name = "ADDR", help_heading = "Listeners")]
    bind: Option<String>,

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

impl BrokerFlags {
    /// What the command line asks for, and where more is written down. Nothing is checked here.
    pub(crate) fn reading(self) -> Reading {
        let given = |flag: &str, text: Option<String>| text.map(|text| Given::flag(flag, text));
        let flags = Request {
            data_dir: self.data_dir,
            mqtt: given("--mqtt", self.mqtt),
            mqtts: given("--mqtts", self.mqtts),
            ws: given("--ws", self.ws),
            admin: given("--admin", self.admin),
            bind: given("--bind", self.bind),
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
        };
        Reading { flags, sources: Sources { resources: self.resources, broker_config: self.broker_config_file } }
    }
}
