//! CONNECT: who the client is, what it gets of what it asks for, and the opening of its session.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;

use auth::authentication::Accepted;
use auth::{Principal, Wanted};
use bytes::BytesMut;
use mqtt::{ConnAck, Connect, Frame, Packet, PacketType, Peer, ProtocolVersion, ReasonCode};
use partition::{Message, Open, Opened, SessionKind, Will};

use super::session::{Authenticating, Inbound, Opening, Phase, Session};
use super::{Connection, End, Flow, Grant};
use crate::fault::Fault;
use crate::outbound::ClientLimits;
use crate::settings::Limits;
use crate::spans::{Operation, Traced};
use crate::worker::Worker;

/// How many messages of a persistent session a partition may hand out ahead of their acknowledgement, at the most.
const WINDOW: u16 = 256;

impl Connection {
    pub(super) fn on_first_packet(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        frame: Frame<'_>,
    ) -> Result<Flow, Fault> {
        if frame.kind != PacketType::Connect {
            return Err(Fault::NotConnect);
        }
        // Even a malformed CONNECT says how a CONNACK to it must look.
        if let Ok(version) = ProtocolVersion::of_connect(frame.body) {
            inbound.version = version;
            self.outbound.borrow_mut().version = version;
        }
        let packet = mqtt::decode(frame, inbound.version, Peer::Client)?;
        let Packet::Connect(mut connect) = packet else { return Err(Fault::NotConnect) };
        if !connect.client_id.is_empty() && worker.is_full(worker.home_of_client(&connect.client_id)) {
            return Ok(Flow::Again);
        }
        worker.counters.packets_received.add(1);
        let assigned = connect.client_id.is_empty();
        if assigned {
            // MQTT-3.1.3-6: unique; MQTT-3.2.2-16: told in CONNACK.
            connect.client_id = worker.assign_client_id();
        }
        self.meet(worker, inbound, &connect);
        self.authenticate(worker, inbound, *connect, assigned)
    }

    /// Notes what holds from CONNECT on, whatever comes of it.
    fn meet(&self, worker: &Worker, inbound: &mut Inbound, connect: &Connect) {
        let mut outbound = self.outbound.borrow_mut();
        outbound.category = worker.category(connect);
        outbound.set_maximum_packet_size(connect.maximum_packet_size);
        if let Some(trace) = worker.tracer.trace_of_connect(&connect.user_properties) {
            inbound.begin_span(None, Traced::begin(trace, Operation::Connect, &connect.client_id));
        }
    }

    /// Goes on with a client of whom is known who it is: if it may connect, its session home is asked to open the session.
    pub(super) fn accept(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        client: Authenticating,
        accepted: Option<Accepted>,
    ) -> Result<Flow, Fault> {
        let Authenticating { connect, policy, assigned } = client;
        let limits = Rc::clone(&inbound.limits);
        let mut principal = match &accepted {
            Some(accepted) => accepted.principal(&connect.client_id),
            None => Principal {
                standing: self.entrance.standing,
                ..Principal::declared(&connect.client_id, connect.username.as_deref())
            },
        };
        let grant = Grant::new(policy, &principal, accepted);
        principal.attributes.clear();
        let mut opening = Opening {
            grant,
            keep_alive: limits.keep_alive(connect.keep_alive),
            session_expiry: session_expiry(&connect, limits.session_expiry),
            assigned,
            authentication: connect.authentication.clone(),
            principal,
            connect,
        };
        self.fit_connack(&limits, &mut opening)?;
        self.open(worker, &limits, &mut opening)?;
        inbound.phase = Phase::Opening(Box::new(opening));
        Ok(Flow::Stop)
    }

    fn open(&self, worker: &Worker, limits: &Limits, opening: &mut Opening) -> Result<(), Fault> {
        let Opening { principal, grant, connect, session_expiry, .. } = opening;
        let category = Arc::clone(&self.outbound.borrow().category);
        let refused = |wanted: Wanted| {
            category.authorization_deny.add(1);
            let (client_id, username) = (&*principal.client_id, principal.username.as_deref());
            tracing::info!(client_id, username, peer = %self.peer, ?wanted, "not allowed to connect");
            self.report(worker, principal, wanted, "no rule allows it");
            Fault::NotAllowed
        };
        let permit = grant.rights.connect(principal).ok_or_else(|| refused(Wanted::Connect))?;
        let mut will_permit = None;
        if let Some(will) = &connect.will {
            let decided = grant.rights.publish(&will.topic);
            will_permit = Some(decided.map_err(|_| refused(Wanted::Will(will.topic.as_str().into())))?);
        }
        category.authentication_successes.add(1);
        let will = connect.will.as_ref().map(|will| Will {
            delay: will.delay,
            expiry: limits.message_expiry(will.expiry),
            message: Message {
                topic: &will.topic,
                qos: will.qos,
                retain: will.retain,
                expires: None,
                properties: &will.properties,
                payload: &will.payload,
            },
        });
        let open = Open {
            owner: self.owner,
            client_id: &connect.client_id,
            clean_start: connect.clean_start,
            session_expiry: *session_expiry,
            will,
        };
        worker.send_open(permit, will_permit, open);
        Ok(())
    }

