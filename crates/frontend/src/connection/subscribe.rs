//! SUBSCRIBE and UNSUBSCRIBE: permitted, registered at the topic homes, acknowledged when all have answered.

use std::rc::Rc;

use auth::{SubscribePermit, Wanted};
use mqtt::{PacketId, ReasonCode};
use partition::{PartitionId, PartitionSet, QueueLimit, Subscribe, SubscriptionOptions, Tag, Touch, Unsubscribe};

use super::session::{Inbound, MAX_PARTS, RequestKind, Session, SysFilter, part_tag};
use super::{Connection, Flow};
use crate::fault::Fault;
use crate::routing::BUSY_BYTES;
use crate::spans::Operation;
use crate::sys::SYS;
use crate::worker::Worker;

/// The most that one SUBSCRIBE or UNSUBSCRIBE may make the partitions be told.
const COMMANDS_BYTES: usize = 16 * 1024 * 1024;

/// Reads of retained messages that may wait for the client; each is one filter at one partition.
const MAX_READS: usize = 1024;

impl Connection {
    pub(super) fn on_subscribe(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        subscribe: mqtt::Subscribe,
    ) -> Result<Flow, Fault> {
        let Some(session) = inbound.session.clone() else { return Err(Fault::NotConnect) };
        if subscribe.filters.len() > MAX_PARTS {
            return Err(Fault::TooManyFilters);
        }
        let homes: Vec<PartitionSet> =
            subscribe.filters.iter().map(|(filter, _)| worker.slots.homes_of_filter(filter)).collect();
        let all = homes.iter().fold(PartitionSet::default(), |set, homes| set.union(*homes));
        if inbound.has_many_requests() || all.iter().any(|home| worker.is_full(home)) {
            return Ok(Flow::Again);
        }
        let names = subscribe.filters.iter().map(|(filter, _)| filter.as_str());
        if commands_bytes(&session, names.zip(&homes)) > COMMANDS_BYTES || self.must_not_get_more(worker) {
            let codes = vec![ReasonCode::QuotaExceeded; subscribe.filters.len()];
            self.write_suback(worker, inbound, subscribe.id, &codes)?;
            return Ok(Flow::Next);
        }
        if !self.touch(worker, inbound, &session, all) {
            return Ok(Flow::Again);
        }
        let permits = self.permits(worker, &session, &subscribe);
        let codes: Vec<ReasonCode> = permits
            .iter()
            .zip(&subscribe.filters)
            .map(|(permit, (_, options))| match permit {
                Some(_) => ReasonCode::granted(options.qos),
                None => ReasonCode::NotAuthorized,
            })
            .collect();
        let permitted = permits.iter().zip(&homes).filter(|(permit, _)| permit.is_some());
        let parts = permitted.map(|(_, homes)| homes.iter().count()).sum();
        if parts == 0 {
            self.write_suback(worker, inbound, subscribe.id, &codes)?;
            return Ok(Flow::Next);
        }
        let sys = sys_filters(&subscribe, &permits);
        let kind = RequestKind::Subscribe { id: subscribe.id, codes, sys, identifier: subscribe.identifier };
        let request = inbound.begin_request(parts, kind);
        for (number, (permit, (_, options))) in permits.iter().zip(&subscribe.filters).enumerate() {
            let Some(permit) = permit else { continue };
            let options = SubscriptionOptions {
                qos: options.qos,
                no_local: options.no_local,
                retain_as_published: options.retain_as_published,
                retain_handling: options.retain_handling,
                identifier: subscribe.identifier,
            };
            let registration = self.registration(&session, part_tag(request, number as u16), options);
            for home in homes[number].iter() {
                worker.send_subscribe(home, *permit, registration.clone());
            }
        }
        inbound.held = true;
        Ok(Flow::Stop)
    }

