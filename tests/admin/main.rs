//! The admin endpoint from outside: health, metrics, the API and its description.

mod access;
mod ask;
mod clients;
mod condition;
mod document;
mod faults;
mod health;
mod metrics;
mod pressure;
mod process;
mod refusals;
mod retained;
mod sessions;
mod store;
mod traffic;
mod watch;
