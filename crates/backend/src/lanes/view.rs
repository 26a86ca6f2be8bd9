//! How the lanes of a partition stand, for metrics and health.

use partition::{Lane, PartitionId};

/// Of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanesView {
    pub partition: PartitionId,
    /// Those that were opened since the process began, and those that something was for.
    pub lanes: Vec<LaneView>,
    pub lost: Losses,
}

impl Default for LanesView {
    fn default() -> Self {
        Self { partition: PartitionId(0), lanes: Vec::new(), lost: Losses::default() }
    }
}

/// One worker of a frontend process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneView {
    pub lane: Lane,
    /// Open, over a connection that stands.
    pub is_open: bool,
    /// Bytes of answers that the worker has not taken yet.
    pub waiting_bytes: u64,
    /// Acknowledgements to its publishers that wait for other workers.
    pub held: u64,
    /// Batches that are not run before what they would overtake is settled.
    pub put_off: u64,
}

/// What was given up, since the process began: for want of room, or as it may have arrived already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Messages of QoS 0 for workers that did not take what they had.
    pub dropped: u64,
    /// Publishes of QoS 1 that were refused for the same reason.
    pub refused: u64,
    /// Publishes of QoS 0 that came again with their batch: they may have arrived before, so they went no further.
    pub passed_over: u64,
}
