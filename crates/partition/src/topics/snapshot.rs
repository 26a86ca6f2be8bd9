//! How the topic home stands in a snapshot.

use std::num::NonZeroU64;
use std::sync::Arc;

use mqtt::QoS;

use crate::address::{BodyRef, Epoch, PartitionId, SessionSlot, Timestamp};
use crate::command::SessionKind;
use crate::effect::SubscriptionIds;
use crate::routes::FilterKey;
use crate::slots::SlotTable;
use crate::snapshot::Form;
use crate::wire::{DecodeError, Reader, Write};

use super::Topics;
use super::backlog::{Backlog, Limit, Told};
use super::forget_will::Marks;
use super::queue::{Queue, QueueEntry};
use super::read_retained::Walk;
use super::retained::{Kept, Publisher, Registration};
use super::sessions::{Session, Sessions};
use super::store::{Store, Totals};

impl Topics {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let slots = self.sessions.slots_to_the_last();
        out.u32(slots.len() as u32);
        for (slot, session) in (0..).map(SessionSlot).zip(slots) {
            out.option(session.as_ref(), |out, session| self.write_session(slot, session, out));
        }
        let groups = self.routes.group_names();
        out.varint(groups.len() as u64);
        for name in groups {
            let round = self.routes.group(&name).map_or(0, |group| self.rounds.get(group.id));
            out.text(&name);
            out.u32(round);
        }
        self.write_retained(out);
        out.varint(self.walks.len() as u64);
        for ((slot, filter), walk) in &self.walks {
            out.u32(slot.0);
            out.text(filter);
            walk.write(out);
        }
        out.varint(self.wills.homes.len() as u64);
        for (home, marks) in &self.wills.homes {
            out.u16(home.0);
            out.u64(marks.below);
            out.varint(marks.published.len() as u64);
            marks.published.iter().for_each(|item| out.u64(*item));
        }
        let totals = &self.store.totals;
        out.u64(totals.expired);
        out.u64(totals.dropped_by_limit);
        out.u64(totals.orphaned);
    }

    pub(crate) fn read(id: PartitionId, slots: SlotTable, form: Form, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut topics = Self::new(id, slots);
        let mut slots = Vec::new();
        for slot in (0..r.u32()?).map(SessionSlot) {
            slots.push(r.option(|r| topics.read_session(slot, r))?);
        }
        topics.sessions = Sessions::restore(slots).ok_or(DecodeError::Inconsistent("the client ids of sessions"))?;
        for _ in 0..r.varint()? {
            let group = topics.routes.group(r.text()?).ok_or(DecodeError::Inconsistent("the name of a group"))?;
            topics.rounds.set(group.id, r.u32()?);
        }
        topics.read_retained_topics(form, r)?;
        for _ in 0..r.varint()? {
            topics.walks.insert((r.session()?, r.text()?.into()), Walk::read(r)?);
        }
        for _ in 0..r.varint()? {
            let home = r.partition()?;
            let mut marks = Marks { below: r.u64()?, ..Marks::default() };
            for _ in 0..r.varint()? {
                marks.published.insert(r.u64()?);
            }
            topics.wills.homes.insert(home, marks);
        }
        let queued = topics.store.totals;
        topics.store.totals =
            Totals { expired: r.counter()?, dropped_by_limit: r.counter()?, orphaned: r.counter()?, ..queued };
        Ok(topics)
    }

    fn write_session(&self, slot: SessionSlot, session: &Session, out: &mut Vec<u8>) {
        out.text(&session.client_id);
        out.u64(session.epoch.0);
        out.bool(session.kind == SessionKind::Persistent);
        out.option(session.owner, Write::owner);
        out.u16(session.window);
        out.varint(session.filters.len() as u64);
        for filter in &session.filters {
            out.text(&self.routes.text(*filter));
            let options = self.routes.options_of(slot, *filter);
            out.options(options.expect("a session's filters are registered"));
        }
        out.varint(session.incoming.len() as u64);
        for packet_id in &session.incoming {
            out.u16(packet_id.get());
        }
        if let Some(backlog) = &session.backlog {
            backlog.write(&self.store, out);
        }
    }

    /// Registers the session and its subscriptions as it reads them.
    fn read_session(&mut self, slot: SessionSlot, r: &mut Reader<'_>) -> Result<Session, DecodeError> {
        let client_id = r.text()?;
        let epoch = r.epoch()?;
        let kind = if r.bool()? { SessionKind::Persistent } else { SessionKind::Transient };
        let mut session = Session::new(client_id, epoch, kind);
        session.owner = r.option(Reader::owner)?;
        session.window = r.u16()?;
        self.routes.add_session(slot, Arc::clone(&session.client_id), kind);
        for _ in 0..r.varint()? {
            let filter = r.text()?;
            let registered = self.routes.subscribe(slot, filter, r.options()?);
            if registered.existed {
                return Err(DecodeError::Inconsistent("the filters of a session"));
            }
            session.filters.push(registered.key);
            self.tally.add(&mut session, filter);
            if let FilterKey::Group(group) = registered.key {
                self.rounds.set(group, 0);
            }
        }
        self.routes.set_owner(slot, session.owner, &session.filters);
        for _ in 0..r.varint()? {
            session.incoming.push(r.packet_id()?);
        }
        if !session.incoming.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::Inconsistent("the order of packet identifiers"));
        }
        if let Some(backlog) = &mut session.backlog {
            **backlog = Backlog::read(slot, &mut self.store, r)?;
        }
        Ok(session)
    }

    fn write_retained(&self, out: &mut Vec<u8>) {
        out.varint(self.retained.len() as u64);
        for (topic, kept) in self.retained.iter() {
            out.text(topic);
            out.body(kept.body);
            out.u8(kept.qos as u8);
            out.varint(kept.payload.into());
            out.option(kept.expires, |out, at| out.u64(at.0));
            out.u64(kept.publisher.map_or(0, |publisher| publisher.0.get()));
        }
    }

    fn read_retained_topics(&mut self, form: Form, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        for _ in 0..r.varint()? {
            let topic = r.text()?;
            let body = r.body()?;
            let qos = r.u8()?;
            let qos = QoS::try_from(qos).map_err(|_| DecodeError::Value(qos.into(), "QoS"))?;
            let payload = match form {
                Form::First => None,
                Form::Second | Form::Third | Form::Fourth => Some(r.varint_u32()?),
            };
            let expires = r.option(Reader::timestamp)?;
            let payload = payload.unwrap_or_else(|| Kept::payload_at_most(topic, body, expires));
            let publisher = if form == Form::Fourth { NonZeroU64::new(r.u64()?).map(Publisher) } else { None };
            let kept = Kept { body, qos, payload, expires, publisher };
            self.store.live.add(body.index);
            if self.retained.set(topic, kept).is_some() {
                return Err(DecodeError::Inconsistent("the topics of retained messages"));
            }
        }
        Ok(())
    }
}