    /// The session home has opened the session: CONNACK.
    pub(super) fn on_opened(self: &Rc<Self>, worker: &Rc<Worker>, opened: &Opened) {
        let mut inbound = self.inbound.borrow_mut();
        let Some(opening) = inbound.take_opening() else { return };
        inbound.phase = Phase::Open;
        let connect = &opening.connect;
        let receive_maximum = connect.receive_maximum.map_or(u16::MAX, |n| n.get());
        let receive_maximum = receive_maximum.min(inbound.limits.client_receive_maximum.get());
        let persistent = opened.kind == SessionKind::Persistent;
        self.outbound.borrow_mut().set_limits(&ClientLimits {
            version: connect.version,
            maximum_packet_size: connect.maximum_packet_size,
            receive_maximum,
            topic_alias_maximum: connect.topic_alias_maximum,
            persistent,
        });
        let connack = connack(&inbound.limits, &opening, opened.session_present);
        let reviewed = persistent && opened.session_present && opening.grant.rights.are_limited();
        let session = Rc::new(Session {
            epoch: opened.epoch,
            kind: opened.kind,
            home: worker.home_of_client(&opening.principal.client_id),
            clean_start: connect.clean_start,
            keep_alive: opening.keep_alive,
            session_expiry: opening.session_expiry,
            window: receive_maximum.min(WINDOW),
            queue_length: inbound.limits.queue_length,
            method: connect.authentication.as_ref().map(|a| a.method.clone()),
            touched: Cell::new(opened.touched),
            category: Arc::clone(&self.outbound.borrow().category),
            principal: opening.principal,
            grant: RefCell::new(opening.grant),
            will: opening.connect.will.map(|will| will.topic.into_boxed_str()),
        });
        inbound.session = Some(Rc::clone(&session));
        // That it fits was seen to before.
        self.with_writer(worker, |outbound, writer| {
            outbound.session = Some(Rc::clone(&session));
            let version = outbound.version;
            outbound.append_if_it_fits(writer, |buffer| mqtt::encode::connack(buffer, version, &connack));
        });
        if let Some(traced) = inbound.take_traced(Operation::Connect, None) {
            let partitions = opened.touched.with(session.home);
            worker.tracer.end(traced.of(session.client_id()).about("", partitions), ReasonCode::Success);
        }
        drop(inbound);
        if !self.entrance.is_internal() {
            worker.counters.clients.add(1);
        }
        if persistent {
            worker.attach(self, &session);
        }
        if reviewed {
            // Its subscriptions may be of a time when other rules held, or of somebody else who had the same client id.
            self.begin_review(worker, &session);
        } else if persistent && opened.session_present && worker.lanes.is_some() {
            // Among its subscriptions may be some to the broker's own values, which this process gives.
            self.list_subscriptions(worker, &session);
        }
        for at_s in
            session.keep_alive_grace_s().map(|grace| worker.now_s() + grace).into_iter().chain(self.expiry_s(worker))
        {
            worker.watch(self, at_s);
        }
        // Another policy may have come meanwhile.
        self.review(worker);
        self.resume();
    }

    /// Leaves out of CONNACK what may be left out if it were too long for the client (MQTT-3.1.2-24).
    ///
    /// # Errors
    /// It is too long still: the client has to hear of it before its session is opened.
    fn fit_connack(&self, limits: &Limits, opening: &mut Opening) -> Result<(), Fault> {
        let outbound = self.outbound.borrow();
        let Some(maximum) = opening.connect.maximum_packet_size else { return Ok(()) };
        let len = |opening: &Opening| {
            let mut packet = BytesMut::new();
            mqtt::encode::connack(&mut packet, outbound.version, &connack(limits, opening, false));
            packet.len()
        };
        if len(opening) > maximum.get() as usize {
            opening.connect.request_response_information = false;
        }
        if len(opening) > maximum.get() as usize { Err(Fault::AnswerTooLarge) } else { Ok(()) }
    }

    /// Answers a CONNECT with an error and ends the connection.
    pub(super) fn refuse(self: &Rc<Self>, worker: &Rc<Worker>, version: ProtocolVersion, reason: ReasonCode) {
        self.with_writer(worker, |outbound, writer| {
            let connack = ConnAck { reason, ..ConnAck::default() };
            outbound.append_if_it_fits(writer, |buffer| mqtt::encode::connack(buffer, version, &connack));
        });
        self.end(worker, End::Refused);
    }
}

fn connack(limits: &Limits, opening: &Opening, session_present: bool) -> ConnAck {
    let connect = &opening.connect;
    let response_information =
        connect.request_response_information.then(|| format!("clients/{}", opening.principal.client_id));
    ConnAck {
        session_present,
        reason: ReasonCode::Success,
        session_expiry: (opening.session_expiry != connect.session_expiry.unwrap_or(0))
            .then_some(opening.session_expiry),
        receive_maximum: Some(limits.receive_maximum),
        maximum_packet_size: NonZeroU32::new(limits.packet_size),
        assigned_client_id: opening.assigned.then(|| opening.principal.client_id.to_string()),
        topic_alias_maximum: limits.topic_alias_maximum,
        server_keep_alive: (opening.keep_alive != connect.keep_alive).then_some(opening.keep_alive),
        response_information,
        authentication: opening.authentication.clone(),
        ..ConnAck::default()
    }
}

/// Seconds for which the session outlives its connection. Before MQTT 5, a session is either clean or lives as long
/// as the server's bound allows.
fn session_expiry(connect: &Connect, bound: u32) -> u32 {
    let asked = match (connect.version.is_v5(), connect.clean_start) {
        (true, _) => connect.session_expiry.unwrap_or(0),
        (false, true) => 0,
        (false, false) => u32::MAX,
    };
    asked.min(bound)
}
