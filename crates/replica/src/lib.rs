//! A partition on its log: log store, snapshots, batching, alone or replicated.

mod admission;
pub mod bodies;
mod due;
pub mod log;
mod outgoing;
mod queue_disk;
pub mod raft;
mod rejection;
mod replica;
pub mod reserve;
pub mod snapshot;
pub mod solo;
mod turn;
mod undelivered;
mod unsettled;

pub use outgoing::{Outgoing, Passage};
pub use queue_disk::QueueDisk;
pub use replica::{Replica, ReplicaError};
