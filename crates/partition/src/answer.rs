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

/// Whether an answer counts on its lane: those that logged commands have made do, and come again until the worker has
/// received them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// From 1, rising by 1.
    Numbered(u64),
    Unnumbered,
}
