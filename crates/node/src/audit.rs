//! The audit log: who was refused what, and who changed what, as JSON lines in files of their own.
//!
//! ```text
//!   workers --Denial--------+
//!   admin, roles --Action---+--> Recorder --bounded queue--> the audit thread --> audit.jsonl, audit.1.jsonl ...
//! ```
//!
//! Nobody waits for it: what finds no room in the queue or on the disk is counted, and the log says itself where lines are
//! missing. A line is in the file once it is written; it is not synced.

mod action;
mod journal;
mod keeper;
mod line;
mod log;
mod recorder;

pub(crate) use action::{Action, Asker};
pub(crate) use log::Audit;
pub(crate) use recorder::{AuditCounted, Recorder};

#[cfg(test)]
mod tests;
