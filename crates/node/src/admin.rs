//! The admin endpoint: health, metrics and the API over HTTP, in a thread of its own.

mod access;
mod api;
mod catalogue;
mod certificates;
mod cluster;
mod condition;
mod copies;
mod dataflows;
mod endpoint;
mod exposition;
mod figures;
mod health;
mod live;
mod metrics;
mod part;
mod problem;
mod process;
mod server;
mod source;
mod view;

pub(crate) use cluster::{ClusterSource, Lanes};
pub(crate) use copies::GroupView;
pub(crate) use figures::{BrokerFigures, Cardinality, Place, Pool};
pub(crate) use health::{Health, Purpose};
pub(crate) use live::{LiveBroker, LiveClients};
pub(crate) use part::Part;
pub(crate) use server::Admin;
pub(crate) use source::{AdminSettings, AdminSource, BrokerSource, Framing, ListenerStatus, SourceSlot, TlsMode};

#[cfg(test)]
mod tests;
