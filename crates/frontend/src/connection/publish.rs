//! An incoming PUBLISH: checked, routed, acknowledged when what the acknowledgement promises holds.

use std::rc::Rc;

use mqtt::{Ack, AckKind, Delivery, PacketId, QoS, ReasonCode};
use partition::{
    Command, ExactlyOnce, Message, Origin, PartitionId, PartitionSet, Publish, Release, Scope, SessionKind, Tag,
    Timestamp,
};

use super::session::{Inbound, RequestKind, Session};
use super::{Connection, Flow};
use crate::fan_out::FanOut;
use crate::fault::Fault;
use crate::worker::Worker;

/// A PUBLISH whose topic is settled.
struct Incoming<'a> {
    topic: &'a str,
    delivery: Delivery,
    retain: bool,
    expires: Option<Timestamp>,
    properties: [&'a [u8]; 3],
    payload: &'a [u8],
}

impl Incoming<'_> {
    fn qos(&self) -> QoS {
        self.delivery.qos()
    }
}

impl Connection {
    pub(super) fn on_publish(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        publish: mqtt::Publish<'_>,
    ) -> Result<Flow, Fault> {
        let Some(session) = inbound.session.clone() else { return Err(Fault::NotConnect) };
        let by_alias;
        let topic = match publish.alias {
            Some(alias) if alias.get() > worker.limits.topic_alias_maximum => return Err(Fault::TopicAlias),
            Some(alias) if publish.topic.is_empty() => {
                by_alias = inbound.aliases.topic(alias).ok_or(Fault::TopicAlias)?;
                &*by_alias
            }
            _ => publish.topic,
        };
        let incoming = Incoming {
            topic,
            delivery: publish.delivery,
            retain: publish.retain,
            expires: worker.expires(publish.expiry),
            properties: publish.properties.slices(),
            payload: publish.payload,
        };
        if let Some(id) = incoming.delivery.id() {
            if self.is_repeated(worker, inbound, &incoming, id) {
                return Ok(Flow::Next);
            }
            if inbound.unacknowledged >= worker.limits.receive_maximum.get() {
                // Only MQTT 5 clients know our Receive Maximum; the others are slowed.
                return if inbound.version.is_v5() { Err(Fault::ReceiveMaximum) } else { Ok(Flow::Again) };
            }
        }
        let flow = self.route(worker, inbound, &session, &incoming);
        if flow == Flow::Next {
            if let Some(alias) = publish.alias.filter(|_| !publish.topic.is_empty()) {
                inbound.aliases.set(alias, publish.topic);
            }
            worker.counters.publishes_received.add(1);
            worker.counters.payload_bytes_received.add(publish.payload.len() as u64);
        }
        Ok(flow)
    }

    /// MQTT-4.3.3-10: a QoS 2 PUBLISH that was received and not yet released is acknowledged again, not routed again.
    fn is_repeated(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &Inbound,
        incoming: &Incoming<'_>,
        id: PacketId,
    ) -> bool {
        if incoming.qos() != QoS::ExactlyOnce {
            return false;
        }
        let received = inbound.received.contains(&id) || inbound.releases.iter().any(|(known, _)| *known == id);
        if received && !inbound.acks.contains(id) {
            self.with_writer(worker, |outbound, writer| {
                outbound.write_ack(AckKind::PubRec, id, ReasonCode::Success, writer);
            });
        }
        received
    }