    /// By filter.
    fn permits<'s>(
        &self,
        worker: &Worker,
        session: &Session,
        subscribe: &'s mqtt::Subscribe,
    ) -> Vec<Option<SubscribePermit<'s>>> {
        let grant = session.grant.borrow();
        let permits = subscribe.filters.iter().map(|(filter, _)| {
            let permit = grant.rights.subscribe(filter);
            if permit.is_some() {
                session.category.authorization_allow.add(1);
            } else {
                session.category.authorization_deny.add(1);
                tracing::debug!(client_id = session.client_id(), filter, "subscription denied");
                let wanted = Wanted::Subscribe(filter.as_str().into());
                self.report(worker, &session.principal, wanted, "no rule allows all that it matches");
            }
            permit
        });
        permits.collect()
    }

    /// What a topic home is told, but for the filter.
    fn registration<'s>(&self, session: &'s Session, tag: Tag, options: SubscriptionOptions) -> Subscribe<'s> {
        Subscribe {
            owner: self.owner,
            tag,
            client_id: session.client_id(),
            epoch: session.epoch,
            kind: session.kind,
            window: session.window,
            queue_limit: QueueLimit { length: session.queue_length },
            filter: "",
            options,
        }
    }

    pub(super) fn on_subscribed(self: &Rc<Self>, worker: &Rc<Worker>, tag: Tag, existed: bool) {
        let mut inbound = self.inbound.borrow_mut();
        let answered = inbound.part_answered(tag, |kind, part| {
            if let RequestKind::Subscribe { sys, .. } = kind {
                // MQTT-3.3.1-10.
                sys.iter_mut().filter(|sys| sys.part == part).for_each(|sys| sys.existed |= existed);
            }
        });
        if let Some(RequestKind::Subscribe { id, codes, sys, identifier }) = answered {
            inbound.held = false;
            if let Err(fault) = self.write_suback(worker, &mut inbound, id, &codes) {
                return self.fail(worker, &mut inbound, fault);
            }
            drop(inbound);
            for sys in sys {
                if sys.wants_current() {
                    worker.send_sys(self, &sys.filter, identifier);
                }
                self.watch_sys(worker, &sys.filter, identifier);
            }
            self.resume();
        }
    }

    fn write_suback(
        self: &Rc<Self>,
        worker: &Worker,
        inbound: &mut Inbound,
        id: PacketId,
        codes: &[ReasonCode],
    ) -> Result<(), Fault> {
        inbound.end_span(worker, Operation::Subscribe, Some(id), worst(codes));
        self.with_writer(worker, |outbound, writer| {
            if !outbound.may_send_codes(codes.len()) {
                return Err(Fault::AnswerTooLarge);
            }
            mqtt::encode::suback(outbound.outbox.buffer(writer.spares), outbound.version, id, codes, None);
            writer.counters.packets_sent.add(1);
            Ok(())
        })
    }

    /// Whether so much waits for the client that retained messages may not be added to it.
    fn must_not_get_more(&self, worker: &Worker) -> bool {
        let is_busy = || self.outbound.borrow().backlog() > BUSY_BYTES;
        self.reads.borrow().len() > MAX_READS || worker.pool.is_under_pressure() && is_busy()
    }

    pub(super) fn on_unsubscribe(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        unsubscribe: mqtt::Unsubscribe,
    ) -> Result<Flow, Fault> {
        let Some(session) = inbound.session.clone() else { return Err(Fault::NotConnect) };
        let touched = session.touched.get();
        let homes: Vec<PartitionSet> = unsubscribe
            .filters
            .iter()
            .map(|filter| worker.slots.homes_of_filter(filter).intersection(touched))
            .collect();
        let all = homes.iter().fold(PartitionSet::default(), |set, homes| set.union(*homes));
        if inbound.has_many_requests() || all.iter().any(|home| worker.is_full(home)) {
            return Ok(Flow::Again);
        }
        let names = unsubscribe.filters.iter().map(String::as_str);
        if unsubscribe.filters.len() > MAX_PARTS || commands_bytes(&session, names.zip(&homes)) > COMMANDS_BYTES {
            return Err(Fault::TooManyFilters);
        }
        unsubscribe.filters.iter().for_each(|filter| self.unwatch_sys(filter));
        let codes = vec![ReasonCode::NoSubscriptionExisted; unsubscribe.filters.len()];
        let parts: usize = homes.iter().map(|homes| homes.iter().count()).sum();
        if parts == 0 {
            self.write_unsuback(worker, inbound, unsubscribe.id, &codes)?;
            return Ok(Flow::Next);
        }
        let request = inbound.begin_request(parts, RequestKind::Unsubscribe { id: unsubscribe.id, codes });
        for (number, filter) in unsubscribe.filters.iter().enumerate() {
            let command = Unsubscribe {
                owner: self.owner,
                tag: part_tag(request, number as u16),
                client_id: session.client_id(),
                epoch: session.epoch,
                filter,
            };
            for partition in homes[number].iter() {
                worker.send(partition, command.clone());
            }
        }
        Ok(Flow::Next)
    }

    pub(super) fn on_unsubscribed(self: &Rc<Self>, worker: &Rc<Worker>, tag: Tag, existed: bool) {
        let mut inbound = self.inbound.borrow_mut();
        let answered = inbound.part_answered(tag, |kind, part| {
            if let RequestKind::Unsubscribe { codes, .. } = kind
                && let Some(code) = codes.get_mut(usize::from(part)).filter(|_| existed)
            {
                *code = ReasonCode::Success;
            }
        });
        if let Some(RequestKind::Unsubscribe { id, codes }) = answered
            && let Err(fault) = self.write_unsuback(worker, &mut inbound, id, &codes)
        {
            self.fail(worker, &mut inbound, fault);
        }
    }

    fn write_unsuback(
        self: &Rc<Self>,
        worker: &Worker,
        inbound: &mut Inbound,
        id: PacketId,
        codes: &[ReasonCode],
    ) -> Result<(), Fault> {
        inbound.end_span(worker, Operation::Unsubscribe, Some(id), worst(codes));
        self.with_writer(worker, |outbound, writer| {
            if !outbound.may_send_codes(codes.len()) {
                return Err(Fault::AnswerTooLarge);
            }
            mqtt::encode::unsuback(outbound.outbox.buffer(writer.spares), outbound.version, id, codes, None);
            writer.counters.packets_sent.add(1);
            Ok(())
        })
    }

    /// Has the session home note that the session gets something in `partitions`, before it does. False: it has to be
    /// waited for; the packet is looked at again.
    ///
    /// Also where the session's home is the only one, and has it in its log right behind the note: the note may be refused,
    /// because another connection has taken the session over, and what follows would then be where nobody looks for it.
    pub(super) fn touch(
        self: &Rc<Self>,
        worker: &Worker,
        inbound: &mut Inbound,
        session: &Session,
        partitions: PartitionSet,
    ) -> bool {
        let missing = partitions.without(session.touched.get());
        if missing.is_empty() {
            return true;
        }
        let tag = inbound.begin_request(1, RequestKind::Touch { partitions: missing });
        worker.send(
            session.home,
            Touch { owner: self.owner, tag, client_id: session.client_id(), epoch: session.epoch, partitions: missing },
        );
        inbound.held = true;
        false
    }

    pub(super) fn on_touched(self: &Rc<Self>, tag: Tag) {
        let mut inbound = self.inbound.borrow_mut();
        let answered = inbound.part_answered(tag, |_, _| {});
        if let (Some(RequestKind::Touch { partitions }), Some(session)) = (answered, inbound.session.as_ref()) {
            session.touched.set(session.touched.get().union(partitions));
            inbound.held = false;
        }
        drop(inbound);
        self.resume();
    }

    /// Goes on with reads of retained messages, now that the client has taken what was read before.
    pub(super) fn read_more_retained(&self, worker: &Worker) {
        for (partition, command) in self.reads.borrow_mut().drain(..) {
            worker.send_encoded(partition, &command);
        }
    }

    pub(super) fn keep_read(&self, from: PartitionId, command: Box<[u8]>) {
        self.reads.borrow_mut().push((from, command));
    }
}

