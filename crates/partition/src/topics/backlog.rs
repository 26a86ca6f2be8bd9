//! What one persistent session has not acknowledged: its queue, and how far it has been handed to the owner.
//!
//! Entries are handed over in their order while the window has room, and acknowledged in any order. An attachment
//! begins again at the head: what was handed over before comes first, with DUP or as a PUBREL (MQTT-4.4.0-1).

use mqtt::QoS;

use crate::address::{Epoch, Owner, SessionSlot, Timestamp};
use crate::command::Step;
use crate::effect::{Delivery, Reply};
use crate::effects::Effects;
use crate::moment::Moment;

use super::queue::{Queue, QueueEntry, Watch};
use super::store::Store;

/// Bodies that may be in the owner's hands at once, in bytes; one message may always be.
const WINDOW_BYTES: u64 = 1024 * 1024;

/// To whom, and how much at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) session: SessionSlot,
    pub(crate) owner: Option<Owner>,
    /// Entries; at least 1.
    pub(crate) window: u16,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    pub(crate) queue: Queue,
    /// The next entry to look at under this attachment.
    pub(crate) cursor: u64,
    /// Entries before it have been handed to some owner, those from it on to none.
    pub(crate) fresh: u64,
    /// Entries from `fresh` on.
    pub(crate) waiting: u64,
    /// In the owner's hands.
    pub(crate) in_flight: u64,
    pub(crate) in_flight_bytes: u64,
    /// Encoded messages that the queue refers to.
    pub(crate) bytes: u64,
    /// `None` where there never was one: few have it, and it is large.
    pub(crate) limit: Option<Box<Limit>>,
    /// It stands in the store's list of those that have changed.
    pub(crate) noted: bool,
}

/// How many entries may wait, and what the session home knows of those that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Here and over all partitions; 0 is no limit.
    pub(crate) length: u64,
    /// Whether the session home wants to know: until it says that the session is nowhere else.
    pub(crate) reports: bool,
    /// `None` when it asks.
    pub(crate) told: Option<Told>,
    /// How often it has been told.
    pub(crate) revision: u64,
    /// Of the newest `Trim`.
    pub(crate) heard: Epoch,
}

/// What the session home has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) length: u64,
    pub(crate) count: u64,
    pub(crate) oldest: Timestamp,
    pub(crate) heard: Epoch,
}

impl Default for Limit {
    fn default() -> Self {
        let told = Told { length: 0, count: 0, oldest: Timestamp(0), heard: Epoch(0) };
        Self { length: 0, reports: true, told: Some(told), revision: 0, heard: Epoch(0) }
    }
}

impl Backlog {
    /// Whether a message would be handed over at once.
    pub(crate) fn can_take(&self, line: Line) -> bool {
        line.owner.is_some()
            && self.cursor == self.queue.next()
            && self.in_flight < u64::from(line.window)
            && self.in_flight_bytes < WINDOW_BYTES
    }

    /// `entry.link` has been counted.
    pub(crate) fn enqueue(&mut self, entry: QueueEntry, line: Line, at: Moment, store: &mut Store, out: &mut Effects) {
        store.entered(&entry);
        self.bytes += u64::from(entry.body.len);
        let number = self.queue.push(entry.arrived_at(at.now));
        self.waiting += 1;
        self.note(line.session, store);
        if line.owner.is_some() && self.cursor == number {
            self.push(line, at, store, out);
        }
        if self.fresh <= number {
            self.watch(number, entry.expires(), line.session, store);
            self.trim_here(line.session, at.now, store);
        }
    }

    /// Begins an attachment.
    pub(crate) fn attach(&mut self, line: Line, at: Moment, store: &mut Store, out: &mut Effects) {
        crate::sabotage::renumber();
        self.cursor = self.queue.head();
        self.in_flight = 0;
        self.in_flight_bytes = 0;
        self.push(line, at, store, out);
    }

