//! A connection that stands: every packet the server may send, and what follows from it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::aliases::IncomingAliases;
use super::arrivals::{Arrival, Arrivals, Exact};
use super::breach::Breach;
use super::event::{Acceptance, Challenge, End, Event};
use super::handshake::check_method;
use super::keep_alive::KeepAlive;
use super::message::{Receipt, Received};
use super::outbound::Outbound;
use super::output::Output;
use super::requests::Requests;
use super::sending::Sending;
use super::settings::{Overrun, Settings};
use super::terms::Offer;
use crate::{
    ack,
    auth::Auth,
    frame::{Frame, PacketType},
    packet::{Packet, Peer, decode},
    publish::{Delivery, Publish},
    qos::QoS,
    reason::ReasonCode,
};

/// Payloads up to this size are copied, so that a small message does not keep a large read buffer alive.
const COPIED_PAYLOAD_MAX: usize = 4096;

#[derive(Debug)]
pub(super) struct Up {
    pub offer: Offer,
    /// What the session outlives this connection by, in seconds.
    pub session_expiry: u32,
    pub keep_alive: KeepAlive,
    pub requests: Requests,
    pub sending: Sending,
    pub arrivals: Arrivals,
    pub reauthentication: Reauthentication,
    aliases: IncomingAliases,
    /// Topics mostly repeat.
    last_topic: Arc<str>,
}

/// How far a re-authentication has come (section 4.12.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reauthentication {
    None,
    /// The server is to answer.
    Waiting,
    /// The caller is to answer the server's challenge.
    Challenged,
}

/// The part of a machine that outlives connections.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub outbound: Outbound,
    pub exact: Exact,
}

impl Up {
    /// Takes over from the handshake; what the session has unfinished goes on or is lost, as the server says.
    pub fn new(
        offer: Offer,
        accepted: &Acceptance,
        settings: &Settings,
        session: &mut Session,
        output: &mut Output,
        now: Instant,
    ) -> Self {
        let again = if accepted.session_present {
            session.outbound.resume(offer.version, output)
        } else {
            session.exact.clear();
            session.outbound.lose(settings.lost_session, output);
            Default::default()
        };
        Self {
            session_expiry: accepted.session_expiry,
            keep_alive: KeepAlive::new(accepted.keep_alive, settings.ping_timeout, now),
            requests: Requests::default(),
            sending: Sending::new(offer.version, accepted.limits.clone(), settings.in_flight.get(), again),
            arrivals: Arrivals::new(
                offer.version,
                match settings.overrun {
                    Overrun::Breach => offer.receive_maximum,
                    Overrun::Tolerated => u16::MAX,
                },
            ),
            reauthentication: Reauthentication::None,
            aliases: IncomingAliases::new(offer.topic_alias_maximum),
            last_topic: "".into(),
            offer,
        }
    }

    /// One whole packet; `header` is the length of its fixed header.
    pub fn packet(
        &mut self,
        packet: &Bytes,
        frame: Frame<'_>,
        session: &mut Session,
        output: &mut Output,
    ) -> Result<(), End> {
        let version = self.offer.version;
        let Session { outbound, exact } = session;
        match decode(frame, version, Peer::Server).map_err(Breach::from)? {
            Packet::Publish(publish) => self.publish(packet, publish, exact, output)?,
            Packet::PubAck(ack) => outbound.acknowledged(ack, text(ack.reason, frame), output)?,
            Packet::PubRec(ack) => outbound.taken_over(ack, text(ack.reason, frame), version, output)?,
            Packet::PubRel(ack) => self.arrivals.released(ack, exact, output)?,
            Packet::PubComp(ack) => outbound.completed(ack, output)?,
            Packet::SubAck(ack) => self.requests.subscribed(ack, output)?,
            Packet::UnsubAck(ack) => self.requests.unsubscribed(ack, version, output)?,
            Packet::PingResp => self.keep_alive.answered(),
            Packet::Disconnect(disconnect) => return Err(End::ByServer(disconnect)),
            Packet::Auth(auth) => self.authentication(auth, output)?,
            // MQTT-3.2.0-2; the rest is what only clients send, which decoding refuses.
            Packet::ConnAck(_)
            | Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq => return Err(Breach::Unexpected(frame.kind).into()),
        }
        Ok(())
    }

    fn publish(
        &mut self,
        packet: &Bytes,
        publish: Publish<'_>,
        exact: &mut Exact,
        output: &mut Output,
    ) -> Result<(), Breach> {
        let topic = match publish.alias {
            Some(alias) => self.aliases.resolve(alias, publish.topic)?,
            None => self.topic(publish.topic),
        };
        let arrival = match publish.delivery {
            Delivery::AtMostOnce => None,
            Delivery::AtLeastOnce { id, .. } => Some(self.arrivals.at_least_once(id, exact)?),
            Delivery::ExactlyOnce { id, .. } => Some(self.arrivals.exactly_once(id, exact, output)?),
        };
        match arrival {
            None => output.event(message(packet, publish, topic, None)),
            Some(Arrival::New(receipt)) => output.event(message(packet, publish, topic, Some(receipt))),
            Some(Arrival::Known) => {}
        }
        Ok(())
    }

    fn topic(&mut self, topic: &str) -> Arc<str> {
        if *self.last_topic != *topic {
            self.last_topic = topic.into();
        }
        self.last_topic.clone()
    }

    fn authentication(&mut self, auth: Auth, output: &mut Output) -> Result<(), Breach> {
        check_method(&auth, &self.offer)?;
        let challenge = Challenge { data: auth.data, reason_string: auth.reason_string };
        match (self.reauthentication, auth.reason) {
            (Reauthentication::Waiting, ReasonCode::ContinueAuthentication) => {
                self.reauthentication = Reauthentication::Challenged;
                output.event(Event::Challenged(challenge));
            }
            (Reauthentication::Waiting, ReasonCode::Success) => {
                self.reauthentication = Reauthentication::None;
                output.event(Event::Reauthenticated(challenge));
            }
            _ => return Err(Breach::Unexpected(PacketType::Auth)),
        }
        Ok(())
    }
}

/// The reason string of an acknowledgement, read only where it explains a failure.
fn text<'a>(reason: ReasonCode, frame: Frame<'a>) -> Option<&'a str> {
    if reason.is_error() { ack::reason_string(frame.body) } else { None }
}

fn message(packet: &Bytes, publish: Publish<'_>, topic: Arc<str>, receipt: Option<Receipt>) -> Event {
    let payload = match publish.payload {
        small if small.len() <= COPIED_PAYLOAD_MAX => Bytes::copy_from_slice(small),
        large => packet.slice_ref(large),
    };
    let mut properties = Vec::with_capacity(publish.properties.len());
    publish.properties.copy_to(&mut properties);
    let (qos, dup) = match publish.delivery {
        Delivery::AtMostOnce => (QoS::AtMostOnce, false),
        Delivery::AtLeastOnce { dup, .. } => (QoS::AtLeastOnce, dup),
        Delivery::ExactlyOnce { dup, .. } => (QoS::ExactlyOnce, dup),
    };
    Event::Message(Box::new(Received {
        topic,
        payload,
        qos,
        retain: publish.retain,
        dup,
        expiry: publish.expiry,
        alias: publish.alias,
        subscription_ids: publish.subscription_ids.to_vec(),
        properties: properties.into(),
        packet_id: publish.delivery.id().map(|id| id.get()),
        receipt,
    }))
}
