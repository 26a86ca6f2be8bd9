//! Names of the things a partition talks about: partitions, frontends' connections, sessions, positions in the log.

use std::fmt;

/// How many slots keys hash to. Slots map to partitions through [`SlotTable`](crate::slots::SlotTable).
pub const SLOTS: u16 = 1024;

/// Number of a partition, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Where a client's network connection is held: one connection of one worker of one frontend.
///
/// `generation` tells two connections apart that used the same slot one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    pub frontend: u16,
    pub worker: u16,
    pub slot: u32,
    pub generation: u32,
}

/// One worker's exchange with one partition where the frontend is a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    pub frontend: u16,
    pub worker: u16,
}

/// A life of a frontend process: its start in milliseconds. A later one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

impl Owner {
    /// The worker that holds the connection.
    pub fn lane(&self) -> Lane {
        Lane { frontend: self.frontend, worker: self.worker }
    }
}

/// Rises with every CONNECT of a client id; taken from the log position of the `Open` command.
///
/// A partition refuses commands of an older epoch than the one it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// A session's place in one partition's table; valid while the session has something in that partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionSlot(pub u32);

/// Chosen by the sender of a command and returned in its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

/// Where a message's body stands in the partition's log: the entry's index, and the bytes inside its payload.
///
/// A reference stays valid, and the same, for as long as the state machine counts it as live, whatever the
/// replica does with the file it was first written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyRef {
    pub index: u64,
    pub offset: u32,
    pub len: u32,
}

/// Milliseconds since the Unix epoch, as stamped on a log entry by the leader. Never read from a clock here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

/// Set of partitions as a bit mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionSet(pub u64);

impl PartitionSet {
    /// The most partitions a broker may have.
    pub const MAX: u16 = 64;

    pub fn with(self, partition: PartitionId) -> Self {
        debug_assert!(partition.0 < Self::MAX);
        Self(self.0 | 1 << partition.0)
    }

    pub fn contains(self, partition: PartitionId) -> bool {
        self.0 >> partition.0 & 1 == 1
    }

    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is here and not in `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = PartitionId> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = (left != 0).then(|| PartitionId(left.trailing_zeros() as u16));
            left &= left.wrapping_sub(1);
            next
        })
    }
}
