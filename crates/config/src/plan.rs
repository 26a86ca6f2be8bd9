//! The checked plan: what the process will be.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::value::{Reading, Whole};
use crate::{
    Cardinality, ClientLimits, ClusterRecord, Durability, Listeners, LogLevel, MemoryProfile, Problems, Request, broker,
};

/// What the plan depends on besides the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// Processors this process may use.
    pub cores: usize,
    /// What the data directory remembers; `None` for a new one.
    pub remembered: Option<ClusterRecord>,
}

/// Something that works but may not be what was meant; for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice(pub(crate) String);

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the process will be. Fixed while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where it keeps its state.
    pub data_dir: PathBuf,
    /// Where it listens.
    pub listeners: Listeners,
    /// Frontend workers: threads that serve connections.
    pub workers: Cardinality,
    /// Partitions of the broker's state; a data directory keeps the number it was made with.
    pub partitions: Cardinality,
    /// When an acknowledgement may leave.
    pub durability: Durability,
    /// What clients may ask for.
    pub clients: ClientLimits,
    /// How much memory messages may take.
    pub memory: MemoryProfile,
    /// Time between two publications of `$SYS`; `None` is never.
    pub sys_interval: Option<Duration>,
    /// What the log tells.
    pub log_level: LogLevel,
    /// What may not be what was meant.
    pub notices: Vec<Notice>,
}

const DEFAULT_SYS_INTERVAL_SECONDS: u64 = 10;
const MAX_SYS_INTERVAL_SECONDS: u64 = 86_400;

impl Plan {
    /// Reads, checks and completes a request.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn check(request: &Request, host: &Host) -> Result<Self, Problems> {
        let mut reading = Reading::default();
        let mut notices = Vec::new();
        let listeners = Listeners::read(request, &mut reading);
        let workers = broker::workers(request, host, &mut reading);
        let partitions = broker::partitions(request, host, &mut reading);
        let durability = broker::durability(request, &mut reading);
        let memory = reading.word(request.memory_profile.as_ref(), MemoryProfile::WORDS).unwrap_or_default();
        let clients = ClientLimits::read(request, memory, &mut reading, &mut notices);
        let sys_interval = sys_interval(request, &mut reading);
        let log_level = reading.word(request.log_level.as_ref(), LogLevel::WORDS).unwrap_or_default();
        if !reading.problems.is_empty() {
            return Err(Problems(reading.problems));
        }
        Ok(Self {
            data_dir: request.data_dir(),
            listeners,
            workers,
            partitions,
            durability,
            clients,
            memory,
            sys_interval,
            log_level,
            notices,
        })
    }
}

fn sys_interval(request: &Request, reading: &mut Reading) -> Option<Duration> {
    let allowed = Whole { range: 0..=MAX_SYS_INTERVAL_SECONDS, unit: "seconds (0 for never)" };
    let seconds = reading.whole(request.sys_interval.as_ref(), &allowed).unwrap_or(DEFAULT_SYS_INTERVAL_SECONDS);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
