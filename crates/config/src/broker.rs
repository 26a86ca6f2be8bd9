//! The broker's shape: workers, partitions, durability, the log.

use crate::value::{Reading, Whole, narrow};
use crate::{Given, Host, Request};

/// When an acknowledgement may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Once what it promises is written to the log file: survives any crash of the process; the file is synced to disk
    /// every 100 ms, so a power cut may cost that last interval.
    #[default]
    Async,
    /// Once what it promises is synced to disk: survives a power cut.
    Fsync,
}

/// What the log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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

/// A number of workers or partitions, 1 to 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cardinality(u16);

impl Cardinality {
    const MOST: u16 = 16;

    /// `None` outside of 1 to 16.
    pub fn new(count: u16) -> Option<Self> {
        (1..=Self::MOST).contains(&count).then_some(Self(count))
    }

    /// Half the cores, at least 1 and at most 16.
    pub(crate) fn half_of(cores: usize) -> Self {
        Self(narrow(cores as u64 / 2).unwrap_or(Self::MOST).clamp(1, Self::MOST))
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

const DURABILITIES: &[(&str, Option<Durability>)] =
    &[("async", Some(Durability::Async)), ("fsync", Some(Durability::Fsync)), ("memory", None)];

pub(crate) fn workers(request: &Request, host: &Host, reading: &mut Reading) -> Cardinality {
    count(request.workers.as_ref(), "workers", reading).unwrap_or_else(|| Cardinality::half_of(host.cores))
}

/// The number asked for, else the one the data directory remembers, else half the cores. A data directory's number
/// cannot change: its queues and retained messages lie where that number put them.
pub(crate) fn partitions(request: &Request, host: &Host, reading: &mut Reading) -> Cardinality {
    let asked = count(request.partitions.as_ref(), "partitions", reading);
    let remembered = host.remembered.as_ref().map(|record| record.partitions);
    if let (Some(asked), Some(remembered), Some(given)) = (asked, remembered, &request.partitions)
        && asked != remembered
    {
        reading.refuse(
            given,
            format!(
                "this data directory was made with {}; leave the setting out, or choose another --data-dir",
                remembered.get()
            ),
        );
    }
    remembered.or(asked).unwrap_or_else(|| Cardinality::half_of(host.cores))
}

pub(crate) fn durability(request: &Request, reading: &mut Reading) -> Durability {
    let given = request.durability.as_ref();
    match (reading.word(given, DURABILITIES), given) {
        (Some(Some(durability)), _) => durability,
        (Some(None), Some(given)) => {
            reading.refuse(given, "with one replica nothing would survive a restart; give async or fsync");
            Durability::default()
        }
        _ => Durability::default(),
    }
}

fn count(given: Option<&Given>, unit: &'static str, reading: &mut Reading) -> Option<Cardinality> {
    let range = 1..=u64::from(Cardinality::MOST);
    let count = reading.whole(given, &Whole { range, unit })?;
    narrow(count).and_then(Cardinality::new)
}
