//! The endpoint over real sockets, before a broker that is none.

mod access;
mod audit;
mod authorization;
mod bounds;
mod broker;
mod changes;
mod document;
mod fixture;
mod health;
mod lists;
mod metrics;
mod reference;
