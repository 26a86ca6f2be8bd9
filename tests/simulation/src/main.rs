//! Runs the simulation for one seed or many.

use std::process::ExitCode;

fn main() -> ExitCode {
    simulation::command::main()
}
