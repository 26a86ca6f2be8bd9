//! Backends whose frontends and neighbours are elsewhere: links over memory, workers played by the tests.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod gone;
mod groups;
mod held;
mod lanes;
mod limits;
mod network;
mod order;
mod peers;
mod replaced;
mod restart;
mod site;
mod worker;
