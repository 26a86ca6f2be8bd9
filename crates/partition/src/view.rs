//! What may be read of the state from outside, in slices that take a bounded time.
//!
//! Read by whoever owns the [`Partition`], between two entries. A slice looks at a bounded number of records in the
//! order of their keys and says how far it has come, whether it has found anything or not.

use std::sync::Arc;

use mqtt::QoS;

use crate::address::{BodyRef, Epoch, Owner, PartitionSet, SessionSlot, Timestamp};
use crate::command::{Publish, SessionKind, SubscriptionOptions};
use crate::partition::Partition;
use crate::routes::{Lowest, STEP};
use crate::slots::without_share;

/// Records that one slice looks at.
pub const SLICE: usize = 1024;

/// Bytes of subscriptions, see [`SubscriptionView::weight`], that fill a page: it ends with the one that reaches this.
pub const PAGE_BYTES: usize = 512 * 1024;

/// What a subscription weighs beside its texts.
const SUBSCRIPTION_BYTES: usize = 64;

/// What it costs to look up a client, in comparisons of subscriptions.
const LOOKUP: usize = 16;

/// What one step over a list has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice<T> {
    /// Ascending by their keys.
    pub items: Vec<T>,
    /// The key that was looked at last, when there may be more behind it.
    pub more: Option<Arc<str>>,
}

impl<T> Default for Slice<T> {
    fn default() -> Self {
        Self { items: Vec::new(), more: None }
    }
}

/// A session as its home knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRecord {
    pub client_id: Arc<str>,
    pub kind: SessionKind,
    /// `None` while it is not connected.
    pub owner: Option<Owner>,
    pub epoch: Epoch,
    /// Seconds after the connection; `u32::MAX` is never.
    pub expiry: u32,
    /// While not connected: when the session ends.
    pub ends: Option<Timestamp>,
    pub has_will: bool,
    /// Where it may have subscriptions and queues.
    pub touched: PartitionSet,
}

/// What a topic home holds for one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Of the session's subscriptions, those that are registered here alone.
    pub exact: u64,
    /// Those with wildcards, which are registered at every partition.
    pub wildcard: u64,
    /// Entries of its queue, in flight or waiting.
    pub queued: u64,
    pub in_flight: u64,
    /// Encoded messages that its queue refers to.
    pub queued_bytes: u64,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct SubscriptionView {
    pub client_id: Arc<str>,
    /// As the client wrote it, `$share/…/` included.
    pub filter: String,
    pub options: SubscriptionOptions,
}

/// Which of a session's subscriptions are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterWish<'a> {
    Any,
    /// The one with this filter, as it was written.
    Written(&'a str),
    /// Those that match this topic.
    Matching(&'a str),
}

/// A place among the subscriptions to some filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionPlace {
    pub filter: String,
    pub session: SessionSlot,
}

/// What a search for subscriptions wants: the lowest `limit` by client id and filter, behind `after`; fewer where those
/// fill [`PAGE_BYTES`].
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionSearch<'a> {
    pub wish: FilterWish<'a>,
    pub after: Option<(&'a str, &'a str)>,
    pub limit: usize,
}

/// What one step of a search has found: the lowest of those that it has compared, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<P> {
    pub items: Vec<SubscriptionView>,
    /// Where the next step begins, unless this was the last.
    pub more: Option<P>,
}

/// How many of a session's subscriptions have been compared, and how many are left below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    pub(crate) at: usize,
    pub(crate) below: usize,
}

impl SubscriptionView {
    /// Bytes that it takes in a page.
    pub fn weight(&self) -> usize {
        Self::weight_of(&self.client_id, &self.filter)
    }

    pub(crate) fn weight_of(client_id: &str, filter: &str) -> usize {
        client_id.len() + filter.len() + SUBSCRIPTION_BYTES
    }

    /// Whether it gets messages to `topic`.
    pub fn matches(&self, topic: &str) -> bool {
        mqtt::matches(without_share(&self.filter), topic)
    }
}

/// A retained message without its contents.
#[derive(Clone, Debug, PartialEq)]
pub struct RetainedView {
    pub topic: Arc<str>,
    pub qos: QoS,
    pub payload_bytes: u64,
    pub expires: Option<Timestamp>,
}

impl Partition {
    /// Sessions whose home is here and whose client ids begin with `prefix`, behind `after`; at most `limit` that are
    /// wanted, of at most [`SLICE`].
    pub fn sessions(
        &self,
        after: Option<&str>,
        prefix: &str,
        limit: usize,
        wanted: impl Fn(&SessionRecord) -> bool,
    ) -> Slice<SessionRecord> {
        self.home.list(after, prefix, limit, wanted)
    }

    /// The session, if its home is here.
    pub fn session(&self, client_id: &str) -> Option<SessionRecord> {
        self.home.record(client_id)
    }

    /// What this topic home holds for a session.
    pub fn holding(&self, client_id: &str) -> Option<Holding> {
        self.topics.holding(client_id)
    }

    /// Searches the subscriptions that clients have here, one client after the other; those with wildcards are shown by
    /// the client's home alone. `from` is the client to begin with and how many of its subscriptions are left.
    pub fn subscriptions_of<'c>(
        &self,
        clients: impl IntoIterator<Item = &'c str>,
        search: SubscriptionSearch<'_>,
        from: (usize, usize),
    ) -> Found<(usize, usize)> {
        let mut lowest = Lowest::new(search.after, search.limit);
        let (first, mut below) = from;
        let mut budget = STEP;
        for (n, client_id) in clients.into_iter().enumerate().skip(first) {
            if budget == 0 {
                return Found { items: lowest.items(), more: Some((n, below)) };
            }
            let looked = self.topics.offer_of_session(client_id, search.wish, below, budget, &mut lowest);
            if looked.below > 0 {
                return Found { items: lowest.items(), more: Some((n, looked.below)) };
            }
            budget = budget.saturating_sub(looked.at + LOOKUP);
            below = usize::MAX;
        }
        Found { items: lowest.items(), more: None }
    }

    /// Searches the subscriptions here to the filters that are wanted, those with wildcards too, which are at every
    /// partition. Nothing is found for [`FilterWish::Any`].
    pub fn subscriptions_to(
        &self,
        search: SubscriptionSearch<'_>,
        from: Option<&SubscriptionPlace>,
    ) -> Found<SubscriptionPlace> {
        let mut lowest = Lowest::new(search.after, search.limit);
        let more = self.topics.routes().offer_of_filters(search.wish, from, &mut lowest);
        Found { items: lowest.items(), more }
    }

    /// Retained messages that match the filter, or all, behind the topic `after`; at most `limit`, of at most [`SLICE`]
    /// topics. Not those that have expired by `now`.
    pub fn retained_messages(
        &self,
        filter: Option<&str>,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Slice<RetainedView> {
        self.topics.list_retained(filter, after, limit, now)
    }

    /// The topic's retained message, and where its body is.
    pub fn retained_message(&self, topic: &str, now: Timestamp) -> Option<(RetainedView, BodyRef)> {
        self.topics.retained(topic, now)
    }

    /// Whether a publish would come into the queue of a session if it were applied now. Asked before it is logged.
    pub fn would_queue(&mut self, publish: &Publish<'_>) -> bool {
        self.topics.would_queue(publish)
    }

    /// Bytes of the encoded messages that queues refer to, each once.
    pub fn queued_distinct_bytes(&self) -> u64 {
        self.topics.queued_distinct_bytes()
    }
}
