//! The endpoint over real sockets, before a broker that is none.

mod access;
mod audit;
mod authorization;
mod bounds;
mod broker;
mod changes;
mod crossing;
mod dataflows;
mod document;
mod exposition;
mod fixture;
mod health;
mod lists;
mod members;
mod metrics;
mod reference;
