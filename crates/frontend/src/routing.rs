//! From a topic to its receivers: the worker's cache in front of the subscription index, and direct delivery.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use auth::PublishPermit;
use bytes::Bytes;
use mqtt::QoS;
use partition::{Grant, Owner, PartitionId, Resolved, SessionKind, ShareGroup, SubscriptionIds, Target};

use crate::fan_out::{FanOut, Manner};
use crate::worker::Worker;

/// Bytes that a worker spends on remembering receivers; when they are spent, it starts over.
const MAX_CACHED_BYTES: usize = 64 * 1024 * 1024;

/// A receiver with more than this waiting does not take a shared subscription's message if another member can, and
/// has publishes refused that would add to it while memory is short.
pub(crate) const BUSY_BYTES: usize = 64 * 1024;

/// Where messages to one topic go.
pub(crate) struct Route {
    /// The topic home.
    pub partition: PartitionId,
    pub resolved: Resolved,
    /// Where the round robin of each shared group stands.
    turns: Box<[Cell<usize>]>,
}

impl Route {
    /// About what it takes in a cache.
    fn bytes(&self, topic: &str) -> usize {
        const ENTRY: usize = 128;
        let members: usize = self.resolved.groups.iter().map(|group| group.members.len() + 1).sum();
        ENTRY + topic.len() + (self.resolved.targets.len() + members) * size_of::<Target>()
    }
}

#[derive(Default)]
pub(crate) struct RouteCache {
    routes: RefCell<HashMap<Box<str>, Rc<Route>, ahash::RandomState>>,
    bytes: Cell<usize>,
}

impl RouteCache {
    fn keep(&self, topic: &str, route: &Rc<Route>) {
        let mut routes = self.routes.borrow_mut();
        let mut bytes = self.bytes.get() + route.bytes(topic);
        if bytes > MAX_CACHED_BYTES {
            routes.clear();
            bytes = route.bytes(topic);
        }
        let replaced = routes.insert(topic.into(), Rc::clone(route));
        self.bytes.set(bytes - replaced.map_or(0, |old| old.bytes(topic)));
    }
}

/// A message for a connection of another worker.
pub(crate) struct Remote {
    pub owner: Owner,
    pub qos: QoS,
    pub retain: bool,
    pub subscription_ids: SubscriptionIds,
    pub share: Option<Arc<str>>,
    pub body: Bytes,
}

impl Worker {
    /// The route of the permitted topic: from the cache while the subscriptions it was made from stand, else from
    /// the topic home's index.
    pub fn route(&self, permit: PublishPermit<'_>) -> Rc<Route> {
        let topic = permit.topic();
        let cache = self.routes.routes.borrow();
        let known = cache.get(topic);
        if let Some(route) = known
            && self.index(route.partition).vouches_for(&route.resolved)
        {
            return Rc::clone(route);
        }
        let partition = known.map_or_else(|| self.slots.partition_of_topic(topic), |route| route.partition);
        drop(cache);
        let mut resolved = Resolved::default();
        self.index(partition).resolve(topic, &mut resolved);
        let turns = resolved.groups.iter().map(|_| Cell::new(usize::from(self.id))).collect();
        let route = Rc::new(Route { partition, resolved, turns });
        self.routes.keep(topic, &route);
        route
    }

    /// Delivers a message to all who get it without a queue: every connected session for QoS 0, transient sessions
    /// for QoS 1 and 2. True if there is any subscriber at all, connected or not.
    pub fn deliver(&self, route: &Route, publisher: &str, qos: QoS, fan_out: &mut FanOut<'_>) -> bool {
        let resolved = &route.resolved;
        if resolved.targets.len() + resolved.groups.len() > 1 {
            fan_out.expect_many();
        }
        let mut matched = !resolved.groups.is_empty();
        for target in &resolved.targets {
            let Some(grant) = target.grant_for(publisher) else { continue };
            matched = true;
            if target.kind == SessionKind::Persistent && qos.min(grant.qos) > QoS::AtMostOnce {
                continue; // From its queue.
            }
            if let Some(owner) = target.owner {
                self.deliver_to(owner, grant, qos, None, fan_out);
            }
        }
        for (group, turn) in resolved.groups.iter().zip(&route.turns) {
            if qos > QoS::AtMostOnce && resolved.needs_partition {
                continue; // Shared out by the partition, all of them, so that none is served by neither or by both.
            }
            if let Some((owner, grant)) = self.choose_member(group, turn, qos, fan_out) {
                let share = (qos.min(grant.qos) > QoS::AtMostOnce).then_some(&group.name);
                self.deliver_to(owner, grant, qos, share, fan_out);
            }
        }
        matched
    }

