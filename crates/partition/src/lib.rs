//! The broker's memory: sessions, subscriptions, queues, retained messages; apply(command) -> effects; no I/O.
//!
//! ```text
//! BatchBuilder --bytes--> log entry --Partition::apply--> Effects (replies to connections, commands for partitions)
//!                                         |
//!                                         +-- Routes: the subscription index, read by frontends in the same process
//! ```
//!
//! A partition is a **session home** (`home`: epoch, owner, expiry, will of the client ids that hash to it) and a
//! **topic home** (`topics`: subscriptions, queues, retained messages of the topics that hash to it). Both change only
//! by commands from the log, in its order, and know time only as the stamp of an entry: the same log makes the same
//! state and the same effects everywhere. Message bodies stay in the log; the state holds [`BodyRef`]s.

mod address;
mod answer;
mod answers;
mod batch;
mod command;
mod counters;
mod decoding;
mod effect;
mod effects;
mod encoding;
mod figures;
mod filling;
mod home;
mod identifiers;
pub mod lane;
mod lanes;
mod live;
mod message;
mod moment;
mod partition;
mod properties;
mod routes;
pub mod sabotage;
mod slots;
mod snapshot;
mod topics;
mod view;
mod wire;

pub use address::{
    BodyRef, Epoch, Incarnation, Lane, Owner, PartitionId, PartitionSet, SLOTS, SessionSlot, Tag, Timestamp,
};
pub use answer::{Answer, Numbering};
pub use answers::{AnswerReader, AnswersBuilder, Passed};
pub use batch::{
    BatchBuilder, CommandReader, ENTRY_HEADER_LEN, ENTRY_VERSION, Frame, Frames, Logging, MAX_COMMAND_LEN, entry_header,
};
pub use command::{
    Acknowledge, Attach, Close, Command, Confirm, Detach, DropSession, ExactlyOnce, ForgetWill, FrontendGone,
    ListSubscriptions, Numbered, Open, Origin, Publish, QueueLimit, ReadRetained, Release, Scope, SessionKind, Step,
    Subscribe, SubscriptionOptions, Touch, Trim, Unsubscribe, Waiting, Will, Window,
};
pub use counters::Counters;
pub use effect::{Delivery, Direct, Effect, Opened, Passing, Reply, SubscriptionIds};
pub use effects::Effects;
pub use figures::Figures;
pub use lanes::{BATCH_WINDOW, FrontendState, LaneState};
pub use message::Message;
pub use partition::{Entry, Need, Partition, Verdict};
pub use properties::{MessageProperties, partition_value};
pub use routes::{Grant, GroupId, Resolved, Routes, ShareGroup, Target};
pub use slots::SlotTable;
pub use snapshot::SNAPSHOT_VERSION;
pub use topics::sticky_key;
pub use view::{
    FilterWish, Found, Holding, PAGE_BYTES, RetainedView, SLICE, SessionRecord, Slice, SubscriptionPlace,
    SubscriptionSearch, SubscriptionView,
};
pub use wire::DecodeError;

/// How many log indexes share one count of live references.
pub const BODY_BUCKET: u64 = 1024;
