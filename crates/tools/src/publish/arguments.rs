//! The flags of `causeway pub`.

use clap::Args;

use crate::connection::{Connection, PROPERTIES_HELP};
use crate::payload::{PAYLOAD, Payload};

/// Publishes messages to a broker, as mosquitto_pub does.
#[derive(Debug, Clone, Args)]
#[command(disable_help_flag = true, args_override_self = true, after_help = after_help())]
pub struct Arguments {
    #[command(flatten)]
    pub(super) message: Message,

    #[command(flatten)]
    pub(super) payload: Payload,
    /// Standard input, a message a line
    #[arg(short = 'l', long = "stdin-line", group = "payload", help_heading = PAYLOAD)]
    pub(super) lines: bool,

    #[command(flatten)]
    pub(super) connection: Connection,
}

/// What is published, apart from the payload.
#[derive(Debug, Clone, Args)]
pub(super) struct Message {
    /// Topic to publish to; with -L mqtt:// the URL's path serves as well
    #[arg(short = 't', long, value_name = "TOPIC", required_unless_present = "url", help_heading = "Message")]
    pub topic: Option<String>,
    /// Quality of service: 0 at most once, 1 at least once, 2 exactly once
    #[arg(short = 'q', long, value_name = "0|1|2", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2), help_heading = "Message")]
    pub qos: u8,
    /// The broker keeps it as the topic's last message, for those who subscribe later
    #[arg(short = 'r', long, help_heading = "Message")]
    pub retain: bool,
    /// Publish it this often
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "lines", help_heading = "Message")]
    pub repeat: u64,
    /// Seconds between repetitions, parts of a second too
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, requires = "repeat", help_heading = "Message")]
    pub repeat_delay: f64,
    /// QoS 1 and 2: messages under way without the broker's answer, 0 for as many as it takes
    #[arg(short = 'M', long, value_name = "N", default_value_t = 20, help_heading = "Message")]
    pub max_inflight: u16,
}

fn after_help() -> String {
    format!(
        "{PROPERTIES_HELP}\n\n\
         Exit codes: 0 the broker has taken everything; 1 wrong flags or no connection; 130 Ctrl-C;\n\
         otherwise the reason code of the broker's refusal.\n\n\
         Examples:\n  \
         causeway pub -t greenhouse/1/temperature -m 21.5\n  \
         tail -f log | causeway pub -t log -l -q 1"
    )
}