    /// Of an entry that the owner does not hold, nothing is known any more: ignored.
    pub(crate) fn acknowledge(
        &mut self,
        number: u64,
        step: Step,
        line: Line,
        at: Moment,
        store: &mut Store,
        out: &mut Effects,
    ) {
        if number >= self.cursor {
            return;
        }
        let Some(entry) = self.queue.get_mut(number).filter(|entry| entry.is_pushed()) else { return };
        match step {
            Step::Done => {
                self.in_flight -= 1;
                self.in_flight_bytes -= u64::from(entry.body.len);
                self.remove(number, line.session, store);
            }
            Step::Received if entry.qos() == QoS::ExactlyOnce => {
                if !entry.is_received() {
                    store.body_released(entry);
                    self.in_flight_bytes -= u64::from(entry.body.len);
                    self.bytes -= u64::from(entry.body.len);
                    entry.set_received();
                }
                if let Some(owner) = line.owner {
                    let packet_id = store.identifiers.of_entry(number);
                    out.reply(owner, Reply::Received { session: line.session, entry: number, packet_id });
                }
            }
            Step::Received => return,
        }
        self.push(line, at, store, out);
    }

    /// Hands over what the window has room for.
    fn push(&mut self, line: Line, at: Moment, store: &mut Store, out: &mut Effects) {
        let Some(owner) = line.owner else { return };
        loop {
            let Some(number) = self.queue.next_live(self.cursor) else {
                self.cursor = self.queue.next();
                return;
            };
            self.cursor = number;
            let Some(entry) = self.queue.get(number) else { return };
            if entry.is_expired(at.now) {
                self.expire(number, line.session, store);
                continue;
            }
            let len = u64::from(entry.body.len);
            let full = self.in_flight >= u64::from(line.window)
                || (self.in_flight > 0 && self.in_flight_bytes + len > WINDOW_BYTES)
                || number - self.queue.head() >= store.identifiers.count();
            if full {
                return;
            }
            self.cursor = number + 1;
            self.in_flight += 1;
            self.in_flight_bytes += len;
            out.reply(owner, self.hand_over(number, line.session, store));
        }
    }

    fn hand_over(&mut self, number: u64, session: SessionSlot, store: &mut Store) -> Reply {
        let packet_id = store.identifiers.of_entry(number);
        let entry = self.queue.get_mut(number).expect("the caller has looked at it");
        if entry.is_received() {
            return Reply::Received { session, entry: number, packet_id };
        }
        let dup = entry.is_pushed();
        entry.set_pushed();
        let entry = *entry;
        if !dup {
            self.waiting -= 1;
            self.fresh = number + 1;
            self.note(session, store);
        }
        Reply::Deliver(Delivery {
            session,
            entry: number,
            packet_id,
            dup,
            qos: entry.qos(),
            retain: entry.retain(),
            subscription_ids: store.links.get(entry.link).subscription_ids.clone(),
            body: entry.body,
        })
    }

    /// Takes out an entry and gives back what it held.
    fn remove(&mut self, number: u64, session: SessionSlot, store: &mut Store) {
        if let Some((entry, watch)) = self.queue.remove(number) {
            store.left(&entry);
            self.bytes -= u64::from(entry.body.len);
            if !entry.is_pushed() {
                self.waiting -= 1;
                self.note(session, store);
            }
            if let Some(watch) = watch {
                store.unwatch(session, watch);
            }
        }
    }

    fn expire(&mut self, number: u64, session: SessionSlot, store: &mut Store) {
        self.remove(number, session, store);
        store.totals.expired += 1;
    }

    fn watch(&mut self, number: u64, expires: u32, session: SessionSlot, store: &mut Store) {
        if let Some((replaced, watch)) = self.queue.watch(number, expires) {
            if let Some(replaced) = replaced {
                store.unwatch(session, replaced);
            }
            store.watch(session, watch);
        }
    }

    pub(crate) fn set_limit(&mut self, length: u64, session: SessionSlot, at: Moment, store: &mut Store) {
        if length == 0 && self.limit.is_none() {
            return;
        }
        self.limit.get_or_insert_default().length = length;
        self.note(session, store);
        self.trim_here(session, at.now, store);
    }