    fn route(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        session: &Session,
        incoming: &Incoming<'_>,
    ) -> Flow {
        let qos = incoming.qos();
        let Some(permit) = worker.policy.publish(&session.principal, incoming.topic) else {
            worker.counters.authorization_deny.add(1);
            tracing::debug!(client_id = session.client_id(), topic = incoming.topic, "publish denied");
            // Before MQTT 5 there is no way to say so.
            let reason =
                if inbound.version.is_v5() { ReasonCode::NotAuthorized } else { ReasonCode::Success };
            self.acknowledge(worker, inbound, incoming.delivery, reason);
            return Flow::Next;
        };
        worker.counters.authorization_allow.add(1);
        let route = worker.route(incoming.topic);
        let resumable = qos == QoS::ExactlyOnce && session.kind == SessionKind::Persistent;
        let to_everyone = incoming.retain || resumable || inbound.fences[qos as usize] > 0;
        let logged = to_everyone || qos > QoS::AtMostOnce && route.resolved.needs_partition;
        if logged && worker.is_full(route.partition) {
            return Flow::Again;
        }
        if worker.pool.is_under_pressure() && qos > QoS::AtMostOnce && worker.would_wait(&route) {
            if !inbound.version.is_v5() {
                return Flow::Again;
            }
            worker.counters.rejected_memory.add(1);
            self.acknowledge(worker, inbound, incoming.delivery, ReasonCode::QuotaExceeded);
            return Flow::Next;
        }
        if resumable && !self.touch(worker, inbound, session, PartitionSet::default().with(route.partition)) {
            return Flow::Again;
        }
        if to_everyone {
            self.send_publish(worker, inbound, session, incoming, route.partition, Scope::Everyone);
            return Flow::Next;
        }
        let mut fan_out = FanOut::live(
            incoming.topic,
            incoming.properties,
            incoming.payload,
            incoming.expires,
            worker.now(),
        );
        let matched = worker.deliver(permit, &route, session.client_id(), qos, &mut fan_out);
        if logged {
            self.send_publish(worker, inbound, session, incoming, route.partition, Scope::Queues);
            return Flow::Next;
        }
        let reason = if matched { ReasonCode::Success } else { ReasonCode::NoMatchingSubscribers };
        self.acknowledge(worker, inbound, incoming.delivery, reason);
        Flow::Next
    }

    /// Hands the publish to its partition; the acknowledgement follows its answer.
    fn send_publish(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        session: &Session,
        incoming: &Incoming<'_>,
        partition: PartitionId,
        scope: Scope,
    ) {
        let qos = incoming.qos();
        let fence = scope == Scope::Everyone;
        let mut exactly_once = None;
        let tag = match incoming.delivery {
            Delivery::AtMostOnce => inbound.begin_request(1, RequestKind::Fence),
            Delivery::AtLeastOnce { id, .. } => inbound.acks.push_waiting(AckKind::PubAck, id, fence),
            Delivery::ExactlyOnce { id, .. } => {
                match session.kind {
                    SessionKind::Persistent => {
                        inbound.releases.push((id, partition));
                        exactly_once = Some(ExactlyOnce { packet_id: id, epoch: session.epoch });
                    }
                    SessionKind::Transient => {
                        inbound.received.insert(id);
                    }
                }
                inbound.acks.push_waiting(AckKind::PubRec, id, fence)
            }
        };
        if qos > QoS::AtMostOnce {
            inbound.unacknowledged += 1;
        }
        inbound.fences[qos as usize] += u32::from(fence);
        let publish = Publish {
            reply: Some((self.owner, tag)),
            origin: Origin::Client { client_id: session.client_id(), exactly_once },
            scope,
            message: Message {
                topic: incoming.topic,
                qos,
                retain: incoming.retain,
                expires: incoming.expires,
                properties: &[],
                payload: incoming.payload,
            },
        };
        worker.send_publish(partition, &publish, &incoming.properties);
    }

    /// Acknowledges a publish whose outcome is known.
    fn acknowledge(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        delivery: Delivery,
        reason: ReasonCode,
    ) {
        let (kind, id) = match delivery {
            Delivery::AtMostOnce => return,
            Delivery::AtLeastOnce { id, .. } => (AckKind::PubAck, id),
            Delivery::ExactlyOnce { id, .. } => (AckKind::PubRec, id),
        };
        let ends = kind == AckKind::PubAck || reason.is_error();
        if !ends {
            inbound.received.insert(id);
        }
        if inbound.acks.is_empty() {
            inbound.unacknowledged += u16::from(!ends);
            self.with_writer(worker, |outbound, writer| outbound.write_ack(kind, id, reason, writer));
        } else {
            inbound.unacknowledged += 1;
            inbound.acks.push_done(kind, id, reason);
        }
    }

