//! A partition on its log: log store, snapshots, batching.

pub mod bodies;
pub mod log;
pub mod reserve;
pub mod snapshot;
pub mod solo;
