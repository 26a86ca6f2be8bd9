//! Enhanced authentication (MQTT 5, 4.12): the AUTH exchange before CONNACK and the re-authentication after it.

use std::rc::Rc;

use auth::Step;
use bytes::Bytes;
use mqtt::{Auth, Authentication, Connect, Frame, Packet, Peer, ReasonCode};

use super::session::{Authenticating, Inbound, Phase};
use super::{Connection, End, Flow};
use crate::fault::Fault;
use crate::worker::Worker;

impl Connection {
    pub(super) fn begin_authentication(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        connect: Connect,
    ) -> Result<Flow, Fault> {
        let Some(asked) = connect.authentication.clone() else { return Err(Fault::Authentication) };
        // MQTT-4.12.0-1.
        let denied = Fault::Denied(ReasonCode::BadAuthenticationMethod);
        let method = worker.methods.find(&asked.method).ok_or(denied)?;
        let mut exchange = method.begin(&connect.client_id);
        let step = exchange.step(asked.data.as_deref().unwrap_or_default());
        inbound.phase = Phase::Authenticating(Box::new(Authenticating { connect, method: asked.method, exchange }));
        self.on_step(worker, inbound, step)
    }

    pub(super) fn on_packet_while_authenticating(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        frame: Frame<'_>,
    ) -> Result<Flow, Fault> {
        let packet = mqtt::decode(frame, inbound.version, Peer::Client)?;
        worker.counters.packets_received.add(1);
        let auth = match packet {
            Packet::Auth(auth) => auth,
            Packet::Disconnect(_) => {
                self.end(worker, End::Refused);
                return Ok(Flow::Next);
            }
            _ => return Err(Fault::Authentication),
        };
        let Phase::Authenticating(authenticating) = &mut inbound.phase else { return Err(Fault::Authentication) };
        // MQTT-4.12.0-3 and -4.
        if auth.reason != ReasonCode::ContinueAuthentication
            || auth.method.as_deref() != Some(authenticating.method.as_str())
        {
            return Err(Fault::Authentication);
        }
        let step = authenticating.exchange.step(auth.data.as_deref().unwrap_or_default());
        self.on_step(worker, inbound, step)
    }

    fn on_step(self: &Rc<Self>, worker: &Rc<Worker>, inbound: &mut Inbound, step: Step) -> Result<Flow, Fault> {
        let Phase::Authenticating(authenticating) = &inbound.phase else { return Err(Fault::Authentication) };
        let method = authenticating.method.clone();
        match step {
            Step::Continue(data) => {
                self.write_auth(worker, ReasonCode::ContinueAuthentication, method, data)?;
                Ok(Flow::Next)
            }
            Step::Deny(reason) => Err(Fault::Denied(reason)),
            Step::Accept { data, username } => {
                let phase = std::mem::replace(&mut inbound.phase, Phase::AwaitConnect);
                let Phase::Authenticating(authenticating) = phase else { return Err(Fault::Authentication) };
                let data = (!data.is_empty()).then(|| Bytes::from(data));
                // MQTT-4.12.0-5: CONNACK names the method again.
                let authentication = Authentication { method, data };
                self.accept(worker, inbound, authenticating.connect, username, Some(authentication))
            }
        }
    }

    /// AUTH of a client that is connected: MQTT-4.12.1-1.
    pub(super) fn on_re_authentication(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        auth: Auth,
    ) -> Result<Flow, Fault> {
        let Some(method) = inbound.session.as_ref().and_then(|s| s.method.clone()) else {
            return Err(Fault::Authentication);
        };
        if auth.method.as_deref() != Some(method.as_str()) {
            return Err(Fault::Authentication);
        }
        let mut exchange = match (auth.reason, inbound.re_authentication.take()) {
            (ReasonCode::ReAuthenticate, None) => {
                let client_id = inbound.session.as_ref().map_or("", |s| s.client_id());
                worker.methods.find(&method).ok_or(Fault::Authentication)?.begin(client_id)
            }
            (ReasonCode::ContinueAuthentication, Some(exchange)) => exchange,
            _ => return Err(Fault::Authentication),
        };
        match exchange.step(auth.data.as_deref().unwrap_or_default()) {
            Step::Continue(data) => {
                inbound.re_authentication = Some(exchange);
                self.write_auth(worker, ReasonCode::ContinueAuthentication, method, data)?;
            }
            Step::Accept { data, .. } => self.write_auth(worker, ReasonCode::Success, method, data)?,
            // MQTT-4.12.1-2.
            Step::Deny(reason) => return Err(Fault::Denied(reason)),
        }
        Ok(Flow::Next)
    }

    fn write_auth(
        self: &Rc<Self>,
        worker: &Worker,
        reason: ReasonCode,
        method: String,
        data: Vec<u8>,
    ) -> Result<(), Fault> {
        let data = (!data.is_empty()).then(|| Bytes::from(data));
        let auth = Auth { reason, method: Some(method), data, reason_string: None };
        self.with_writer(worker, |outbound, writer| {
            let mut encoded = Ok(());
            let fits = outbound.append_if_it_fits(writer, |buffer| encoded = mqtt::encode::auth(buffer, &auth));
            if !fits {
                outbound.category.authentication_failures.add(1);
            }
            // Only data that no packet can carry is refused.
            encoded.map_err(|_| Fault::Denied(ReasonCode::ImplementationSpecificError))?;
            if fits { Ok(()) } else { Err(Fault::AnswerTooLarge) }
        })
    }
}
