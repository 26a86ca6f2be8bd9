//! The way from the workers to the partitions, sorted by who needs what.

use std::sync::Arc;

use link::mailbox;
use partition::Answer;

use crate::lanes::Far;
use crate::settings::{FarLink, FarPartitions, NearPartitions, PartitionLink, Partitions};

/// The frontend of a process that has the partitions too.
const FRONTEND: u16 = 0;

/// See the module.
pub(crate) struct Ways {
    pub frontend: u16,
    /// One for each worker.
    pub workers: Vec<Way>,
    pub near: Vec<PartitionLink>,
    pub far: Option<Arc<Far>>,
    /// Tells all partitions' counters, added up, if they are in this process.
    pub counters: Option<Box<dyn Fn() -> partition::Counters + Send + Sync>>,
}

/// How a worker hears of the partitions.
pub(crate) enum Way {
    Near(mailbox::Receiver<Answer>),
    Far(Vec<FarLink>),
}

impl Ways {
    pub fn of(partitions: Partitions) -> Self {
        match partitions {
            Partitions::Near(NearPartitions { links, answers, counters }) => Self {
                frontend: FRONTEND,
                workers: answers.into_iter().map(Way::Near).collect(),
                near: links,
                far: None,
                counters: Some(counters),
            },
            Partitions::Far(FarPartitions { frontend, incarnation, replicas, links }) => Self {
                frontend,
                near: Vec::new(),
                far: Some(Arc::new(Far::new(incarnation, replicas, links.len()))),
                workers: links.into_iter().map(Way::Far).collect(),
                counters: None,
            },
        }
    }
}
