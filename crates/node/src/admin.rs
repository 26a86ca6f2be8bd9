//! The admin endpoint: health and metrics over HTTP, in a thread of its own.

mod exposition;
mod health;
mod process;
mod server;

pub(crate) use exposition::{Family, Kind, MetricsSource, Sample};
pub(crate) use health::Health;
pub(crate) use server::Admin;