/// About what the partitions are told for these filters, in bytes: the client id stands in every command, so a small
/// packet can ask for much.
fn commands_bytes<'a>(session: &Session, filters: impl Iterator<Item = (&'a str, &'a PartitionSet)>) -> usize {
    const FIXED_FIELDS: usize = 64;
    let each = session.client_id().len() + FIXED_FIELDS;
    filters.map(|(filter, homes)| homes.iter().count() * (each + filter.len())).sum()
}

/// The filters that the broker's own values may match.
fn sys_filters(subscribe: &mqtt::Subscribe, permits: &[Option<SubscribePermit<'_>>]) -> Vec<SysFilter> {
    let filters = subscribe.filters.iter().zip(permits).enumerate();
    let wanted = filters.filter(|(_, ((filter, _), permit))| permit.is_some() && filter.starts_with(SYS));
    // More parts than their number can say end the connection.
    let numbered = wanted.filter_map(|(part, ((filter, options), _))| {
        let part = u16::try_from(part).ok()?;
        Some(SysFilter { part, filter: filter.clone(), retain_handling: options.retain_handling, existed: false })
    });
    numbered.collect()
}

/// What an acknowledgement of several says in one code: an error if there is any.
fn worst(codes: &[ReasonCode]) -> ReasonCode {
    codes.iter().copied().max_by_key(|code| *code as u8).unwrap_or_default()
}
