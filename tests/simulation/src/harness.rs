//! A test binary whose tests each run in a process of their own, as a run of the engine needs it.
//!
//! Speaks as much of the standard harness's language as cargo-nextest needs, and runs by itself under `cargo test`.

use std::process::{Command, ExitCode};

use crate::engine;

/// A test's name and what it does; it fails by panicking.
pub type Test = (&'static str, fn());

/// Lists the tests, runs one in this process (`--exact NAME`), or runs those that match each in another process.
pub fn main(tests: &[Test]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if has("--list") {
        if !has("--ignored") {
            tests.iter().for_each(|(name, _)| println!("{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    let mut filters = arguments.iter().filter(|argument| !argument.starts_with('-'));
    if has("--exact") {
        let name = filters.next().map(String::as_str);
        let Some((_, test)) = tests.iter().find(|(known, _)| Some(*known) == name) else {
            eprintln!("there is no test {name:?}");
            return ExitCode::FAILURE;
        };
        engine::enter();
        test();
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = filters.collect();
    let matches = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let failed = tests.iter().filter(|(name, _)| matches(name)).filter(|(name, _)| !passes(name)).count();
    println!("{failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes(name: &str) -> bool {
    let program = std::env::current_exe().expect("the program has a path");
    let status = Command::new(program).args(["--exact", name]).status().expect("the program starts");
    println!("test {name} ... {}", if status.success() { "ok" } else { "FAILED" });
    status.success()
}
