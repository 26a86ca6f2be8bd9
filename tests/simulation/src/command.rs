//! The command: many seeds, each in a process of its own, since the engine runs once in a process.
//!
//! ```text
//! simulation --seeds 0..1000 ─► child (seed 0), child (seed 1), ...: site, clients, faults ─► judge ─► report, exit code
//! ```
//!
//! A child knows its work from its arguments alone, and works in a folder that it calls `.`, so that nothing it sees differs from one
//! run to the next.

mod arguments;
mod child;
mod circumstances;
mod guards;
mod parent;
mod scenario;
mod tally;

pub use arguments::Arguments;
pub use guards::Sabotage;

use std::process::ExitCode;

use clap::Parser;

use crate::engine;

/// Set for children.
const CHILD: &str = "CAUSEWAY_SIMULATION_CHILD";

/// Does what the arguments say.
pub fn main() -> ExitCode {
    if std::env::var_os(CHILD).is_some() {
        engine::enter();
        return child::main(&Arguments::parse());
    }
    parent::main(&Arguments::parse())
}
