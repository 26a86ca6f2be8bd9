//! What is read of a running backend, and what is bounded and deleted in it.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod abroad;
mod paging;
mod queue_disk;
mod retained;
mod rig;
mod sessions;
