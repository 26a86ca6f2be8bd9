//! Message bodies by reference: from memory, from the log, or from what was carried over when the log was purged.
//!
//! ```text
//! BodyRef -> recent entries, as appended          memory, newest first to come, oldest first to go
//!         -> entries read back                    memory, for those who drain a long queue
//!         -> the log                              whole entry, checked
//!         -> <dir>/<first>-<generation>.bodies    carried over: only the bodies, in blocks of 32 KiB
//! ```
//!
//! A purge asks [`BodyStore::plan_carry`] what to do with the live bodies of the entries that are to go. A segment of
//! the log at least half of which is live stays as it is; live bodies of the others are copied to a carried file; a
//! carried file less than half live is copied again. So the disk holds at most about twice the live bytes, and a body
//! is copied only when as many bytes have died. Memory: 24 bytes for each block.

mod arrival;
mod block;
mod carried;
mod carry;
mod entry;
mod error;
mod reread;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use arrival::{Arrival, Arrived};
pub use carry::{Carried, CarryJob};
pub use error::BodyError;
pub use store::{BodySettings, BodyStore};
