//! The flags of `causeway sub`.

use clap::Args;

use crate::connection::{Connection, PROPERTIES_HELP};
use crate::printer::{FORMAT_HELP, Look};

/// Subscribes at a broker and prints what comes, as mosquitto_sub does.
#[derive(Debug, Clone, Args)]
#[command(disable_help_flag = true, args_override_self = true, after_help = after_help())]
pub struct Arguments {
    #[command(flatten)]
    pub(super) filters: Filters,

    #[command(flatten)]
    pub(super) choice: Choice,

    #[command(flatten)]
    pub(super) look: Look,

    #[command(flatten)]
    pub(super) connection: Connection,
}

/// What is subscribed to.
#[derive(Debug, Clone, Args)]
pub(super) struct Filters {
    /// Topic filter: + stands for one level, # at the end for all below; $share/GROUP/FILTER shares it. May be repeated
    #[arg(short = 't', long = "topic", value_name = "FILTER", required_unless_present_any = ["url", "unsubscribe"], help_heading = "Subscriptions")]
    pub topics: Vec<String>,
    /// Best quality of service messages come with: 0, 1 or 2
    #[arg(short = 'q', long, value_name = "0|1|2", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2), help_heading = "Subscriptions")]
    pub qos: u8,
    /// End this subscription of a kept session (-c). May be repeated
    #[arg(short = 'U', long = "unsubscribe", value_name = "FILTER", help_heading = "Subscriptions")]
    pub unsubscribe: Vec<String>,
    /// End once the broker has taken the subscriptions, for a session that is kept (-c)
    #[arg(short = 'E', long = "exit-after-subscribe", help_heading = "Subscriptions")]
    pub exit_after_subscribe: bool,
}

/// Which messages count, and how many.
#[derive(Debug, Clone, Args)]
pub(super) struct Choice {
    /// Leave out messages whose topic matches this filter. May be repeated
    #[arg(short = 'T', long = "filter-out", value_name = "FILTER", help_heading = "Messages")]
    pub filter_out: Vec<String>,
    /// End after this many messages
    #[arg(short = 'C', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Messages")]
    pub count: Option<u64>,
    /// End after this many seconds
    #[arg(short = 'W', long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Messages")]
    pub timeout: Option<u64>,
    /// Leave out retained messages, those from before the subscription
    #[arg(short = 'R', long, conflicts_with = "retained_only", help_heading = "Messages")]
    pub no_retained: bool,
    /// Retained messages only; end with the first that is not
    #[arg(long, help_heading = "Messages")]
    pub retained_only: bool,
    /// Make the broker forget each retained message that is printed
    #[arg(long, help_heading = "Messages")]
    pub remove_retained: bool,
}

fn after_help() -> String {
    format!(
        "{FORMAT_HELP}\n\n{PROPERTIES_HELP}\n\n\
         Goes on until Ctrl-C, -C or -W ends it, and connects again when the connection breaks.\n\
         Exit codes: 0 as asked; 1 wrong flags or no connection; 27 time is up (-W);\n\
         otherwise the reason code of the broker's refusal.\n\n\
         Examples:\n  \
         causeway sub -v -t 'greenhouse/+/temperature'\n  \
         causeway sub -t '#' -C 10 -W 5 -F '%I %t %q %p'"
    )
}
