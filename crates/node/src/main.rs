//! The `causeway` program: reads what it was asked to be, becomes it, and ends when told to.

mod access;
mod admin;
mod arguments;
mod asking;
mod audit;
mod authz;
mod certificates;
mod certs;
mod check;
mod cluster;
mod configuration;
mod data_dir;
mod dataflows;
mod dev_cluster;
mod explain;
mod greeting;
mod host;
mod logging;
mod moment;
mod passwd;
mod reading;
mod roles;
mod salvage;
mod self_check;
mod signals;
mod sockets;
mod sources;
mod start;
mod systemd;
mod traces;
mod watchdog;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    start::run()
}
