//! SUBSCRIBE and UNSUBSCRIBE: permitted, registered at the topic homes, acknowledged when all have answered.

use std::rc::Rc;

use mqtt::{PacketId, ReasonCode, RetainHandling};
use partition::{
    Command, PartitionId, PartitionSet, QueueLimit, Subscribe, SubscriptionOptions, Tag, Touch, Unsubscribe,
};

use super::session::{Inbound, RequestKind, Session, part_tag};
use super::{Connection, Flow};
use crate::fault::Fault;
use crate::worker::Worker;

impl Connection {
    pub(super) fn on_subscribe(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        subscribe: mqtt::Subscribe,
    ) -> Result<Flow, Fault> {
        let Some(session) = inbound.session.clone() else { return Err(Fault::NotConnect) };
        let homes: Vec<PartitionSet> =
            subscribe.filters.iter().map(|(filter, _)| worker.slots.homes_of_filter(filter)).collect();
        let all = homes.iter().fold(PartitionSet::default(), |set, homes| set.union(*homes));
        if !self.touch(worker, inbound, &session, all) {
            return Ok(Flow::Again);
        }
        let permitted: Vec<bool> = subscribe
            .filters
            .iter()
            .map(|(filter, _)| worker.policy.subscribe(&session.principal, filter).is_some())
            .collect();
        let codes: Vec<ReasonCode> = permitted
            .iter()
            .zip(&subscribe.filters)
            .map(|(ok, (_, options))| if *ok { ReasonCode::granted(options.qos) } else { ReasonCode::NotAuthorized })
            .collect();
        let parts = permitted.iter().zip(&homes).filter(|(ok, _)| **ok).map(|(_, homes)| homes.iter().count()).sum();
        if parts == 0 {
            self.write_suback(worker, subscribe.id, &codes);
            return Ok(Flow::Next);
        }
        let partitions = session.touched.get().iter().count() as u16;
        let queue_limit = QueueLimit { length: worker.limits.queue_length, partitions };
        let sys = sys_filters(&subscribe, &permitted);
        let request = inbound.begin_request(parts, RequestKind::Subscribe { id: subscribe.id, codes, sys });
        for (number, (filter, options)) in subscribe.filters.iter().enumerate() {
            if !permitted[number] {
                worker.counters.authorization_deny.add(1);
                continue;
            }
            worker.counters.authorization_allow.add(1);
            let command = Command::Subscribe(Subscribe {
                owner: self.owner,
                tag: part_tag(request, number as u16),
                client_id: session.client_id(),
                epoch: session.epoch,
                kind: session.kind,
                window: session.window,
                queue_limit,
                filter,
                options: SubscriptionOptions {
                    qos: options.qos,
                    no_local: options.no_local,
                    retain_as_published: options.retain_as_published,
                    retain_handling: options.retain_handling,
                    identifier: subscribe.identifier,
                },
            });
            for partition in homes[number].iter() {
                worker.send(partition, &command);
            }
        }
        Ok(Flow::Next)
    }

    pub(super) fn on_subscribed(self: &Rc<Self>, worker: &Rc<Worker>, tag: Tag) {
        let answered = self.inbound.borrow_mut().part_answered(tag, |_, _| {});
        if let Some(RequestKind::Subscribe { id, codes, sys }) = answered {
            self.write_suback(worker, id, &codes);
            for filter in sys {
                worker.send_sys(self, &filter);
            }
        }
    }

    fn write_suback(self: &Rc<Self>, worker: &Worker, id: PacketId, codes: &[ReasonCode]) {
        self.with_writer(worker, |outbound, writer| {
            mqtt::encode::suback(outbound.outbox.buffer(writer.spares), outbound.version, id, codes, None);
            writer.counters.packets_sent.add(1);
        });
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
        let codes = vec![ReasonCode::NoSubscriptionExisted; unsubscribe.filters.len()];
        let parts: usize = homes.iter().map(|homes| homes.iter().count()).sum();
        if parts == 0 {
            self.write_unsuback(worker, unsubscribe.id, &codes);
            return Ok(Flow::Next);
        }
        let request = inbound.begin_request(parts, RequestKind::Unsubscribe { id: unsubscribe.id, codes });
        for (number, filter) in unsubscribe.filters.iter().enumerate() {
            let command = Command::Unsubscribe(Unsubscribe {
                owner: self.owner,
                tag: part_tag(request, number as u16),
                client_id: session.client_id(),
                epoch: session.epoch,
                filter,
            });
            for partition in homes[number].iter() {
                worker.send(partition, &command);
            }
        }
        Ok(Flow::Next)
    }

    pub(super) fn on_unsubscribed(self: &Rc<Self>, worker: &Rc<Worker>, tag: Tag, existed: bool) {
        let answered = self.inbound.borrow_mut().part_answered(tag, |kind, part| {
            if let RequestKind::Unsubscribe { codes, .. } = kind
                && let Some(code) = codes.get_mut(usize::from(part)).filter(|_| existed)
            {
                *code = ReasonCode::Success;
            }
        });
        if let Some(RequestKind::Unsubscribe { id, codes }) = answered {
            self.write_unsuback(worker, id, &codes);
        }
    }

    fn write_unsuback(self: &Rc<Self>, worker: &Worker, id: PacketId, codes: &[ReasonCode]) {
        self.with_writer(worker, |outbound, writer| {
            mqtt::encode::unsuback(outbound.outbox.buffer(writer.spares), outbound.version, id, codes, None);
            writer.counters.packets_sent.add(1);
        });
    }

    /// Has the session home note that the session gets something in `partitions`, before it does. False: it has to be
    /// waited for; the packet is looked at again.
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
        // What goes to the home itself comes after the note in the same log, so there is nothing to wait for.
        let at_once = missing == PartitionSet::default().with(session.home);
        let tag = inbound.begin_request(1, RequestKind::Touch { partitions: missing });
        worker.send(
            session.home,
            &Command::Touch(Touch {
                owner: self.owner,
                tag,
                client_id: session.client_id(),
                epoch: session.epoch,
                partitions: missing,
            }),
        );
        if at_once {
            session.touched.set(session.touched.get().union(missing));
        } else {
            inbound.touching = true;
        }
        at_once
    }

    pub(super) fn on_touched(self: &Rc<Self>, tag: Tag) {
        let mut inbound = self.inbound.borrow_mut();
        let answered = inbound.part_answered(tag, |_, _| {});
        if let (Some(RequestKind::Touch { partitions }), Some(session)) = (answered, inbound.session.as_ref()) {
            session.touched.set(session.touched.get().union(partitions));
            inbound.touching = false;
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

/// The filters that the broker's own values may match, unless no retained messages are wanted.
fn sys_filters(subscribe: &mqtt::Subscribe, permitted: &[bool]) -> Vec<String> {
    let wanted = subscribe.filters.iter().zip(permitted).filter(|((filter, options), permitted)| {
        **permitted && filter.starts_with("$SYS") && options.retain_handling != RetainHandling::DoNotSend
    });
    wanted.map(|((filter, _), _)| filter.clone()).collect()
}
