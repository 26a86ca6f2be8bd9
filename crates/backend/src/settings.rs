//! What a backend is told at its start.

use std::path::PathBuf;
use std::time::Duration;

use link::mailbox;
use partition::{Answer, PartitionId};
use replica::raft::RaftError;
use replica::solo::{Durability, SoloError};

use crate::placement::Placement;

/// After this time without an open lane, a frontend process is taken for dead: its connections have ended.
pub const FRONTEND_GONE_AFTER: Duration = Duration::from_secs(10);

/// Bytes of answers that may wait for one worker of a frontend process.
pub const LANE_BYTES: usize = 16 << 20;

/// See the module.
pub struct Settings {
    /// One directory a partition is made below it.
    pub dir: PathBuf,
    /// Of the whole broker.
    pub partitions: u16,
    pub durability: Durability,
    pub hosting: Hosting,
    /// Bytes of commands that may wait for one partition before its senders are asked to pause.
    pub inbox_bytes: usize,
}

/// Where the partitions' frontends and neighbours are.
pub enum Hosting {
    /// All in this process: every partition, and the workers of frontend 0.
    Near { workers: Vec<mailbox::Sender<Answer>> },
    /// In other processes, over links.
    Far(FarSettings),
}

/// How a process hosts its part of the partitions.
#[derive(Clone, Debug)]
pub struct FarSettings {
    /// The number of this backend.
    pub us: u16,
    pub placement: Placement,
    /// [`FRONTEND_GONE_AFTER`] but in tests.
    pub frontend_gone_after: Duration,
    /// [`LANE_BYTES`] but in tests: QoS 0 above it is dropped, and publishes with a higher QoS are refused, while a worker
    /// does not take what it has.
    pub lane_bytes: usize,
}

/// Why the partitions could not be brought up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error("partition {partition}: {source}")]
    Partition { partition: PartitionId, source: Box<SoloError> },
    #[error("cannot start a partition's thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("{placed} partitions are placed on backends where the broker has {partitions}")]
    Placement { placed: usize, partitions: u16 },
    #[error("partition {partition} is placed on no backend")]
    Nowhere { partition: PartitionId },
    /// Of a partition with several replicas.
    #[error("partition {partition}: {source}")]
    Member { partition: PartitionId, source: RaftError },
    #[error(
        "partition {partition} has been held here alone, and is now placed on several backends of which {} is the first: \
         the first has to be the one that has held it",
        first.map_or_else(|| "none".to_owned(), |first| format!("backend {first}"))
    )]
    NotFirst { partition: PartitionId, first: Option<u16> },
}
