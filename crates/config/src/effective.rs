//! The effective configuration value by value, with where each came from.

use std::fmt;

/// One value that is in effect, or kept for where it will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveValue {
    /// The field: `Broker advanced.clients.maxKeepAliveSeconds`, `BrokerListener/default ports[0].port`, `--data-dir`.
    pub path: String,
    /// What it is; never the content of a secret.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
    /// What is to be known of it: where it has its effect, if not in this process.
    pub note: Option<String>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody asked for anything.
    Default,
    /// Nobody asked for anything; half of this machine's cores.
    Cores,
    /// Follows from `memoryProfile`.
    MemoryProfile,
    /// The data directory remembers it.
    DataDirectory,
    /// A flag of the command line, by its name.
    Flag(String),
    /// A line of a file.
    File {
        /// The file as it was named.
        path: String,
        /// From 1.
        line: u32,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Cores => f.write_str("half the cores"),
            Self::MemoryProfile => f.write_str("memory profile"),
            Self::DataDirectory => f.write_str("data directory"),
            Self::Flag(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{path}:{line}"),
        }
    }
}
