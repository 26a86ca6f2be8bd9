//! The log: lines for people on a terminal, JSON elsewhere, on stderr.

use std::io::{self, IsTerminal};

use config::LogLevel;
use tracing::level_filters::LevelFilter;

/// Sends the log of the whole process to stderr. What the `log` crate carries stays out: rustls warns there of every client
/// that sends an address as server name.
pub(crate) fn start(level: LogLevel) {
    let lines = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(filter(level));
    // Fails only where a log was started before, which then goes on.
    let _ = match io::stderr().is_terminal() {
        true => tracing::subscriber::set_global_default(lines.with_target(false).finish()),
        false => tracing::subscriber::set_global_default(lines.json().flatten_event(true).with_ansi(false).finish()),
    };
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
