//! Dataflows: messages of one MQTT server carried to another, at least once and in order.
//!
//! ```text
//!  server A ─► Link (source) ─► Mapper ─► Ledger ─► Link (destination) ─► server B
//!                 ▲ PUBACK, in order      │  ▲ PUBACK
//!                 └───────────────────────┘  └── or the dead letter is stored
//! ```
//!
//! A [`Bridge`] is one thread that runs any number of [`Dataflow`]s. Each has a session of its own at both servers, keeps
//! no store, and acknowledges a message at the source only when the destination, or the dead letter topic, has it: what
//! is not acknowledged is in the source's session. Memory is bounded by `Endpoint::max_inflight` of both sides.
//!
//! Pure, without clock and I/O: [`Ledger`] (which message goes next, and which is done with), [`TopicTemplate`],
//! [`Mapper`], [`Backoff`]. With I/O: `link` (one side: connecting, over and over) and `carrier` (one dataflow: two links
//! and what lies between them).

#![forbid(unsafe_code)]

mod backoff;
mod bridge;
mod carrier;
mod cloud_events;
mod counters;
pub mod credentials;
mod dataflow;
mod dead_letter;
mod endpoint;
mod failure;
mod fault;
mod health;
mod hop;
mod ledger;
mod link;
mod mapper;
mod probe;
mod refusal;
mod status;
mod template;

pub use backoff::Backoff;
pub use bridge::{Bridge, BridgeView, Settings};
pub use counters::{Counts, Failures, Latencies, RefusedCount};
pub use credentials::{CredentialError, Credentials, Presented};
pub use dataflow::Dataflow;
pub use endpoint::{Address, CloudEvents, Door, Endpoint, Hop, Kind, Retain, Version};
pub use failure::{Failure, Step};
pub use health::Health;
pub use ledger::{Errand, Ledger, Refusal, Seen};
pub use mapper::{Mapped, Mapper};
pub use probe::{Outcome, Probe, ProbeRole, StepReport, probe};
pub use status::{DataflowStatus, LinkState, LinkStatus};
pub use template::{TemplateError, TopicTemplate, Unresolved};
