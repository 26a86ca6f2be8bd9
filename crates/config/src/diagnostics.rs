//! How the broker watches itself: log, self-check, traces.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What does not work.
    Error,
    /// And what should not be left so.
    Warn,
    /// And what the broker does.
    #[default]
    Info,
    /// And why clients were refused or messages dropped.
    Debug,
    /// And every step.
    Trace,
}

impl LogLevel {
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

/// When the broker tries its own operations, as a client would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelfCheck {
    /// From the begin of a check to the begin of the next, which waits for the end of the one before.
    pub interval: Duration,
    /// After which an operation has failed.
    pub timeout: Duration,
}

/// What is kept of operations that carry a sampled `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traces {
    /// Memory for finished traces; the oldest go first.
    pub cache_bytes: u64,
    /// Spans on their way to the cache; more are dropped and counted.
    pub channel_capacity: u32,
    /// How often the broker makes a trace of its own; `None` is never.
    pub self_tracing: Option<Duration>,
}

/// How the record of denials and administrative actions is kept, in `audit` of the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// Bytes after which a file is put aside and a new one begun.
    pub max_bytes: u64,
    /// Files that are kept, the one that is written among them; the oldest goes first.
    pub files: u32,
}
