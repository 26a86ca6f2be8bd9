//! How the processes of a cluster reach each other: who dials whom, by which certificates, and who is turned away.
//!
//! ```text
//!  frontend                                  backend
//!   worker w ── Dial ──► Link number w ───►  Port ─► handshake ─► Switchboard ─► Link of (frontend, w)
//!                                              │ join             │
//!  Keeper: renews the certificate  ── ask ─────┼──────────────────┴─► Counter ─► Desk: the authority, at the first backend
//!  Courier: what partitions hold   ── ask ─────┼──────────────────────► Counter ─► the partitions' view
//!  joining: the first certificate ─────────────┤
//!  listener_authority, before there are links ─┘
//! ```
//!
//! A frontend dials every backend, one link a worker; of two backends the later in the list dials the earlier, one link a pair. Each
//! connection is made with the newest certificate and ends before one of the two certificates does.

mod counter;
mod courier;
mod denial;
mod desk;
mod dial;
mod errand;
mod figures;
mod joining;
mod keeper;
mod lifetime;
mod link_threads;
mod links;
mod listener_authority;
mod membership;
mod port;
mod protection;
mod report;
mod switchboard;
mod us;

pub(crate) use figures::LinkFigures;
pub(crate) use keeper::{Keeper, KeeperVoice, Rotation};
pub(crate) use link_threads::LinkThreads;
pub(crate) use listener_authority::fetch as fetch_listener_authority;
pub(crate) use membership::{Admission, Membership, MembershipError};
pub(crate) use port::{Port, PortParts};
pub(crate) use report::{ClusterReport, ClusterView};
pub(crate) use switchboard::{Caller, Switchboard, SwitchboardParts};

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::Alone;
