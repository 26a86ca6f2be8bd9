//! A partition's reply on its way to a connection, with the bodies that it refers to.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::address::{Owner, PartitionId};
use crate::effect::Reply;

/// What the replica makes of [`Effect::Reply`](crate::Effect::Reply) for the frontend.
#[derive(Clone, Debug)]
pub struct Answer {
    pub to: Owner,
    pub from: PartitionId,
    pub reply: Reply,
    /// Encoded messages: one for `Deliver` and `Direct`, one per message for `Retained`, the refused command for
    /// `Rejected`.
    pub bodies: SmallVec<[Bytes; 1]>,
}