impl Walk {
    fn write(&self, out: &mut Vec<u8>) {
        out.text(&self.client_id);
        out.u64(self.epoch.0);
        out.options(self.options);
        out.u64(self.registered.index);
        out.u32(self.registered.position);
        out.text(&self.after);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            client_id: r.text()?.into(),
            epoch: r.epoch()?,
            options: r.options()?,
            registered: Registration { index: r.u64()?, position: r.u32()? },
            after: r.text()?.into(),
        })
    }
}

impl Backlog {
    fn write(&self, store: &Store, out: &mut Vec<u8>) {
        out.u64(self.cursor);
        out.u64(self.fresh);
        out.option(self.limit.as_ref(), |out, limit| limit.write(out));
        out.u64(self.queue.head());
        out.varint(self.queue.len());
        let (mut next, mut previous) = (self.queue.head(), Previous::default());
        for (number, entry) in self.queue.iter() {
            out.distance(number - next);
            next = number + 1;
            previous = write_entry(entry, previous, store, out);
        }
        out.distance(self.queue.next() - next);
    }

    /// The owner holds what was handed to it and is still there.
    fn count_in_flight(&mut self) {
        let held = self.queue.iter().take_while(|(number, _)| *number < self.cursor);
        let held = held.filter(|(_, entry)| entry.is_pushed());
        let count = |(entries, bytes), (_, entry): (u64, &QueueEntry)| (entries + 1, bytes + u64::from(entry.body.len));
        (self.in_flight, self.in_flight_bytes) = held.fold((0, 0), count);
    }

