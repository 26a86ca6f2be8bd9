//! The engine's own tests: scenarios run twice by each of some seeds, and what each of them must have seen.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bypasses;
mod disks;
mod locks;
mod machines;
mod repeats;
mod runtimes;
mod stuck;

use std::process::ExitCode;

use simulation::{engine, harness};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, name, seed] = arguments.as_slice()
        && flag == "--scenario"
    {
        engine::enter();
        let seed = seed.parse().expect("a seed is a number");
        println!("{}", stuck::play(name).unwrap_or_else(|| repeats::play(name, seed)));
        return ExitCode::SUCCESS;
    }
    let tests: Vec<harness::Test> = [repeats::TESTS, stuck::TESTS].into_iter().flatten().copied().collect();
    harness::main(&tests)
}