    /// Alone, a partition holds no more than the limit.
    fn trim_here(&mut self, session: SessionSlot, now: Timestamp, store: &mut Store) {
        let length = self.limit.as_ref().map_or(0, |limit| limit.length);
        if length != 0 {
            self.drop_oldest(length, Timestamp(u64::MAX), session, now, store);
        }
    }

    /// Drops the oldest that wait and arrived before `before`, while more than `down_to` wait.
    pub(crate) fn drop_oldest(
        &mut self,
        down_to: u64,
        before: Timestamp,
        session: SessionSlot,
        now: Timestamp,
        store: &mut Store,
    ) {
        while self.waiting > down_to {
            let Some(oldest) = self.queue.next_live(self.fresh) else { return };
            if self.queue.get(oldest).is_none_or(|entry| entry.arrived(now) >= before) {
                return;
            }
            self.remove(oldest, session, store);
            self.fresh = oldest + 1;
            store.totals.dropped_by_limit += 1;
        }
    }

    /// Something that a session home may want to know of has changed.
    pub(crate) fn note(&mut self, session: SessionSlot, store: &mut Store) {
        if self.limit.is_some() && !self.noted {
            self.noted = true;
            store.noted.push(session);
        }
    }

    /// What there is to tell.
    pub(crate) fn to_tell(&self, limit: &Limit, now: Timestamp) -> Told {
        let heard = limit.heard;
        let oldest = if limit.length == 0 { None } else { self.queue.next_live(self.fresh) };
        match oldest.filter(|_| self.waiting > 0).and_then(|number| self.queue.get(number)) {
            Some(entry) => Told { length: limit.length, count: self.waiting, oldest: entry.arrived(now), heard },
            None => Told { length: 0, count: 0, oldest: Timestamp(0), heard },
        }
    }

    /// Drops what has expired in a watched chunk; the entries looked at.
    pub(crate) fn sweep(&mut self, watch: Watch, line: Line, at: Moment, store: &mut Store) {
        let Some(numbers) = self.queue.unwatch(watch) else { return };
        let mut next = numbers.start.max(self.fresh);
        while let Some(number) = self.queue.next_live(next).filter(|number| *number < numbers.end) {
            next = number + 1;
            let Some(entry) = self.queue.get(number).copied() else { continue };
            if entry.is_expired(at.now) {
                self.expire(number, line.session, store);
            } else {
                self.watch(number, entry.expires(), line.session, store);
            }
        }
    }

    /// Takes out what was taken for the shared subscription `share` and may go to another member: of QoS 1 everything
    /// that is not acknowledged, of QoS 2 what was never handed over (MQTT-4.8.2-5); while the session goes on, of both
    /// only the latter.
    pub(crate) fn take_shared(
        &mut self,
        share: Option<&str>,
        leaving: Leaving,
        session: SessionSlot,
        store: &mut Store,
    ) -> Vec<Orphan> {
        let mut orphans = Vec::new();
        for (number, entry) in self.queue.iter() {
            let begun = entry.is_pushed() && (leaving == Leaving::Group || entry.qos() == QoS::ExactlyOnce);
            let Some(of) = &store.links.get(entry.link).share else { continue };
            if !begun && share.is_none_or(|share| share == &**of) {
                orphans.push(Orphan { number, share: of.clone(), entry: *entry });
            }
        }
        for orphan in &orphans {
            self.remove(orphan.number, session, store);
        }
        orphans
    }

    /// Gives back everything.
    pub(crate) fn clear(&mut self, session: SessionSlot, store: &mut Store) {
        for (_, entry) in self.queue.iter() {
            store.left(entry);
        }
        for watch in self.queue.watches() {
            store.unwatch(session, watch);
        }
        *self = Self::default();
    }
}

/// How a member leaves a shared group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// By UNSUBSCRIBE: its session goes on.
    Group,
    /// By the end of its session.
    Session,
}

/// An entry on its way from a member of a shared group to another.
#[derive(Clone, Debug)]
pub(crate) struct Orphan {
    number: u64,
    pub(crate) share: std::sync::Arc<str>,
    pub(crate) entry: QueueEntry,
}
