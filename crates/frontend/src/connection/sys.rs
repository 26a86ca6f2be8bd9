//! Who gets the broker's own values, where the partitions that know all subscriptions are in other processes.

use std::rc::Rc;

use mqtt::QoS;
use partition::SubscriptionIds;

use super::Connection;
use crate::fan_out::{FanOut, Manner};
use crate::sys::SYS;
use crate::worker::Worker;

/// A filter of a client that begins as the broker's own topics do.
pub(super) struct WatchedSys {
    filter: Box<str>,
    identifier: Option<u32>,
}

impl Connection {
    /// Has the client given the values that change.
    pub(super) fn watch_sys(&self, worker: &Worker, filter: &str, identifier: Option<u32>) {
        if worker.lanes.is_some() {
            self.unwatch_sys(filter);
            self.watched_sys.borrow_mut().push(WatchedSys { filter: filter.into(), identifier });
        }
    }

    pub(super) fn unwatch_sys(&self, filter: &str) {
        if filter.starts_with(SYS) {
            self.watched_sys.borrow_mut().retain(|watched| *watched.filter != *filter);
        }
    }

    /// Gives the client a value that it is subscribed to.
    pub fn give_sys(self: &Rc<Self>, worker: &Worker, topic: &str, fan_out: &mut FanOut<'_>) {
        let watched = self.watched_sys.borrow();
        let mut matching = watched.iter().filter(|watched| mqtt::matches(&watched.filter, topic)).peekable();
        if matching.peek().is_none() || !self.takes(worker, topic) {
            return;
        }
        let mut identifiers: SubscriptionIds = matching.filter_map(|watched| watched.identifier).collect();
        identifiers.sort_unstable();
        let manner = Manner { qos: QoS::AtMostOnce, retain: false, subscription_ids: &identifiers };
        self.with_writer(worker, |outbound, writer| outbound.deliver(fan_out, manner, None, writer));
    }

    pub fn watches_sys(&self) -> bool {
        !self.watched_sys.borrow().is_empty()
    }
}
