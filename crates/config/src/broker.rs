//! The broker's shape: workers, partitions, durability.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reading::narrow;

/// When an acknowledgement may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum Durability {
    /// Once what it promises is written to the log file: survives any crash of the process; the file is synced to disk
    /// every 100 ms, so a power cut may cost that last interval.
    #[default]
    Async,
    /// Once what it promises is synced to disk: survives a power cut.
    Fsync,
}

impl Durability {
    /// Those of the flag; `memory` is known, and refused.
    pub(crate) const WORDS: &'static [(&'static str, Option<Self>)] =
        &[("async", Some(Self::Async)), ("fsync", Some(Self::Fsync)), ("memory", None)];
}

/// A number of workers or partitions, 1 to 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cardinality(u16);

impl Cardinality {
    pub(crate) const MOST: u16 = 16;
    /// Partitions of a cluster of which nobody says how many it has.
    pub(crate) const OF_A_CLUSTER: Self = Self(4);

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
