//! The admin endpoint from outside: health, metrics, the API and its description.

mod access;
mod ask;
mod audit;
mod authorization;
mod bridge;
mod clients;
mod condition;
mod dataflows;
mod document;
mod door;
mod faults;
mod health;
mod logins;
mod metrics;
mod pressure;
mod process;
mod refusals;
mod retained;
mod sessions;
mod store;
mod traffic;
mod watch;
