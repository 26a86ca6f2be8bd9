//! What applying commands asks the outside to do. Let out by the leader only, after the commands are committed.

use mqtt::{PacketId, QoS};

use crate::address::{BodyRef, Epoch, Owner, PartitionId, PartitionSet, SessionSlot, Tag};
use crate::command::SessionKind;

/// One thing to do. Effects of one `apply` are in the order of their commands.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// To a connection of a frontend.
    Reply { to: Owner, reply: Reply },
    /// A command for another partition (or this one), as encoded; repeated after a restart until confirmed.
    Send { to: PartitionId, command: Box<[u8]> },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Opened(Opened),
    /// The client id was taken over by another connection (MQTT-3.1.4-3): DISCONNECT 0x8E.
    Kick {
        epoch: Epoch,
    },
    Touched {
        tag: Tag,
    },
    /// Before the first `Deliver` of a session from this partition.
    Attached {
        session: SessionSlot,
        epoch: Epoch,
    },
    Subscribed {
        tag: Tag,
        existed: bool,
    },
    Unsubscribed {
        tag: Tag,
        existed: bool,
    },
    Published {
        tag: Tag,
        matched: bool,
    },
    Released {
        tag: Tag,
        found: bool,
    },
    Deliver(Delivery),
    /// QoS 2, after an `Attach`: the client had received entry `entry`; send PUBREL.
    Received {
        session: SessionSlot,
        entry: u64,
        packet_id: PacketId,
    },
    /// For a transient session, or QoS 0: not kept here, the frontend takes the packet identifier.
    Direct(Direct),
    /// Retained messages for a transient session; `more` is the encoded `ReadRetained` to send for what follows.
    Retained {
        tag: Tag,
        messages: Vec<Direct>,
        more: Option<Box<[u8]>>,
    },
    /// What the session is subscribed to at this partition, as the client wrote it, `$share/…/` included; `more` is the
    /// encoded `ListSubscriptions` to send for what follows.
    Subscriptions {
        tag: Tag,
        filters: Vec<Box<str>>,
        more: Option<Box<[u8]>>,
    },
    /// The session has been ended or superseded here: the frontend closes the connection. `tag` is 0 where the command
    /// had none.
    Refused {
        tag: Tag,
        epoch: Epoch,
    },
    /// Sent by the replica, never by the partition: the publish could not be logged and has not been applied (0x97).
    Rejected {
        tag: Tag,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    pub epoch: Epoch,
    pub kind: SessionKind,
    pub session_present: bool,
    /// Where the session has something: attach it there.
    pub touched: PartitionSet,
}

/// A queue entry of a persistent session, QoS 1 or 2, that now is in the client's hands.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub session: SessionSlot,
    pub entry: u64,
    pub packet_id: PacketId,
    /// The entry may have been sent before.
    pub dup: bool,
    pub qos: QoS,
    pub retain: bool,
    pub subscription_ids: SubscriptionIds,
    pub body: BodyRef,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Direct {
    pub qos: QoS,
    pub retain: bool,
    pub subscription_ids: SubscriptionIds,
    /// The `$share/…` subscription it was delivered for, if any: to be redelivered when the member leaves.
    pub share: Option<std::sync::Arc<str>>,
    pub body: BodyRef,
}

/// What [`Direct`] says in few bytes, of nearly all messages: without subscription identifiers, for no shared subscription,
/// of a command that is not logged. `body` is counted from the first byte of the commands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passing {
    pub to: Owner,
    pub qos: QoS,
    pub retain: bool,
    pub body: (u32, u32),
}

impl Passing {
    /// The same as a reply.
    pub fn reply(&self) -> Reply {
        let (offset, len) = self.body;
        let body = BodyRef { index: 0, offset, len };
        let Self { qos, retain, .. } = *self;
        Reply::Direct(Direct { qos, retain, subscription_ids: SubscriptionIds::new(), share: None, body })
    }

    /// Where its message stands in the commands.
    pub fn range(&self) -> std::ops::Range<usize> {
        let (offset, len) = self.body;
        offset as usize..offset as usize + len as usize
    }
}

/// Subscription Identifiers of all subscriptions that matched, ascending.
pub type SubscriptionIds = smallvec::SmallVec<[u32; 2]>;
