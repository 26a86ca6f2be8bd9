//! Snapshot files: the state of a partition after one log entry, written whole or not at all.
//!
//! ```text
//! <dir>/00000000000000004711.snap   header, records numbered from 1 with a chunk each, an empty record at the end
//! ```

mod directory;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use directory::{Loaded, Rejected, SnapshotError, SnapshotInfo, Snapshots};
pub use reader::SnapshotReader;
pub use writer::SnapshotWriter;
