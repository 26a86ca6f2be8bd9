//! Who gets a message to a topic: the answer of the subscription index, merged per receiver.

use std::sync::Arc;

use mqtt::QoS;

use crate::address::{Owner, SessionSlot};
use crate::command::{SessionKind, SubscriptionOptions};
use crate::effect::SubscriptionIds;

/// Everybody who gets a message to one topic, for as long as [`Routes::vouches_for`](super::Routes::vouches_for) it. Reused:
/// `Routes::resolve` replaces the contents.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Of `bucket` when it was found.
    pub(super) epoch: u64,
    /// Where changes that may concern it are counted.
    pub(super) bucket: u8,
    /// Ascending by session slot; each session once, shared subscriptions apart.
    pub targets: Vec<Target>,
    /// One member of each gets the message.
    pub groups: Vec<ShareGroup>,
    /// Whether a message of QoS 1 or 2 has to go through the partition: a persistent session subscribed with QoS 1 or
    /// 2, or a shared group has a persistent member. Then the partition serves all of `groups`.
    pub needs_partition: bool,
    /// Sessions and groups in whose queues a message of QoS 1 or 2 may have to stand.
    pub(crate) queues: usize,
}

impl Resolved {
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.groups.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.targets.clear();
        self.groups.clear();
        self.needs_partition = false;
        self.queues = 0;
    }
}

/// One session and what all its matching subscriptions together ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub session: SessionSlot,
    pub client_id: Arc<str>,
    /// `None` while it is not connected.
    pub owner: Option<Owner>,
    pub kind: SessionKind,
    /// For messages of other clients; `grant_for` knows those of its own.
    pub grant: Grant,
    pub(crate) own: OwnMessages,
}

/// How a message is delivered to one session.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The highest of the matching subscriptions.
    pub qos: QoS,
    pub retain_as_published: bool,
    /// Of all matching subscriptions, ascending.
    pub subscription_ids: SubscriptionIds,
}

/// What a session gets of the messages that it publishes itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OwnMessages {
    /// No matching subscription is No Local.
    AllOfThem,
    /// All are (MQTT-3.8.3-3).
    None,
    /// Some are: what the others ask for.
    Granted(Box<Grant>),
}

impl Target {
    /// How the session gets a message that the client `publisher` has sent; `None` when it does not (MQTT-3.8.3-3).
    pub fn grant_for(&self, publisher: &str) -> Option<&Grant> {
        match &self.own {
            OwnMessages::AllOfThem => Some(&self.grant),
            _ if *self.client_id != *publisher => Some(&self.grant),
            OwnMessages::None => None,
            OwnMessages::Granted(grant) => Some(grant),
        }
    }

    /// Whether a message of QoS 1 or 2 goes into the session's queue.
    pub(super) fn queues(&self) -> bool {
        self.kind == SessionKind::Persistent && self.grant.qos > QoS::AtMostOnce
    }

    /// Whether one that `publisher` has sent does.
    pub(crate) fn queues_from(&self, publisher: &str) -> bool {
        let grant = self.grant_for(publisher).filter(|grant| grant.qos > QoS::AtMostOnce);
        self.kind == SessionKind::Persistent && grant.is_some()
    }

    pub(super) fn merge(&mut self, options: SubscriptionOptions) {
        self.grant.merge(options);
        match (&mut self.own, options.no_local) {
            (OwnMessages::AllOfThem, false) | (OwnMessages::None | OwnMessages::Granted(_), true) => {}
            (OwnMessages::AllOfThem, true) => unreachable!("`OwnMessages` is settled before subscriptions are merged"),
            (OwnMessages::None, false) => self.own = OwnMessages::Granted(Box::new(Grant::of(options))),
            (OwnMessages::Granted(grant), false) => grant.merge(options),
        }
    }
}

impl Grant {
    pub(super) fn of(options: SubscriptionOptions) -> Self {
        Self {
            qos: options.qos,
            retain_as_published: options.retain_as_published,
            subscription_ids: options.identifier.into_iter().collect(),
        }
    }

    /// The highest QoS, and all identifiers (MQTT-3.3.4-2, MQTT-3.3.4-3).
    fn merge(&mut self, options: SubscriptionOptions) {
        self.qos = self.qos.max(options.qos);
        self.retain_as_published |= options.retain_as_published;
        if let Some(identifier) = options.identifier
            && let Err(at) = self.subscription_ids.binary_search(&identifier)
        {
            self.subscription_ids.insert(at, identifier);
        }
    }
}

/// A group's number for as long as it has members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub(crate) u32);

/// A shared subscription: of its members, one gets each message.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareGroup {
    pub id: GroupId,
    /// `$share/group/filter`.
    pub name: Arc<str>,
    /// Ascending by session slot.
    pub members: Vec<Target>,
    /// Whether a member is persistent, so that messages of QoS 1 and 2 may have to wait for it.
    pub has_persistent: bool,
}
