//! Which backend hosts which partition.

use partition::PartitionId;

/// By partition, the numbers of the backends that hold a replica, the one that leads at first in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement(pub Vec<Vec<u16>>);

impl Placement {
    /// One replica each, dealt out in turn.
    pub fn even(partitions: u16, backends: u16) -> Self {
        Self((0..partitions).map(|partition| vec![partition % backends.max(1)]).collect())
    }

    /// Who is likely to lead the partition.
    pub fn leader(&self, partition: PartitionId) -> Option<u16> {
        self.replicas(partition).first().copied()
    }

    /// The backends with a replica.
    pub fn replicas(&self, partition: PartitionId) -> &[u16] {
        self.0.get(usize::from(partition.0)).map_or(&[], Vec::as_slice)
    }

    /// The partitions of which `backend` holds a replica.
    pub fn hosted_by(&self, backend: u16) -> impl Iterator<Item = PartitionId> {
        let all = (0u16..).map(PartitionId).zip(&self.0);
        all.filter(move |(_, replicas)| replicas.contains(&backend)).map(|(partition, _)| partition)
    }
}
