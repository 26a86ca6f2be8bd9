//! The log: lines for people on a terminal, JSON elsewhere, on stderr.

use std::io::{self, IsTerminal};

use config::LogLevel;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

/// The running log, whose level can change.
#[derive(Debug, Clone)]
pub(crate) struct Logging(reload::Handle<Targets, Registry>);

impl Logging {
    /// Sends the log of the whole process to stderr. What the `log` crate carries stays out: rustls warns there of every
    /// client that sends an address as server name.
    pub(crate) fn start(level: LogLevel) -> Self {
        let (level, handle) = reload::Layer::new(filter(level));
        // A closed stderr is no reason to end, and telling it there would.
        let lines = fmt::layer().with_writer(io::stderr).log_internal_errors(false);
        let lines = match io::stderr().is_terminal() {
            true => lines.with_target(false).boxed(),
            false => lines.json().flatten_event(true).with_ansi(false).boxed(),
        };
        // Fails only where a log was started before, which then goes on.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(level).with(lines));
        Self(handle)
    }

    /// Tells as much as `level` from now on.
    pub(crate) fn set_level(&self, level: LogLevel) {
        // Fails only when the log is gone, which it is not before the process.
        let _ = self.0.reload(filter(level));
    }
}

/// Tells every step of a group of copies as `INFO`, dozens of lines a start, and every heartbeat that fails as `WARN`, a dozen a
/// second while a process is away. What is to be known of it our own lines say.
const TALKATIVE: &str = "openraft";

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let talkative = if level <= LevelFilter::INFO { level.min(LevelFilter::ERROR) } else { level };
    Targets::new().with_default(level).with_target(TALKATIVE, talkative)
}

#[cfg(test)]
mod tests {
    use config::LogLevel;
    use tracing::Level;

    use super::filter;

    #[test]
    fn steps_of_a_group_are_told_from_debug_on() {
        let tells = |level, target, line: Level| filter(level).would_enable(target, &line);
        assert!(
            tells(LogLevel::Info, "causeway", Level::INFO) && tells(LogLevel::Info, "openraft::core", Level::ERROR)
        );
        assert!(!tells(LogLevel::Info, "openraft::core", Level::WARN));
        assert!(!tells(LogLevel::Warn, "openraft::core", Level::WARN));
        assert!(tells(LogLevel::Error, "openraft::core", Level::ERROR));
        assert!(tells(LogLevel::Debug, "openraft::core", Level::DEBUG));
    }
}
