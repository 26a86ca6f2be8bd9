//! Typed, bounded messages between roles, over memory or over a connection.
//!
//! A frontend worker talks to a partition through an [`inbox`], a partition and the other workers talk to a
//! worker through a [`mailbox`]. Both hand over whole batches: one lock and at most one wake-up per batch, never per
//! message. Between processes the same batches travel over a [`wire`]; [`lane::Lane`] and [`post::Post`] are what a
//! sender holds that is not to know which of the two it is.

pub mod inbox;
pub mod lane;
pub mod mailbox;
pub mod post;
pub mod sabotage;
pub mod wire;
