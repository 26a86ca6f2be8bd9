//! The topic home: subscriptions, queues and retained messages of the topics that hash to this partition.

mod acknowledge;
mod attach;
mod backlog;
mod bodies;
mod drop_session;
mod forget_will;
mod links;
mod list_subscriptions;
mod publish;
mod queue;
mod read_retained;
mod release;
mod retained;
mod route_cache;
mod sessions;
mod shares;
mod snapshot;
mod store;
mod subscribe;
mod tally;
mod tick;
mod trim;
mod unsubscribe;
mod view;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::{BodyRef, Epoch, PartitionId, SessionSlot};
use crate::command::SessionKind;
use crate::counters::Counters;
use crate::effects::Effects;
use crate::identifiers::Identifiers;
use crate::live::Live;
use crate::moment::Moment;
use crate::routes::Routes;
use crate::slots::SlotTable;

use forget_will::WillMarks;
use read_retained::Walk;
use retained::Retained;
use route_cache::RouteCache;
use sessions::{Session, Sessions};
use shares::Rounds;
pub use shares::sticky_key;
use store::Store;
use tally::Tally;

/// See the module.
#[derive(Debug)]
pub(crate) struct Topics {
    id: PartitionId,
    routes: Arc<Routes>,
    cache: RouteCache,
    sessions: Sessions,
    rounds: Rounds,
    store: Store,
    retained: Retained,
    /// Reads of retained messages into the queues of persistent sessions that go on, by session and filter.
    walks: BTreeMap<(SessionSlot, Arc<str>), Walk>,
    wills: WillMarks,
    tally: Tally,
}

/// What a command of some epoch finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    Known(SessionSlot),
    Unknown,
    /// The session that is here has this, a newer epoch.
    Refused(Epoch),
}

impl Topics {
    pub(crate) fn new(id: PartitionId, slots: SlotTable) -> Self {
        let identifiers = Identifiers::of(id, slots.partitions());
        Self {
            id,
            routes: Routes::new(),
            cache: RouteCache::default(),
            sessions: Sessions::default(),
            rounds: Rounds::default(),
            store: Store::new(identifiers),
            retained: Retained::default(),
            walks: BTreeMap::new(),
            wills: WillMarks::default(),
            tally: Tally::new(id, slots),
        }
    }

    pub(crate) fn routes(&self) -> &Arc<Routes> {
        &self.routes
    }

    pub(crate) fn live(&self) -> &Live {
        &self.store.live
    }

    pub(crate) fn count(&self, counters: &mut Counters) {
        counters.subscriptions = self.tally.subscriptions;
        counters.shared_subscriptions = self.tally.shared;
        counters.retained = self.retained.len();
        counters.retained_bytes = self.retained.bytes();
        counters.retained_payload_bytes = self.retained.payload_bytes();
        let totals = &self.store.totals;
        counters.queued = totals.queued;
        counters.queued_bytes = totals.queued_bytes;
        counters.queued_distinct_bytes = self.store.bodies.bytes();
        counters.expired = totals.expired;
        counters.dropped_by_limit = totals.dropped_by_limit;
        counters.orphaned = totals.orphaned;
    }

    /// Adds every body below log index `below` that is referred to, in no order.
    pub(crate) fn live_bodies(&self, below: u64, bodies: &mut Vec<BodyRef>) {
        let backlogs = self.sessions.iter().filter_map(|(_, session)| session.backlog.as_ref());
        let queued = backlogs.flat_map(|backlog| backlog.queue.iter());
        let queued = queued.filter(|(_, entry)| !entry.is_received()).map(|(_, entry)| entry.body);
        let retained = self.retained.iter().map(|(_, kept)| kept.body);
        bodies.extend(queued.chain(retained).filter(|body| body.index < below));
    }

    /// Finds the session for a command that does not resume it. One that is known by an older epoch has ended without
    /// our having heard of it yet, and goes.
    fn admit(&mut self, client_id: &str, epoch: Epoch, at: Moment, out: &mut Effects) -> Admission {
        let Some(slot) = self.sessions.find(client_id) else { return Admission::Unknown };
        match self.sessions.get(slot) {
            Some(session) if session.epoch == epoch => Admission::Known(slot),
            Some(session) if session.epoch > epoch => Admission::Refused(session.epoch),
            _ => {
                self.end_session(slot, at, out);
                Admission::Unknown
            }
        }
    }

    fn new_session(&mut self, client_id: &str, epoch: Epoch, kind: SessionKind) -> SessionSlot {
        let session = Session::new(client_id, epoch, kind);
        let client_id = Arc::clone(&session.client_id);
        let slot = self.sessions.insert(session);
        self.routes.add_session(slot, client_id, kind);
        slot
    }
}
