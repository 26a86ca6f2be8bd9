//! What the process was asked to be, checked.
//!
//! A [`Request`] is what somebody wrote, as text, with the place where it was written. [`Plan::check`] turns it into a
//! [`Plan`]: every value parsed, in range, defaults filled in. All [`Problems`] come at once. No clock, no files:
//! what the plan depends on besides the request is a [`Host`].
//!
//! ```text
//!   arguments -> Request --+
//!   cores, cluster.json -> Host --+--> Plan::check --> Plan -> each role's settings
//!                                                  \-> Problems (what, where, what would be right)
//! ```

mod broker;
mod clients;
mod cluster;
mod listeners;
mod memory;
mod plan;
mod problem;
mod request;
mod value;

pub use broker::{Cardinality, Durability, LogLevel};
pub use clients::{ClientLimits, QueueLimit, QueueStrategy};
pub use cluster::{ClusterRecord, ClusterRecordError};
pub use listeners::Listeners;
pub use memory::MemoryProfile;
pub use plan::{Host, Notice, Plan};
pub use problem::{Problem, Problems};
pub use request::{Given, Request};
