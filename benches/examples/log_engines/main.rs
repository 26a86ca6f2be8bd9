//! Measures log engines with the broker's access pattern, and what they do when things go wrong.
//!
//! ```text
//! cargo run --release -p causeway-benches --features log-engines --example log_engines -- [--dir DIR] [--quick] [ENGINE...]
//! ```
//!
//! Engines: ours bare raft-engine raft-log fjall redb. Each step runs in a process of its own, so that CPU time and
//! memory are of that engine alone. The full-disk step mounts a small tmpfs and needs root. What the figures mean
//! for the broker: `docs/decisions/0001-log-engine.md`.

mod engines;
mod faults;
mod speed;

use std::path::PathBuf;
use std::process::Command;

use engines::{Bare, Engine, Fjall, Ours, RaftEngine, RaftLogEngine, Redb};

const ENGINES: [&str; 6] = ["bare", "ours", "raft-engine", "raft-log", "fjall", "redb"];

/// Steps in the order of the table.
const STEPS: [&str; 9] = ["none-1", "none-8", "none-64", "each-8", "beside-8", "gigabyte", "full-disk", "torn", "flip"];

/// What a step needs to know.
pub struct Run {
    pub dir: PathBuf,
    /// Divides the amounts.
    pub divisor: u64,
}

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|a| a == "--step") {
        let divisor = if args[4] == "quick" { 16 } else { 1 };
        return step(&args[1], &args[2], &Run { dir: PathBuf::from(&args[3]), divisor });
    }
    let quick = args.iter().position(|a| a == "--quick").map(|at| args.remove(at)).is_some();
    let dir = match args.iter().position(|a| a == "--dir") {
        Some(at) => PathBuf::from(args.drain(at..at + 2).nth(1).expect("--dir DIR")),
        None => std::env::temp_dir().join("log-engines"),
    };
    let engines: Vec<&str> = match args.is_empty() {
        true => ENGINES.to_vec(),
        false => args.iter().map(String::as_str).collect(),
    };
    for step in STEPS {
        for engine in &engines {
            let run = dir.join(format!("{engine}-{step}"));
            let _ = std::fs::remove_dir_all(&run);
            std::fs::create_dir_all(&run).expect("a directory to work in");
            let status = Command::new(std::env::current_exe().expect("own path"))
                .args(["--step", step, engine])
                .arg(&run)
                .arg(if quick { "quick" } else { "full" })
                .status();
            if !status.is_ok_and(|s| s.success()) {
                println!("{step:9} {engine:12} ended abnormally");
            }
            let _ = std::fs::remove_dir_all(&run);
        }
    }
}

fn step(step: &str, engine: &str, run: &Run) {
    let measure = match engine {
        "bare" => step_of::<Bare>,
        "ours" => step_of::<Ours>,
        "raft-engine" => step_of::<RaftEngine>,
        "raft-log" => step_of::<RaftLogEngine>,
        "fjall" => step_of::<Fjall>,
        "redb" => step_of::<Redb>,
        other => panic!("no engine {other}"),
    };
    measure(step, engine, run);
}

fn step_of<E: Engine>(step: &str, engine: &str, run: &Run) {
    let result = match step {
        "none-1" => speed::append::<E>(run, 1, speed::Sync::None),
        "none-8" => speed::append::<E>(run, 8, speed::Sync::None),
        "none-64" => speed::append::<E>(run, 64, speed::Sync::None),
        "each-8" => speed::append::<E>(run, 8, speed::Sync::Each),
        "beside-8" => speed::append::<E>(run, 8, speed::Sync::Beside),
        "gigabyte" => speed::gigabyte::<E>(run),
        "full-disk" => faults::full_disk::<E>(run),
        "torn" => faults::torn::<E>(run),
        "flip" => faults::flip::<E>(run),
        "die" => faults::write_and_die::<E>(run),
        other => panic!("no step {other}"),
    };
    println!("{step:9} {engine:12} {result}");
}
