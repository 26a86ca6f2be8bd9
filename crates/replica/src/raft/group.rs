//! The group as openraft sees it: its members' names, what its entries hold.

use std::fmt;

use bytes::Bytes;
use openraft::vote::leader_id_std;
use openraft::{OptionalSend, RaftTypeConfig};

use super::flight::Ticket;

/// One replica of a partition, from the moment it joins until it is removed or loses its disk. Never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId {
    /// The process that holds it: where messages for it go.
    pub process: u32,
    /// Tells this replica from earlier ones of the same partition in that process.
    pub life: u32,
}

impl MemberId {
    pub(super) fn number(self) -> u64 {
        u64::from(self.process) << 32 | u64::from(self.life)
    }

    pub(super) fn from_number(number: u64) -> Self {
        Self { process: (number >> 32) as u32, life: number as u32 }
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.process, self.life)
    }
}

/// When a member counts an entry as held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Written to the file: any crash of the process keeps it. A member whose machine went down comes back as a new one.
    Async,
    /// On the device.
    Fsync,
}

/// Commands of one log entry.
#[derive(Clone)]
pub(super) struct Proposal {
    /// As [`Partition::apply`](partition::Partition::apply) takes it.
    pub payload: Bytes,
    /// Tells a proposal of this member, on its way into the log, from what comes out of a log.
    pub number: Option<u64>,
}

impl PartialEq for Proposal {
    fn eq(&self, other: &Self) -> bool {
        self.payload == other.payload
    }
}

impl Eq for Proposal {}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.payload.len())
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl From<Bytes> for Proposal {
    fn from(payload: Bytes) -> Self {
        Self { payload, number: None }
    }
}

/// Types of one replicated partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group;

impl RaftTypeConfig for Group {
    type D = Proposal;
    type R = ();
    type NodeId = MemberId;
    type Node = ();
    type Term = u64;
    type LeaderId = Leader;
    type Vote = Vote;
    type Payload = Payload;
    type Entry = Entry;
    type AsyncRuntime = openraft::TokioRuntime;
    type Responder<T>
        = Ticket
    where
        T: OptionalSend + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

type Leader = leader_id_std::LeaderId<u64, MemberId>;
pub(super) type Term = leader_id_std::CommittedLeaderId<u64>;
pub(super) type LogId = openraft::LogId<Term>;
pub(super) type Vote = openraft::Vote<Leader>;
pub(super) type Payload = openraft::EntryPayload<Proposal, MemberId, ()>;
pub(super) type Entry = openraft::Entry<Term, Payload>;
pub(super) type Membership = openraft::Membership<MemberId, ()>;
pub(super) type StoredMembership = openraft::StoredMembership<Term, MemberId, ()>;
pub(super) type SnapshotMeta = openraft::SnapshotMeta<Term, MemberId, ()>;
pub(super) type Snapshot = openraft::Snapshot<Term, MemberId, (), super::parcel::Parcel>;

/// Position of an entry: the term it was first proposed in, and its index.
pub(super) fn log_id(term: u64, index: u64) -> LogId {
    LogId::new_term_index(term, index)
}

/// The term of a log id.
pub(super) fn term_of(id: &LogId) -> u64 {
    id.committed_leader_id().term
}

/// Who leads in a term, once elected.
pub(super) fn committed_leader(term: u64) -> Term {
    *log_id(term, 0).committed_leader_id()
}
