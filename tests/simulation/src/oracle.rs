//! The judge: from what every client did and saw to what should not have happened.
//!
//! ```text
//! clients ──► Record (what was sent and came, in one order) ──► History (sessions, subscriptions, messages, receptions)
//!                                                                   │
//! plan of faults ──► Circumstances ────────────────────────────────►├─► rules/* ──► Violation
//! ```
//!
//! All clients run on one thread, so that the record is a true order: what stands before was over before what stands
//! behind it began. A rule claims only what follows from that order; each says in its module what it claims, and which
//! cases it lets pass and why.

mod circumstances;
mod history;
mod judge;
mod reach;
mod record;
mod rules;
#[cfg(test)]
mod scene;
mod violation;

pub use circumstances::{AFTERMATH, Circumstances, Disturbance, Kind, Losses};
pub use history::{Connection, Grant, History, LONG, Life, Reception, Sending};
pub use judge::judge;
pub use record::{
    Answer, ClientNumber, Closed, ConnectionNumber, Entry, Message, MessageNumber, Options, Place, Record, Version,
    What, Will,
};
pub use rules::{RULES, Rule};
#[cfg(test)]
use scene::Scene;
pub use violation::Violation;
