//! What is read of the sessions' holdings here, of their subscriptions and of retained messages.

use crate::address::{BodyRef, Timestamp};
use crate::command::{Origin, Publish};
use crate::routes::Lowest;
use crate::view::{FilterWish, Holding, Looked, RetainedView, Slice};

use super::Topics;
use super::sessions::Session;

impl Topics {
    pub(crate) fn holding(&self, client_id: &str) -> Option<Holding> {
        let session = self.sessions.get(self.sessions.find(client_id)?)?;
        let backlog = session.backlog.as_ref();
        let is_attached = session.owner.is_some();
        Some(Holding {
            exact: session.filters.len() as u64 - u64::from(session.wildcards),
            wildcard: session.wildcards.into(),
            queued: backlog.map_or(0, |backlog| backlog.queue.len()),
            in_flight: backlog.filter(|_| is_attached).map_or(0, |backlog| backlog.in_flight),
            queued_bytes: backlog.map_or(0, |backlog| backlog.bytes),
        })
    }

    /// Reads downwards, so that what is removed meanwhile shifts nothing past the reader.
    pub(crate) fn offer_of_session(
        &self,
        client_id: &str,
        wish: FilterWish<'_>,
        below: usize,
        budget: usize,
        lowest: &mut Lowest<'_>,
    ) -> Looked {
        let slot = self.sessions.find(client_id);
        let found = slot.and_then(|slot| Some((slot, self.sessions.get(slot)?)));
        let Some((slot, session)) = found else { return Looked { at: 0, below: 0 } };
        let end = below.min(session.filters.len());
        let start = end.saturating_sub(budget);
        let counts = |filter: &str| self.tally.counts_here(client_id, filter);
        let filters = &session.filters[start..end];
        self.routes.offer_of_session((slot, &session.client_id), filters, counts, wish, lowest);
        Looked { at: filters.len(), below: start }
    }

    pub(crate) fn list_retained(
        &self,
        filter: Option<&str>,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Slice<RetainedView> {
        self.retained.list(filter, after, limit, now)
    }

    pub(crate) fn retained(&self, topic: &str, now: Timestamp) -> Option<(RetainedView, BodyRef)> {
        self.retained.find(topic, now)
    }

    pub(crate) fn queued_distinct_bytes(&self) -> u64 {
        self.store.bodies.bytes()
    }

    /// Whether a publish would come into a queue.
    pub(crate) fn would_queue(&mut self, publish: &Publish<'_>) -> bool {
        if publish.message.qos == mqtt::QoS::AtMostOnce || self.is_repeat(publish) {
            return false;
        }
        let publisher = match publish.origin {
            Origin::Client { client_id, .. } | Origin::Will { client_id, .. } => client_id,
            Origin::Redelivery { .. } => return true,
        };
        let resolved = self.cache.resolve(publish.message.topic, &self.routes);
        resolved.groups.iter().any(|group| group.has_persistent)
            || resolved.targets.iter().any(|target| target.queues_from(publisher))
    }

    /// Whether a message of QoS 1 or 2 to the topic may come into a queue.
    pub(crate) fn has_queue(&mut self, topic: &str) -> bool {
        self.cache.resolve(topic, &self.routes).needs_partition
    }

    /// Whether it is a QoS 2 publish that has come before and is not released.
    fn is_repeat(&self, publish: &Publish<'_>) -> bool {
        let Origin::Client { client_id, exactly_once: Some(once) } = publish.origin else { return false };
        let session = self.sessions.find(client_id).and_then(|slot| self.sessions.get(slot));
        let is_marked = |session: &Session| session.incoming.binary_search(&once.packet_id).is_ok();
        session.is_some_and(|session| session.epoch == once.epoch && is_marked(session))
    }
}
