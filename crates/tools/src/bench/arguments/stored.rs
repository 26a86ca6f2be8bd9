//! The scenarios in which a broker keeps messages: what is asked of them on the command line.

use clap::Args;

use super::{Broker, Client, Output};
use crate::bench::sizes::Sizes;

#[derive(Debug, Args)]
pub(in crate::bench) struct Offline {
    /// Sessions that go offline
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1000)]
    pub(in crate::bench) sessions: u32,
    /// Messages queued for each
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(in crate::bench) each: u64,
    /// Publishers
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(in crate::bench) publishers: u32,
    /// QoS of the publishes and the subscriptions
    #[arg(short = 'q', long, value_name = "1|2", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(in crate::bench) qos: u8,
    /// Payload bytes: 256, a list 64,256,1024 taken in turn, or a range 64-1024
    #[arg(long, value_name = "BYTES", default_value = "256", value_parser = Sizes::parse)]
    pub(in crate::bench) size: Sizes,
    /// Publishes of one publisher that wait for their acknowledgement
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::bench) inflight: u16,
    /// Publishes a second, all publishers together [default: as fast as --inflight lets them]
    #[arg(long, value_name = "N")]
    pub(in crate::bench) rate: Option<f64>,
    #[command(flatten)]
    pub(in crate::bench) broker: Broker,
    #[command(flatten)]
    pub(in crate::bench) client: Client,
    #[command(flatten)]
    pub(in crate::bench) output: Output,
}

#[derive(Debug, Args)]
pub(in crate::bench) struct Retained {
    /// Topics, each with one retained message; they are deleted at the end
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(in crate::bench) topics: u32,
    /// Subscribers that come for all of them
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(in crate::bench) subscribers: u32,
    /// Publishers
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(in crate::bench) publishers: u32,
    /// QoS of the publishes
    #[arg(short = 'q', long, value_name = "1|2", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(in crate::bench) qos: u8,
    /// Highest QoS subscribers ask for
    #[arg(long, value_name = "0|1|2", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(in crate::bench) sub_qos: u8,
    /// Payload bytes: 64, a list 64,256,1024 taken in turn, or a range 64-1024
    #[arg(long, value_name = "BYTES", default_value = "64", value_parser = Sizes::parse)]
    pub(in crate::bench) size: Sizes,
    /// Publishes of one publisher that wait for their acknowledgement
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::bench) inflight: u16,
    #[command(flatten)]
    pub(in crate::bench) broker: Broker,
    #[command(flatten)]
    pub(in crate::bench) client: Client,
    #[command(flatten)]
    pub(in crate::bench) output: Output,
}
