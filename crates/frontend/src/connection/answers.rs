//! What partitions answer to a connection.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use mqtt::{QoS, ReasonCode};
use partition::{Answer, Delivery, Direct, Message, PartitionId, Passed, Reply, SessionSlot};

use super::Connection;
use crate::fan_out::{Encoded, FanOut, Manner};
use crate::fault::Fault;
use crate::outbound::{Delivered, EntryRef, Told};
use crate::pending_acks::FENCE_TAG;
use crate::routing::BUSY_BYTES;
use crate::worker::Worker;

impl Connection {
    pub fn on_answer(self: &Rc<Self>, worker: &Rc<Worker>, answer: Answer) {
        let from = answer.from;
        let body = |place: usize| answer.bodies.get(place);
        if self.is_ending() {
            // MQTT-3.14.4-1: nothing may follow DISCONNECT. A shared message is somebody else's.
            if let (Reply::Direct(direct), Some(body)) = (&answer.reply, body(0)) {
                self.on_direct(worker, direct, body);
            }
            return;
        }
        match &answer.reply {
            Reply::Opened(opened) => self.on_opened(worker, opened),
            Reply::Kick { epoch } => {
                if self.epoch() == Some(*epoch) {
                    self.kick(worker, Fault::TakenOver);
                }
            }
            Reply::Refused { epoch, .. } => {
                if self.epoch() == Some(*epoch) {
                    self.kick(worker, Fault::TakenOver);
                }
            }
            Reply::Touched { tag } => self.on_touched(*tag),
            Reply::Attached { .. } => self.outbound.borrow_mut().fullness.is_noted(from),
            Reply::Subscribed { tag, existed } => self.on_subscribed(worker, *tag, *existed),
            Reply::Subscriptions { filters, more, .. } => {
                self.on_subscriptions(worker, from, filters, more.as_deref());
            }
            Reply::Unsubscribed { tag, existed } => self.on_unsubscribed(worker, *tag, *existed),
            Reply::Published { tag, matched } => {
                let reason = if *matched { ReasonCode::Success } else { ReasonCode::NoMatchingSubscribers };
                self.on_published(worker, *tag, reason);
                self.resume();
            }
            Reply::Rejected { tag } => self.on_rejected(worker, from, *tag, body(0)),
            Reply::Released { tag, found } => self.on_released(worker, *tag, *found),
            Reply::Deliver(delivery) => {
                if let Some(body) = body(0) {
                    self.on_deliver(worker, from, delivery, body);
                }
            }
            Reply::Received { session, entry, packet_id } => {
                self.on_entry_received(worker, from, *session, *entry, *packet_id);
            }
            Reply::Direct(direct) => {
                if let Some(body) = body(0)
                    && !self.gives_back(worker, from, direct, body)
                {
                    self.on_direct(worker, direct, body);
                }
            }
            Reply::Retained { messages, more, .. } => {
                for (direct, body) in messages.iter().zip(&answer.bodies) {
                    self.on_direct(worker, direct, body);
                }
                if let Some(more) = more {
                    self.keep_read(from, more.clone());
                    self.with_writer(worker, |_, _| {});
                }
            }
        }
    }

    fn on_deliver(self: &Rc<Self>, worker: &Rc<Worker>, from: PartitionId, delivery: &Delivery, body: &Bytes) {
        if self.epoch().is_none() {
            return;
        }
        let denied = || Message::parse(body).is_ok_and(|message| !self.takes(worker, message.topic));
        let delivered = if self.is_guarded.get() && denied() {
            Delivered::Dropped
        } else {
            self.with_writer(worker, |outbound, writer| outbound.deliver_entry(from, delivery, body, writer))
        };
        if delivered == Delivered::Dropped {
            let entry = EntryRef { partition: from, session: delivery.session, entry: delivery.entry };
            self.tell(worker, &[Told { entry, step: partition::Step::Done }]);
        }
    }

