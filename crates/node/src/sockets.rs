//! The listening sockets of this process: which is bound where, and how one comes by its address.

mod bind;
mod ways;

pub(crate) use bind::{ADMIN, BindErrors, INTERNAL, Socket, Sockets, Wanted};
pub(crate) use ways::{Way, ways};