    fn deliver_to(&self, owner: Owner, grant: &Grant, qos: QoS, share: Option<&Arc<str>>, fan_out: &mut FanOut<'_>) {
        // MQTT-3.3.1-12 and -13: what is delivered live carries RETAIN only to Retain As Published, and a publish
        // with RETAIN set does not come this way.
        let manner = Manner { qos: qos.min(grant.qos), retain: false, subscription_ids: &grant.subscription_ids };
        if owner.worker != self.id {
            self.send_to_worker(Remote {
                owner,
                qos: manner.qos,
                retain: false,
                subscription_ids: grant.subscription_ids.clone(),
                share: share.cloned(),
                body: fan_out.owned(),
            });
            return;
        }
        match self.connection(owner) {
            Some(connection) if connection.takes(self, fan_out.topic) => {
                connection.with_writer(self, |outbound, writer| outbound.deliver(fan_out, manner, share, writer));
            }
            // It is just leaving, or may not have it any more; a shared message goes to somebody else.
            _ => self.redeliver(share, manner.qos, &fan_out.owned(), None),
        }
    }

    /// The member of a shared group that gets this message: the one its `$partition` property stands for, else the next
    /// in turn that can take it now.
    fn choose_member<'a>(
        &self,
        group: &'a ShareGroup,
        turn: &Cell<usize>,
        qos: QoS,
        fan_out: &FanOut<'_>,
    ) -> Option<(Owner, &'a Grant)> {
        let connected = |target: &'a Target| target.owner.map(|owner| (owner, &target.grant));
        if let Some(value) = fan_out.partition_value() {
            let key = partition::sticky_key(value);
            return group.sticky_member(key, |member| member.owner.is_some()).and_then(connected);
        }
        let count = group.members.len();
        let first = turn.get();
        let mut fallback = None;
        for step in 0..count {
            let place = (first + step) % count;
            let Some((owner, grant)) = connected(&group.members[place]) else { continue };
            let must_wait = || qos.min(grant.qos) > QoS::AtMostOnce && self.is_window_full(owner);
            if !self.is_busy(owner) && !must_wait() {
                turn.set(place + 1);
                return Some((owner, grant));
            }
            fallback = fallback.or(Some((place, owner, grant)));
        }
        let (place, owner, grant) = fallback?;
        turn.set(place + 1);
        Some((owner, grant))
    }

    fn is_window_full(&self, owner: Owner) -> bool {
        owner.worker == self.id && self.connection(owner).is_none_or(|c| c.outbound.borrow().is_window_full())
    }

    fn is_busy(&self, owner: Owner) -> bool {
        owner.worker == self.id
            && self.connection(owner).is_none_or(|c| c.outbound.borrow().backlog() > BUSY_BYTES || c.is_ending())
    }

    /// Whether a message on this route would have to wait for somebody who is busy already.
    pub fn would_wait(&self, route: &Route) -> bool {
        let owners = route.resolved.targets.iter().filter_map(|t| t.owner);
        let remote_is_short = |owner: Owner| owner.worker != self.id && self.peer_is_busy(owner.worker);
        owners.into_iter().any(|owner| self.is_busy(owner) || remote_is_short(owner))
    }

    /// Finds another member for a shared message whose member is gone.
    pub fn redeliver(&self, share: Option<&Arc<str>>, qos: QoS, body: &Bytes, from: Option<&str>) {
        if let Some(share) = share.filter(|_| qos > QoS::AtMostOnce) {
            self.give_to_another_member(
                &crate::outbound::Shared { share: Arc::clone(share), qos, body: body.clone() },
                from.unwrap_or_default(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route() -> Rc<Route> {
        Rc::new(Route { partition: PartitionId(0), resolved: Resolved::default(), turns: Box::default() })
    }

    #[test]
    fn the_cache_is_bounded_in_bytes_whatever_the_topics_are() {
        let cache = RouteCache::default();
        let long = "t".repeat(60_000);
        for n in 0..3000 {
            cache.keep(&format!("{long}/{n}"), &route());
            assert!(cache.bytes.get() <= MAX_CACHED_BYTES);
        }
        let held: usize = cache.routes.borrow().keys().map(|topic| topic.len()).sum();
        assert!(held > 0 && held <= cache.bytes.get());
    }

    #[test]
    fn a_route_that_is_replaced_counts_once() {
        let cache = RouteCache::default();
        cache.keep("a", &route());
        let bytes = cache.bytes.get();
        cache.keep("a", &route());
        assert_eq!((cache.bytes.get(), cache.routes.borrow().len()), (bytes, 1));
    }
}
