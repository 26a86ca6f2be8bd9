//! The flags of `causeway rr`.

use clap::Args;

use crate::connection::{Connection, PROPERTIES_HELP};
use crate::payload::Payload;
use crate::printer::{FORMAT_HELP, Look};

/// Sends a request and waits for its response, as mosquitto_rr does.
#[derive(Debug, Clone, Args)]
#[command(disable_help_flag = true, args_override_self = true, after_help = after_help())]
pub struct Arguments {
    /// Topic the request goes to; with -L mqtt:// the URL's path serves as well
    #[arg(short = 't', long, value_name = "TOPIC", required_unless_present = "url", help_heading = "Request")]
    pub(super) topic: Option<String>,
    /// Topic the response is to come to, which is subscribed to first [default: causeway/rr/CLIENT-ID]
    #[arg(short = 'e', long, value_name = "TOPIC", help_heading = "Request")]
    pub(super) response_topic: Option<String>,
    /// Quality of service of request, subscription and response
    #[arg(short = 'q', long, value_name = "0|1|2", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2), help_heading = "Request")]
    pub(super) qos: u8,
    /// Seconds to wait for the response [default: until Ctrl-C]
    #[arg(short = 'W', long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Request")]
    pub(super) timeout: Option<u64>,
    /// Leave out a retained message on the response topic
    #[arg(short = 'R', long, help_heading = "Request")]
    pub(super) no_retained: bool,

    #[command(flatten)]
    pub(super) payload: Payload,

    #[command(flatten)]
    pub(super) look: Look,

    #[command(flatten)]
    pub(super) connection: Connection,
}

fn after_help() -> String {
    format!(
        "{FORMAT_HELP}\n\n{PROPERTIES_HELP}\n\n\
         With MQTT 5 the request carries a response topic and correlation data; a response with other\n\
         correlation data is not ours.\n\
         Exit codes: 0 a response came; 1 wrong flags or no connection; 27 time is up (-W);\n\
         130 Ctrl-C; otherwise the reason code of the broker's refusal.\n\n\
         Example:\n  \
         causeway rr -t pumps/1/commands/status -e me/responses -m '{{}}' -W 5"
    )
}