    /// The partition's answer to a publish.
    pub(super) fn on_published(self: &Rc<Self>, worker: &Rc<Worker>, tag: Tag, reason: ReasonCode) {
        let mut inbound = self.inbound.borrow_mut();
        let inbound = &mut *inbound;
        if is_request(tag) {
            if let Some(RequestKind::Fence) = inbound.part_answered(tag, |_, _| {}) {
                inbound.fences[QoS::AtMostOnce as usize] -= 1;
            }
            return;
        }
        if let Some(fenced) = inbound.acks.resolve(tag, reason) {
            inbound.fences[fenced as usize] -= 1;
        }
        self.with_writer(worker, |outbound, writer| {
            while let Some((kind, id, reason)) = inbound.acks.pop() {
                if kind == AckKind::PubAck || reason.is_error() {
                    inbound.unacknowledged -= 1;
                }
                if reason.is_error() {
                    inbound.received.remove(&id);
                    inbound.releases.retain(|(known, _)| *known != id);
                }
                outbound.write_ack(kind, id, reason, writer);
            }
        });
    }

    /// PUBREL: MQTT-4.3.3-11.
    pub(super) fn on_release(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        ack: Ack,
    ) -> Result<Flow, Fault> {
        let Some(session) = inbound.session.clone() else { return Err(Fault::NotConnect) };
        let found = inbound.received.remove(&ack.id);
        if found || session.kind == SessionKind::Transient {
            inbound.unacknowledged -= u16::from(found);
            self.complete(worker, ack.id, found);
            return Ok(Flow::Next);
        }
        let known = inbound.releases.iter().find(|(id, _)| *id == ack.id).map(|(_, partition)| *partition);
        // After a resumption it is not known which topic it was: every home is asked that may have it.
        let homes = known.map_or(session.touched.get(), |partition| PartitionSet::default().with(partition));
        if homes.is_empty() {
            self.complete(worker, ack.id, false);
            return Ok(Flow::Next);
        }
        let kind = RequestKind::Release { id: ack.id, found: false };
        let tag = inbound.begin_request(homes.iter().count(), kind);
        for partition in homes.iter() {
            worker.send(
                partition,
                &Command::Release(Release {
                    owner: self.owner,
                    tag,
                    client_id: session.client_id(),
                    epoch: session.epoch,
                    packet_id: ack.id,
                }),
            );
        }
        Ok(Flow::Next)
    }

    pub(super) fn on_released(self: &Rc<Self>, worker: &Rc<Worker>, tag: Tag, found_here: bool) {
        let mut inbound = self.inbound.borrow_mut();
        let answered = inbound.part_answered(tag, |kind, _| {
            if let RequestKind::Release { found, .. } = kind {
                *found |= found_here;
            }
        });
        if let Some(RequestKind::Release { id, found }) = answered {
            let before = inbound.releases.len();
            inbound.releases.retain(|(known, _)| *known != id);
            // What an earlier connection of this session received, this one has not counted.
            let counted = inbound.releases.len() < before;
            inbound.unacknowledged -= u16::from(counted);
            self.complete(worker, id, found);
        }
    }

    fn complete(self: &Rc<Self>, worker: &Rc<Worker>, id: PacketId, found: bool) {
        let reason = if found { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        self.with_writer(worker, |outbound, writer| outbound.write_ack(AckKind::PubComp, id, reason, writer));
        self.resume();
    }
}

fn is_request(tag: Tag) -> bool {
    tag.0 & crate::pending_acks::REQUEST_TAG != 0
}
