//! A partition's log: files of checksummed records, appended by one thread, read from anywhere in it.
//!
//! ```text
//! <dir>/00000000000000000001.log   segment: entries from 1 on
//! <dir>/00000000000000004711.log   the last one is written to
//! <dir>/floor                      entries below this index are not needed for replay
//! <dir>/run                        boot id, and what was synced at a clean stop
//! ```
//!
//! An append is one `writev`; it costs no sync. [`Syncer`] brings the log to the device from any thread. Space is
//! given back by removing whole segments. Why not a library: `docs/decisions/0001-log-engine.md`.

mod error;
pub(crate) mod frame;
mod garbage;
pub(crate) mod marks;
mod recovery;
mod salvage;
mod scan;
pub(crate) mod segment;
mod store;
pub(crate) mod syncer;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::full_disk::SmallDisk;

pub use error::{LogError, is_disk_full};
pub use frame::{Damage, MAX_PAYLOAD_BYTES};
pub use garbage::Garbage;
pub use recovery::{Recovered, TornTail};
pub use salvage::{Salvaged, salvage};
pub use store::{LogSettings, LogStore, SegmentSpan};
pub use syncer::Syncer;
