//! An incoming PUBLISH: checked, routed, acknowledged when what the acknowledgement promises holds.

use std::rc::Rc;

use auth::authorization::DeniedPublish;
use auth::{Denied, PublishPermit, Wanted};
use mqtt::{AckKind, Delivery, PacketId, QoS, ReasonCode};
use partition::{ExactlyOnce, Message, Origin, PartitionId, PartitionSet, Publish, Scope, SessionKind, Tag, Timestamp};

use super::session::{Inbound, Session};
use super::{Connection, Flow};
use crate::fan_out::FanOut;
use crate::fault::Fault;
use crate::pending_acks::FENCE_TAG;
use crate::spans::{Operation, TraceParent, Traced};
use crate::worker::Worker;

/// Seconds for which a client of before MQTT 5, which cannot be told, is not read from because memory is short while it
/// is itself among those that have not taken what waits for them.
const SLOWED_AT_MOST_S: u64 = 30;

/// A PUBLISH whose topic is settled.
struct Incoming<'a> {
    topic: &'a str,
    delivery: Delivery,
    retain: bool,
    expires: Option<Timestamp>,
    properties: [&'a [u8]; 3],
    payload: &'a [u8],
    trace: Option<&'a TraceParent>,
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
            Some(alias) if alias.get() > inbound.limits.topic_alias_maximum => return Err(Fault::TopicAlias),
            Some(alias) if publish.topic.is_empty() => {
                by_alias = inbound.aliases.topic(alias).ok_or(Fault::UnsetTopicAlias)?;
                &*by_alias
            }
            _ => publish.topic,
        };
        let mut incoming = Incoming {
            topic,
            delivery: publish.delivery,
            retain: publish.retain,
            expires: inbound.limits.expires(publish.expiry, worker.now()),
            properties: publish.properties.slices(),
            payload: publish.payload,
            trace: None,
        };
        let trace;
        if !publish.properties.is_empty() {
            trace = worker.tracer.trace_of(&incoming.properties);
            incoming.trace = trace.as_ref();
        }
        if let Some(id) = incoming.delivery.id() {
            if self.is_repeated(worker, inbound, &incoming, id) {
                // The client counts on the alias from here on, sent again or not.
                inbound.learn_alias(&publish);
                return Ok(Flow::Next);
            }
            let limit = inbound.limits.receive_maximum.get();
            if inbound.version.is_v5() && inbound.unacknowledged() >= usize::from(limit) {
                return Err(Fault::ReceiveMaximum);
            }
            // Before MQTT 5 a client does not know our Receive Maximum: it is slowed while that many wait for us.
            if inbound.acks.len() >= usize::from(limit) {
                return Ok(Flow::Again);
            }
        }
        if let Some(trace) = incoming.trace {
            inbound.begin_publish_span(worker, trace, &incoming);
        }
        let flow = self.route(worker, inbound, &session, &incoming)?;
        if flow == Flow::Next {
            inbound.slowed_since_s = None;
            inbound.learn_alias(&publish);
            session.category.publishes_received.add(1);
            session.category.payload_bytes_received.add(publish.payload.len() as u64);
            if incoming.trace.is_some() {
                // That of another QoS ends with its acknowledgement.
                inbound.end_span(worker, Operation::Publish, None, ReasonCode::Success);
            }
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
        let reception = inbound.receptions.get(id);
        if reception.is_some_and(|reception| reception.told) {
            self.with_writer(worker, |outbound, writer| {
                outbound.write_ack(AckKind::PubRec, id, ReasonCode::Success, writer);
            });
        }
        reception.is_some()
    }

    fn route(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        session: &Session,
        incoming: &Incoming<'_>,
    ) -> Result<Flow, Fault> {
        let qos = incoming.qos();
        let decided = session.grant.borrow_mut().rights.publish(incoming.topic);
        let permit = match decided {
            Ok(permit) => permit,
            Err(denied) => return self.on_denied_publish(worker, inbound, session, incoming, denied),
        };
        session.category.authorization_allow.add(1);
        if worker.lanes.is_some() {
            return Ok(self.route_far(worker, inbound, session, incoming, permit));
        }
        let route = worker.route(permit);
        let resumable = qos == QoS::ExactlyOnce && session.kind == SessionKind::Persistent;
        let to_everyone = incoming.retain || resumable || inbound.fences[qos as usize] > 0;
        let logged = to_everyone || qos > QoS::AtMostOnce && route.resolved.needs_partition;
        // What a full disk has refused goes first (MQTT-4.6.0-5).
        if logged && (worker.is_full(route.partition) || !inbound.refused.is_empty()) {
            return Ok(Flow::Again);
        }
        if worker.pool.is_under_pressure() && qos > QoS::AtMostOnce && worker.would_wait(&route) {
            if !inbound.version.is_v5() {
                // Not for ever if the client itself is in debt: its acknowledgements, which would free memory, may stand
                // behind this packet, where we do not read them.
                let since = *inbound.slowed_since_s.get_or_insert(worker.now_s());
                let is_in_debt = self.outbound.borrow().backlog() > 0;
                let patient = !is_in_debt || worker.now_s() < since + SLOWED_AT_MOST_S;
                return if patient { Ok(Flow::Again) } else { Err(Fault::Memory) };
            }
            worker.counters.rejected_memory.add(1);
            self.acknowledge(worker, inbound, incoming.delivery, ReasonCode::QuotaExceeded);
            return Ok(Flow::Next);
        }
        if resumable && !self.touch(worker, inbound, session, PartitionSet::default().with(route.partition)) {
            return Ok(Flow::Again);
        }
        if to_everyone {
            self.send_publish(worker, inbound, session, incoming, (permit, route.partition, Scope::Everyone));
            return Ok(Flow::Next);
        }
        let mut fan_out = FanOut::live(permit, incoming.properties, incoming.payload, incoming.expires, worker.now());
        fan_out.trace = incoming.trace;
        let gathered = worker.gathered.borrow();
        if !gathered.is_empty() {
            fan_out.lies_in(&gathered);
        }
        drop(gathered);
        let matched = worker.deliver(&route, session.client_id(), qos, &mut fan_out);
        if logged {
            self.send_publish(worker, inbound, session, incoming, (permit, route.partition, Scope::Queues));
            return Ok(Flow::Next);
        }
        let reason = if matched { ReasonCode::Success } else { ReasonCode::NoMatchingSubscribers };
        self.acknowledge(worker, inbound, incoming.delivery, reason);
        Ok(Flow::Next)
    }

    /// The topic home is in another process: it finds the receivers. What is for it leaves in order, so nothing is fenced.
    fn route_far(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        session: &Session,
        incoming: &Incoming<'_>,
        permit: PublishPermit<'_>,
    ) -> Flow {
        let (qos, home) = (incoming.qos(), worker.home_of_topic(incoming.topic));
        let may_be_lost = qos == QoS::AtMostOnce && !incoming.retain;
        if worker.is_full(home) {
            if may_be_lost && !worker.is_reached(home) {
                // Nobody knows how long that takes, and the client may have something for other partitions.
                session.category.qos0_dropped_incoming.add(1);
                return Flow::Next;
            }
            return Flow::Again;
        }
        // What a full disk has refused goes first (MQTT-4.6.0-5).
        if !may_be_lost && !inbound.refused.is_empty() {
            return Flow::Again;
        }
        let resumable = qos == QoS::ExactlyOnce && session.kind == SessionKind::Persistent;
        if resumable && !self.touch(worker, inbound, session, PartitionSet::default().with(home)) {
            return Flow::Again;
        }
        self.send_publish(worker, inbound, session, incoming, (permit, home, Scope::Everyone));
        Flow::Next
    }

    /// Hands the publish to its partition; the acknowledgement follows its answer.
    fn send_publish(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        session: &Session,
        incoming: &Incoming<'_>,
        (permit, partition, scope): (PublishPermit<'_>, PartitionId, Scope),
    ) {
        let qos = incoming.qos();
        let fence = scope == Scope::Everyone && worker.lanes.is_none();
        let mut exactly_once = None;
        let tag = match incoming.delivery {
            Delivery::AtMostOnce => FENCE_TAG,
            Delivery::AtLeastOnce { id, .. } => inbound.acks.push_waiting(AckKind::PubAck, id, fence),
            Delivery::ExactlyOnce { id, .. } => {
                let remembered = session.kind == SessionKind::Persistent;
                exactly_once = remembered.then_some(ExactlyOnce { packet_id: id, epoch: session.epoch });
                inbound.receptions.begin(id, remembered.then_some(partition));
                inbound.acks.push_waiting(AckKind::PubRec, id, fence)
            }
        };
        inbound.fences[qos as usize] += u32::from(fence);
        let publish = Publish {
            // A QoS 0 publish that is not kept is waited for by a fence only.
            reply: (qos > QoS::AtMostOnce || incoming.retain || fence).then_some((self.owner, tag)),
            origin: Origin::Client { client_id: session.client_id(), exactly_once },
            scope,
            message: Message {
                topic: permit.topic(),
                qos,
                retain: incoming.retain,
                expires: incoming.expires,
                properties: &[],
                payload: incoming.payload,
            },
        };
        worker.send_publish(partition, permit, publish, &incoming.properties);
    }

    /// Nobody gets the message. A client of before MQTT 5 cannot be told; the rules say what it gets instead.
    #[cold]
    fn on_denied_publish(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        session: &Session,
        incoming: &Incoming<'_>,
        denied: Denied,
    ) -> Result<Flow, Fault> {
        session.category.authorization_deny.add(1);
        tracing::debug!(client_id = session.client_id(), topic = incoming.topic, ?denied, "publish denied");
        if denied == Denied::Anew {
            self.report(worker, &session.principal, Wanted::Publish(incoming.topic.into()), "no rule allows it");
        }
        let is_v5 = inbound.version.is_v5();
        if !is_v5 && session.grant.borrow().rights.denied_publish() == DeniedPublish::Disconnect {
            return Err(Fault::NotAllowed);
        }
        let reason = if is_v5 { ReasonCode::NotAuthorized } else { ReasonCode::Success };
        self.acknowledge(worker, inbound, incoming.delivery, reason);
        Ok(Flow::Next)
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
        if kind == AckKind::PubRec {
            inbound.receptions.begin(id, None);
        }
        if inbound.acks.is_empty() {
            inbound.acknowledgement_leaves(worker, kind, id, reason);
            self.with_writer(worker, |outbound, writer| outbound.write_ack(kind, id, reason, writer));
        } else {
            inbound.acks.push_done(kind, id, reason);
        }
    }

    /// The partition's answer to a publish.
    pub(super) fn on_published(self: &Rc<Self>, worker: &Rc<Worker>, tag: Tag, reason: ReasonCode) {
        let mut inbound = self.inbound.borrow_mut();
        let inbound = &mut *inbound;
        let fenced = if tag == FENCE_TAG { Some(QoS::AtMostOnce) } else { inbound.acks.resolve(tag, reason) };
        if let Some(qos) = fenced {
            inbound.fences[qos as usize] = inbound.fences[qos as usize].saturating_sub(1);
        }
        self.with_writer(worker, |outbound, writer| {
            while let Some((kind, id, reason)) = inbound.acks.pop() {
                inbound.acknowledgement_leaves(worker, kind, id, reason);
                outbound.write_ack(kind, id, reason, writer);
            }
        });
    }
}

impl Inbound {
    /// Our PUBACK or PUBREC is on its way: what it ends is counted no more.
    fn acknowledgement_leaves(&mut self, worker: &Worker, kind: AckKind, id: PacketId, reason: ReasonCode) {
        self.end_span(worker, Operation::Publish, Some(id), reason);
        match kind {
            AckKind::PubRec if reason.is_error() => self.receptions.end(id),
            AckKind::PubRec => self.receptions.told(id),
            _ => {}
        }
    }

    #[cold]
    fn begin_publish_span(&mut self, worker: &Worker, trace: &TraceParent, incoming: &Incoming<'_>) {
        let home = PartitionSet::default().with(worker.home_of_topic(incoming.topic));
        let client_id = self.session.as_ref().map_or("", |session| session.client_id());
        let traced = Traced::begin(*trace, Operation::Publish, client_id).about(incoming.topic, home);
        self.begin_span(incoming.delivery.id(), traced);
    }

    fn learn_alias(&mut self, publish: &mqtt::Publish<'_>) {
        if let Some(alias) = publish.alias.filter(|_| !publish.topic.is_empty()) {
            self.aliases.set(alias, publish.topic);
        }
    }
}
