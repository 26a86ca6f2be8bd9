//! `causeway bench`: load on a broker, and what it did with it.
//!
//! Each thread has its connections on one epoll loop: packets are read where they lie, publishes are copied from
//! templates, and whatever a pass makes a connection say goes out in one write. Payloads carry who sent them, when they
//! were due and a number, so that latency, losses, repetitions and order are known for every message.
//!
//! ```text
//! arguments -checking-> settings -runner-> threads: traffic | connects, each on a worker -outcome-> report -> text, JSON
//! ```

mod arguments;
mod checking;
mod clock;
mod connection;
mod connects;
mod counts;
mod coverage;
mod credit;
mod crew;
mod dialer;
mod farewell;
mod fault;
mod flow;
mod hello;
mod in_flight;
mod kept;
mod latency;
mod ledger;
mod message;
mod number;
mod outcome;
mod part;
mod poller;
mod process;
mod progress;
mod publisher;
#[cfg(test)]
mod rehearsal;
mod report;
mod runner;
mod schedule;
mod sequence;
mod settings;
mod shapes;
mod shared;
mod sizes;
mod span;
mod stamp;
mod subscriber;
mod target;
mod template;
mod text;
mod topics;
mod total;
mod traffic;
mod transport;
mod verdict;
mod web_socket;
mod welcome;
mod worker;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

pub use arguments::Arguments;

use progress::Progress;
use report::Report;

/// The command line asks for what cannot be.
const USAGE: u8 = 2;

/// Puts load on a broker and prints what came of it. 0: all well. 1: messages of QoS 1 or 2 were lost, connections
/// failed, or it could not be done. 2: the arguments do not fit together.
pub fn run(arguments: Arguments) -> ExitCode {
    let sides = checking::sides(&arguments.scenario);
    let (quiet, json) = (sides.output.quiet, sides.output.json);
    let settings = match checking::check(&arguments.scenario) {
        Ok(settings) => Arc::new(settings),
        Err(error) => return refuse(&error, USAGE),
    };
    let target = match target::target(sides.broker, settings.clients.timeout) {
        Ok(target) => Arc::new(target),
        Err(error) => return refuse(&error, 1),
    };
    let progress = Progress::new(&settings, quiet);
    let findings = match runner::run(settings.clone(), target.clone(), progress) {
        Ok(findings) => findings,
        Err(error) => return refuse(&error, 1),
    };
    let report = Report::new(&settings, &target, findings);
    let text = match json {
        true => serde_json::to_string(&report).map(|json| format!("{json}\n")).unwrap_or_default(),
        false => text::page(&report),
    };
    let is_written = std::io::stdout().write_all(text.as_bytes()).is_ok();
    if report.problems.is_empty() && is_written { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn refuse(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("causeway bench: {error}");
    ExitCode::from(code)
}
