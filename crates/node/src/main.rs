//! The `causeway` program: reads what it was asked to be, becomes it, and ends when told to.

mod admin;
mod arguments;
mod data_dir;
mod greeting;
mod host;
mod logging;
mod roles;
mod salvage;
mod signals;
mod sockets;
mod start;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    start::run()
}
