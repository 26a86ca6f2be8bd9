//! From CONNECT to CONNACK.

use std::time::{Duration, Instant};

use super::breach::Breach;
use super::event::{Acceptance, Challenge, End};
use super::terms::Offer;
use crate::{auth::Auth, connack::ConnAck, frame::PacketType, packet::Packet, reason::ReasonCode};

/// A CONNECT that is not answered yet.
#[derive(Debug)]
pub(super) struct Handshake {
    pub offer: Offer,
    state: State,
    patience: Duration,
}

#[derive(Debug)]
enum State {
    /// The server is to answer until then.
    Waiting { until: Instant },
    /// The caller is to answer the server's challenge.
    Challenged,
}

/// What an answer of the server amounts to.
#[derive(Debug)]
pub(super) enum Step {
    Challenged(Challenge),
    Accepted(Box<Acceptance>),
}

impl Handshake {
    pub fn new(offer: Offer, patience: Duration, now: Instant) -> Self {
        Self { offer, state: State::Waiting { until: now + patience }, patience }
    }

    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Challenged => None,
        }
    }

    /// Nothing but CONNACK and AUTH may come here (MQTT-3.2.0-1, MQTT-4.12.0-2; MQTT-3.14.0-1 for DISCONNECT).
    pub fn packet(&mut self, packet: Packet<'_>, kind: PacketType) -> Result<Step, End> {
        match packet {
            Packet::ConnAck(connack) => self.answered(*connack).map(Box::new).map(Step::Accepted),
            Packet::Auth(auth) => Ok(self.challenged(auth).map(Step::Challenged)?),
            _ => Err(Breach::Unexpected(kind).into()),
        }
    }

    fn answered(&self, connack: ConnAck) -> Result<Acceptance, End> {
        if connack.reason.is_error() {
            let ConnAck { reason, reason_string, server_reference, .. } = connack;
            return Err(End::Refused { reason, reason_string, server_reference });
        }
        if connack.session_present && self.offer.clean_start {
            return Err(Breach::SessionPresent.into());
        }
        if let Some(authentication) = &connack.authentication
            && Some(&authentication.method) != self.offer.method.as_ref()
        {
            return Err(Breach::AuthenticationMethod.into());
        }
        Ok(self.offer.accepted(connack))
    }

    fn challenged(&mut self, auth: Auth) -> Result<Challenge, Breach> {
        check_method(&auth, &self.offer)?;
        if auth.reason != ReasonCode::ContinueAuthentication || !matches!(self.state, State::Waiting { .. }) {
            return Err(Breach::Unexpected(PacketType::Auth));
        }
        self.state = State::Challenged;
        Ok(Challenge { data: auth.data, reason_string: auth.reason_string })
    }

    /// Notes that the caller answers a challenge; false when there is none.
    pub fn answer(&mut self, now: Instant) -> bool {
        let challenged = matches!(self.state, State::Challenged);
        if challenged {
            self.state = State::Waiting { until: now + self.patience };
        }
        challenged
    }
}

/// The method is that of CONNECT (MQTT-4.12.0-5), which must have had one (MQTT-4.12.0-6).
pub(super) fn check_method(auth: &Auth, offer: &Offer) -> Result<(), Breach> {
    match (&auth.method, &offer.method) {
        (_, None) => Err(Breach::AuthenticationMethod),
        (Some(named), Some(offered)) if named != offered => Err(Breach::AuthenticationMethod),
        _ => Ok(()),
    }
}
