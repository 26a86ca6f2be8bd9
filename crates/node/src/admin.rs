//! The admin endpoint: health, metrics and the API over HTTP, in a thread of its own.

mod access;
mod api;
mod catalogue;
mod certificates;
mod condition;
mod endpoint;
mod exposition;
mod figures;
mod health;
mod live;
mod metrics;
mod problem;
mod process;
mod server;
mod source;
mod view;

pub(crate) use figures::{BrokerFigures, Cardinality, Place, Pool};
pub(crate) use health::Health;
pub(crate) use live::LiveBroker;
pub(crate) use server::Admin;
pub(crate) use source::{AdminSettings, AdminSource, Framing, ListenerStatus, SourceSlot, TlsMode};

#[cfg(test)]
mod tests;
