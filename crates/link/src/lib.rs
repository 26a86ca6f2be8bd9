//! Typed, bounded messages between roles, over memory.
//!
//! A frontend worker talks to a partition through an [`inbox`], a partition and the other workers talk to a
//! worker through a [`mailbox`]. Both hand over whole batches: one lock and at most one wake-up per batch, never per
//! message.

pub mod inbox;
pub mod mailbox;
