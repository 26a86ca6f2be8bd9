//! Hosts replicas; timers; lets effects out.
//!
//! Each partition has a thread of its own (`partition_thread`): it drains the partition's inbox, has the
//! replica work the commands off as one log entry, and hands the answers to the frontends' workers, one batch each. One
//! more thread brings the logs to their device.
//!
//! What a thread takes in and lets out beside that depends on where the others are (`exits`). In one process, answers go
//! into the workers' mailboxes (`near`). Between processes (`far`) they go over the links of the workers' `lanes`, and
//! commands for partitions of other backends over `roads`:
//!
//! ```text
//! link -> lanes::Gate -> Entrance --+                            +-> Way -> link      (of each worker)
//! inbox ----------------------------+-> partition's thread ------+-> HeldAnswers      (until others have taken it)
//! link -> roads::CommandGate -> inbox                            +-> Road -> inbox or link (of each partition)
//! ```

mod backend;
mod clock;
mod exits;
mod far;
mod figures;
mod groups;
mod held;
mod herald;
mod lanes;
mod leaders;
mod links;
mod near;
mod partition_thread;
mod placement;
mod roads;
mod settings;
mod sync;
mod view;

pub use backend::Backend;
pub use lanes::{LaneView, LanesView, Losses};
pub use links::Links;
pub use placement::Placement;
pub use replica::raft::{MemberId, Members};
pub use replica::solo::Durability;
pub use settings::{FRONTEND_GONE_AFTER, FarSettings, Hosting, LANE_BYTES, Settings, StartError};
pub use view::{
    BackendView, Carry, Carrying, MAX_PAGE, Page, Presence, RetainedMessage, RetainedQuery, SessionQuery, SessionView,
    SubscriptionQuery, ViewError,
};
