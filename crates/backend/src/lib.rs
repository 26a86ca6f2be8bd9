//! Hosts replicas; timers; lets effects out.
//!
//! Each partition has a thread of its own (`partition_thread`): it drains the partition's inbox, has the
//! replica work the commands off as one log entry, and hands the answers to the frontends' workers, one batch each. One
//! more thread brings the logs to their device.

mod backend;
mod partition_thread;
mod sync;
mod view;

pub use backend::{Backend, Settings, StartError};
pub use replica::solo::Durability;
pub use view::{
    BackendView, MAX_PAGE, Page, Presence, RetainedMessage, RetainedQuery, SessionQuery, SessionView,
    SubscriptionQuery, ViewError,
};
