//! Dataflows of this process: from the plan to a running bridge, and what is seen of it.
//!
//! ```text
//! Plan ─► Roster (endpoints with TLS and credentials, instances) ─► bridge::Bridge ─► DataflowsView
//!            ▲ LocalBroker: in memory, or at an address
//! ```

mod endpoint;
pub(crate) mod errand;
mod local;
mod roster;
mod running;
mod shown;
mod summary;
mod trust;

#[cfg(test)]
mod tests;

pub(crate) use local::{Elsewhere, LocalBroker};
pub(crate) use roster::{Roster, Share};
pub(crate) use running::{Dataflows, Stopped, problems};
pub(crate) use shown::{DataflowShown, DataflowsView, EndpointShown, InstanceShown, LinkEnd, LinkShown};
pub(crate) use summary::summary;