    fn read(slot: SessionSlot, store: &mut Store, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut backlog = Self {
            cursor: r.u64()?,
            fresh: r.u64()?,
            limit: r.option(|r| Limit::read(r).map(Box::new))?,
            ..Self::default()
        };
        backlog.queue = Queue::starting_at(r.counter()?);
        let mut previous = Previous::default();
        for _ in 0..r.varint()? {
            let number = backlog.queue.next() + r.distance()?;
            backlog.queue.skip_to(number);
            let entry = read_entry(&mut previous, store, r)?;
            store.entered(&entry);
            backlog.bytes += u64::from(entry.body.len);
            backlog.queue.push(entry);
            if !entry.is_pushed() {
                backlog.waiting += 1;
                if let Some((replaced, watch)) = backlog.queue.watch(number, entry.expires()) {
                    replaced.into_iter().for_each(|replaced| store.unwatch(slot, replaced));
                    store.watch(slot, watch);
                }
            }
        }
        backlog.queue.skip_to(backlog.queue.next() + r.distance()?);
        if backlog.cursor.max(backlog.fresh) > backlog.queue.next() {
            return Err(DecodeError::Inconsistent("how far a queue has been handed over"));
        }
        backlog.count_in_flight();
        Ok(backlog)
    }
}

impl Limit {
    fn write(&self, out: &mut Vec<u8>) {
        out.varint(self.length);
        out.bool(self.reports);
        out.varint(self.revision);
        out.varint(self.heard.0);
        out.option(self.told, |out, told| {
            for number in [told.length, told.count, told.oldest.0, told.heard.0] {
                out.varint(number);
            }
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            length: r.varint()?,
            reports: r.bool()?,
            revision: r.varint()?,
            heard: Epoch(r.varint()?),
            told: r.option(|r| {
                let (length, count) = (r.varint()?, r.varint()?);
                Ok(Told { length, count, oldest: Timestamp(r.varint()?), heard: Epoch(r.varint()?) })
            })?,
        })
    }
}

/// Log indexes and arrivals mostly rise along a queue: written as the difference to those before.
#[derive(Clone, Copy, Default)]
struct Previous {
    index: u64,
    arrived: u32,
}

fn write_entry(entry: &QueueEntry, previous: Previous, store: &Store, out: &mut Vec<u8>) -> Previous {
    let (flags, expires, arrived) = entry.to_bits();
    let link = store.links.get(entry.link);
    out.varint(flags.into());
    out.varint(expires.into());
    let difference = entry.body.index.wrapping_sub(previous.index) as i64;
    out.varint(((difference << 1) ^ (difference >> 63)) as u64);
    out.varint(arrived.wrapping_sub(previous.arrived).into());
    out.varint(entry.body.offset.into());
    out.varint(entry.body.len.into());
    out.varint(link.subscription_ids.len() as u64);
    for id in &link.subscription_ids {
        out.u32(*id);
    }
    out.option(link.share.as_deref(), Write::text);
    Previous { index: entry.body.index, arrived }
}

fn read_entry(previous: &mut Previous, store: &mut Store, r: &mut Reader<'_>) -> Result<QueueEntry, DecodeError> {
    let flags = r.varint_u32()?;
    let expires = r.varint_u32()?;
    let difference = r.varint()?;
    let difference = (difference >> 1) as i64 ^ -((difference & 1) as i64);
    let index = previous.index.wrapping_add(difference as u64);
    let arrived = previous.arrived.wrapping_add(r.varint_u32()?);
    *previous = Previous { index, arrived };
    let body = BodyRef { index, offset: r.varint_u32()?, len: r.varint_u32()? };
    let mut ids = SubscriptionIds::new();
    for _ in 0..r.varint()? {
        ids.push(r.u32()?);
    }
    let share: Option<Arc<str>> = r.option(Reader::text)?.map(Arc::from);
    let link = store.links.add(&ids, share.as_ref());
    let entry = QueueEntry::from_bits(body, link, (flags, expires, arrived));
    if index == 0 && !entry.is_received() {
        return Err(DecodeError::Value(index, "the log index of a body"));
    }
    Ok(entry)
}
