//! The session home: epoch, owner, expiry and will of the client ids that hash to this partition.

mod close;
mod confirm;
mod frontend_gone;
mod open;
mod outbox;
mod snapshot;
mod tick;
mod touch;
mod view;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::{Epoch, Owner, PartitionId, PartitionSet, Timestamp};
use crate::command::{Command, DropSession, Origin, Publish, Scope, SessionKind, Will};
use crate::counters::Counters;
use crate::effects::Effects;
use crate::message::Message;
use crate::slots::SlotTable;

use outbox::{Errand, Outbox};
use waiting::{Cut, Reported};

/// See the module.
#[derive(Debug)]
pub(crate) struct Home {
    id: PartitionId,
    slots: SlotTable,
    sessions: BTreeMap<Arc<str>, Session>,
    /// Sessions that wait for something, by when.
    deadlines: BTreeSet<(Timestamp, Arc<str>)>,
    /// How many epochs have been given out.
    epochs: u64,
    outbox: Outbox,
    tally: Tally,
    /// Sessions whose expiry has passed, since the state began.
    expired: u64,
    /// What the topic home of this same partition has to do before the next command. Empty between commands.
    local: Vec<LocalTask>,
}

/// Sums over the sessions that are held.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    connected: usize,
    persistent: usize,
    persistent_connected: usize,
    wills: usize,
    will_bytes: u64,
}

/// A session's record.
#[derive(Clone, Debug, PartialEq)]
struct Session {
    epoch: Epoch,
    /// The epoch in which it began.
    since: Epoch,
    kind: SessionKind,
    owner: Option<Owner>,
    /// Seconds after the connection; `u32::MAX` is never.
    expiry: u32,
    /// While not connected: when the session ends.
    ends: Option<Timestamp>,
    will: Option<StoredWill>,
    /// While not connected: when the will is published.
    will_due: Option<Timestamp>,
    touched: PartitionSet,
    /// Where a connection that was taken over may have left something under its epoch after it was told to go.
    haunted: PartitionSet,
    /// What waits for it under a queue limit, as the partitions have told.
    queues: BTreeMap<PartitionId, Reported>,
}

/// A will as it waits.
#[derive(Clone, Debug, PartialEq)]
struct StoredWill {
    /// Seconds.
    delay: u32,
    /// Seconds from the publication.
    expiry: Option<u32>,
    /// The encoded message.
    message: Box<[u8]>,
    /// Bytes of its payload.
    payload: u32,
}

/// A part of an outbox item that concerns this partition itself: done at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LocalTask {
    Drop { client_id: Arc<str>, epoch: Epoch },
    Detach { client_id: Arc<str>, epoch: Epoch },
    Trim { client_id: Arc<str>, cut: Cut },
}

impl StoredWill {
    fn new(will: &Will<'_>) -> Self {
        let mut message = Vec::new();
        Message { expires: None, ..will.message }.encode(&mut message);
        let payload = will.message.payload.len() as u32;
        Self { delay: will.delay, expiry: will.expiry, message: message.into(), payload }
    }
}

impl Home {
    pub(crate) fn new(id: PartitionId, slots: SlotTable) -> Self {
        Self {
            id,
            slots,
            sessions: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            epochs: 0,
            outbox: Outbox::default(),
            tally: Tally::default(),
            expired: 0,
            local: Vec::new(),
        }
    }

    pub(crate) fn take_local(&mut self) -> Vec<LocalTask> {
        std::mem::take(&mut self.local)
    }

    pub(crate) fn count(&self, counters: &mut Counters) {
        counters.sessions = self.sessions.len();
        counters.connected = self.tally.connected;
        counters.persistent = self.tally.persistent;
        counters.persistent_connected = self.tally.persistent_connected;
        counters.wills = self.tally.wills;
        counters.will_bytes = self.tally.will_bytes;
        counters.expired_sessions = self.expired;
        counters.outbox = self.outbox.items.len();
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Rises with every CONNECT, and differs from those of all other partitions.
    fn next_epoch(&mut self) -> Epoch {
        self.epochs += 1;
        Epoch(self.epochs * u64::from(PartitionSet::MAX) + u64::from(self.id.0))
    }

    /// Holds the session, which was taken out or is new, and its deadline in order.
    fn put(&mut self, client_id: Arc<str>, session: Session) {
        if let Some(at) = session.deadline() {
            self.deadlines.insert((at, Arc::clone(&client_id)));
        }
        self.tally.add(&session);
        let before = self.sessions.insert(client_id, session);
        debug_assert!(before.is_none(), "its deadline and what it counts would stay");
    }

    fn take(&mut self, client_id: &str) -> Option<(Arc<str>, Session)> {
        let (client_id, session) = self.sessions.remove_entry(client_id)?;
        if let Some(at) = session.deadline() {
            self.deadlines.remove(&(at, Arc::clone(&client_id)));
        }
        self.tally.remove(&session);
        Some((client_id, session))
    }

    /// The session, which has been taken out, is no more: its will is published (MQTT-3.1.2-8), and all that it has
    /// anywhere goes.
    fn end(&mut self, client_id: &Arc<str>, session: Session, now: Timestamp, out: &mut Effects) {
        let epoch = session.epoch;
        if let Some(will) = &session.will {
            self.publish_will(client_id, epoch, will, now, out);
        }
        for partition in session.touched.union(session.haunted).iter() {
            if partition == self.id {
                self.local.push(LocalTask::Drop { client_id: Arc::clone(client_id), epoch });
            } else {
                let home = self.id;
                self.outbox.add(partition, Errand::Drop, out, |item| {
                    let drop = DropSession { client_id, epoch, home, item };
                    Command::Drop(drop).to_frame()
                });
            }
        }
    }

    fn publish_will(&mut self, client_id: &str, epoch: Epoch, will: &StoredWill, now: Timestamp, out: &mut Effects) {
        let message = Message::parse(&will.message).expect("it has been encoded by `StoredWill::new`");
        let expires = will.expiry.map(|seconds| Timestamp(now.0.saturating_add(u64::from(seconds) * 1000)));
        let home = self.id;
        self.outbox.add(self.slots.partition_of_topic(message.topic), Errand::Will, out, |item| {
            let publish = Publish {
                reply: None,
                origin: Origin::Will { client_id, epoch, home, item },
                scope: Scope::Everyone,
                message: Message { expires, ..message },
            };
            Command::Publish(publish).to_frame()
        });
    }
}

impl Tally {
    /// What one session counts.
    fn of(session: &Session) -> Self {
        let (connected, persistent) = (session.owner.is_some(), session.kind == SessionKind::Persistent);
        Self {
            connected: connected.into(),
            persistent: persistent.into(),
            persistent_connected: (connected && persistent).into(),
            wills: session.will.is_some().into(),
            will_bytes: session.will.as_ref().map_or(0, |will| will.payload.into()),
        }
    }

    fn add(&mut self, session: &Session) {
        let Self { connected, persistent, persistent_connected, wills, will_bytes } = Self::of(session);
        self.connected += connected;
        self.persistent += persistent;
        self.persistent_connected += persistent_connected;
        self.wills += wills;
        self.will_bytes += will_bytes;
    }

    fn remove(&mut self, session: &Session) {
        let Self { connected, persistent, persistent_connected, wills, will_bytes } = Self::of(session);
        self.connected -= connected;
        self.persistent -= persistent;
        self.persistent_connected -= persistent_connected;
        self.wills -= wills;
        self.will_bytes -= will_bytes;
    }
}

impl Session {
    fn deadline(&self) -> Option<Timestamp> {
        self.ends.into_iter().chain(self.will_due).min()
    }
}