    fn on_entry_received(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        partition: PartitionId,
        session: SessionSlot,
        entry: u64,
        packet_id: mqtt::PacketId,
    ) {
        let entry = EntryRef { partition, session, entry };
        self.with_writer(worker, |outbound, writer| outbound.release(entry, packet_id, writer));
    }

    /// A message that a partition has matched and does not keep for this client.
    pub fn on_direct(self: &Rc<Self>, worker: &Rc<Worker>, direct: &Direct, body: &Bytes) {
        let manner = Manner { qos: direct.qos, retain: direct.retain, subscription_ids: &direct.subscription_ids };
        self.on_message(worker, manner, direct.share.as_ref(), Encoded::of(body));
    }

    /// The same of a message that lies in `within` still.
    pub fn on_passed(self: &Rc<Self>, worker: &Rc<Worker>, passed: &Passed<'_>, within: &Bytes) {
        let manner = Manner { qos: passed.qos, retain: passed.retain, subscription_ids: &passed.subscription_ids };
        self.on_message(worker, manner, None, Encoded { body: passed.body, within });
    }

    fn on_message(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        manner: Manner<'_>,
        share: Option<&Arc<str>>,
        encoded: Encoded<'_>,
    ) {
        let Ok(message) = Message::parse(encoded.body) else { return };
        let trace = if manner.retain { None } else { worker.tracer.trace_of(&[message.properties]) };
        let mut fan_out = FanOut::kept(&message, encoded, worker.now());
        fan_out.trace = trace.as_ref();
        if fan_out.is_expired() {
            return;
        }
        if !self.takes(worker, message.topic) {
            let session = self.session();
            let from = session.as_ref().map(|session| session.client_id());
            worker.redeliver(share, manner.qos, &encoded.owned(), from);
            return;
        }
        self.with_writer(worker, |outbound, writer| outbound.deliver(&mut fan_out, manner, share, writer));
        if worker.lanes.is_some() && manner.qos > QoS::AtMostOnce && self.holds_up(worker) {
            self.kick(worker, Fault::TooSlow);
        }
    }

    /// A message of QoS 0 has come from a backend that was replaced meanwhile, and is not delivered.
    pub fn on_late_qos0(&self) {
        self.outbound.borrow().category.qos0_dropped_outgoing.add(1);
    }

    /// Whether memory is short and the client is among those who make it so. Publishers that add to what waits for it may
    /// be at any frontend, where that is not known.
    fn holds_up(&self, worker: &Worker) -> bool {
        worker.pool.is_under_pressure() && self.outbound.borrow().backlog() > BUSY_BYTES
    }

    /// The disk is full: MQTT 5 clients are told, the others wait with what they have sent.
    fn on_rejected(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        from: PartitionId,
        tag: partition::Tag,
        command: Option<&Bytes>,
    ) {
        worker.counters.rejected_disk.add(1);
        if tag == FENCE_TAG {
            // QoS 0: nobody waits for it, and what is lost need not be held.
            self.outbound.borrow().category.qos0_dropped_incoming.add(1);
        }
        if tag == FENCE_TAG || self.version().is_v5() {
            self.on_published(worker, tag, ReasonCode::QuotaExceeded);
            self.resume();
        } else if let Some(command) = command {
            self.inbound.borrow_mut().refused.push((from, Box::from(&command[..])));
            worker.retry_later(self);
        }
    }

    /// Whether nobody has said yet what became of a publish, of this tag and in this form.
    pub fn waits_for(&self, tag: partition::Tag, command: &[u8]) -> bool {
        let inbound = self.inbound.borrow();
        let is_refused = || inbound.refused.iter().any(|(_, refused)| **refused == *command);
        !self.is_ending() && inbound.acks.waits_for(tag) && !is_refused()
    }

    /// Sends again, in their order, the publishes that a full disk refused.
    pub fn retry_refused(self: &Rc<Self>, worker: &Rc<Worker>) {
        let refused = std::mem::take(&mut self.inbound.borrow_mut().refused);
        if self.is_ending() {
            // Never acknowledged: the client sends them again.
            return;
        }
        for (partition, command) in refused {
            worker.send_encoded(partition, &command);
        }
        self.resume();
    }
}
