//! The machine: inputs in, output and events out.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::breach::Breach;
use super::event::{End, Event, RequestError};
use super::handshake::{Handshake, Step};
use super::keep_alive::{Due, Reading};
use super::message::{Message, Receipt, Token};
use super::output::Output;
use super::refusal::{ConnectError, NotTaken};
use super::requests::{Kind, SubscribeRequest, UnsubscribeRequest};
use super::settings::Settings;
use super::terms::{Offer, ServerLimits};
use super::up::{Reauthentication, Session, Up};
use crate::{
    auth::{self, Auth},
    connect::{self, Connect},
    disconnect::{self, Disconnect},
    frame::{Frame, Split, split},
    packet::{Peer, decode},
    ping,
    reason::ReasonCode,
    subscribe::{self, Subscribe},
    topic::{self, Filter},
    unsubscribe::{self, Unsubscribe},
};

/// A client's session and, while there is one, its connection.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    session: Session,
    link: Link,
    output: Output,
    last_token: u64,
}

#[derive(Debug)]
enum Link {
    Down,
    Connecting(Box<Handshake>),
    Up(Box<Up>),
}

/// What `receive` left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// No whole packet.
    All,
    /// Perhaps whole packets: take events and output, then call again.
    Rest,
}

/// What an acknowledgement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    Taken,
    /// The connection or session of the message is gone; the server may send it again.
    Stale,
}

/// Whether the caller leaves bytes of the server unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    Yes,
    No,
}

impl Machine {
    pub fn new(settings: Settings) -> Self {
        Self { settings, session: Session::default(), link: Link::Down, output: Output::default(), last_token: 0 }
    }

    /// Begins a connection on a new transport. What is unfinished goes on if the server still has the session; with a
    /// clean start it never does.
    ///
    /// # Errors
    /// A connection that has not ended; a CONNECT that cannot be written.
    pub fn connect(&mut self, connect: &Connect, now: Instant) -> Result<(), ConnectError> {
        if !matches!(self.link, Link::Down) {
            return Err(ConnectError::Connected);
        }
        self.output.bytes.clear();
        connect::encode(&mut self.output.bytes, connect)?;
        let handshake = Handshake::new(Offer::of(connect), self.settings.connect_timeout, now);
        self.link = Link::Connecting(Box::new(handshake));
        Ok(())
    }

    /// Whether `publish` takes another message.
    pub fn has_room(&self) -> bool {
        self.session.outbound.has_room(&self.settings)
    }

    /// Whether every publish is complete.
    pub fn is_idle(&self) -> bool {
        self.session.outbound.is_empty()
    }

    /// What the server announced on this connection; `None` unless it stands.
    pub fn limits(&self) -> Option<&ServerLimits> {
        match &self.link {
            Link::Up(up) => Some(up.sending.limits()),
            Link::Down | Link::Connecting(_) => None,
        }
    }

    /// Publishes a message, now or as soon as there is a connection and the server's window is open; in the order of the
    /// calls. Ends with [`Event::Published`].
    ///
    /// # Errors
    /// `Full`; a topic that is no topic name.
    pub fn publish(&mut self, message: Message) -> Result<Token, NotTaken> {
        topic::check_topic_name(&message.topic)?;
        if !self.has_room() {
            return Err(NotTaken::Full);
        }
        let token = self.token();
        self.session.outbound.push(token, message);
        Ok(token)
    }

    fn token(&mut self) -> Token {
        self.last_token += 1;
        Token(self.last_token)
    }

    /// Subscribes. Ends with [`Event::Subscribed`].
    ///
    /// # Errors
    /// `NotConnected`, `Full`; a filter that is none or that the server cannot have.
    pub fn subscribe(&mut self, request: &SubscribeRequest) -> Result<Token, NotTaken> {
        let token = self.token();
        let Self { link: Link::Up(up), session, output, .. } = self else { return Err(NotTaken::NotConnected) };
        for (filter, _) in &request.filters {
            up.sending.limits().check_filter(&Filter::parse(filter)?)?;
        }
        if request.identifier.is_some() && !up.sending.limits().subscription_identifiers {
            return Err(RequestError::BeyondLimits(ReasonCode::SubscriptionIdentifiersNotSupported).into());
        }
        if !up.requests.has_room() {
            return Err(NotTaken::Full);
        }
        let id = session.outbound.free_id(|id| up.requests.contains(id)).ok_or(NotTaken::Full)?;
        let packet = Subscribe { id, filters: request.filters.clone(), identifier: request.identifier };
        let before = output.bytes.len();
        subscribe::encode_with(&mut output.bytes, up.offer.version, &packet, &request.user_properties)?;
        check_size(up, output, before)?;
        up.requests.insert(id, token, Kind::Subscribe, request.filters.len());
        Ok(token)
    }

    /// Ends subscriptions. Ends with [`Event::Unsubscribed`].
    ///
    /// # Errors
    /// `NotConnected`, `Full`; a filter that is none.
    pub fn unsubscribe(&mut self, request: &UnsubscribeRequest) -> Result<Token, NotTaken> {
        let token = self.token();
        let Self { link: Link::Up(up), session, output, .. } = self else { return Err(NotTaken::NotConnected) };
        for filter in &request.filters {
            Filter::parse(filter)?;
        }
        if !up.requests.has_room() {
            return Err(NotTaken::Full);
        }
        let id = session.outbound.free_id(|id| up.requests.contains(id)).ok_or(NotTaken::Full)?;
        let packet = Unsubscribe { id, filters: request.filters.clone() };
        let before = output.bytes.len();
        unsubscribe::encode_with(&mut output.bytes, up.offer.version, &packet, &request.user_properties)?;
        check_size(up, output, before)?;
        up.requests.insert(id, token, Kind::Unsubscribe, request.filters.len());
        Ok(token)
    }

    /// Says that the caller has done with a message. Acknowledgements leave in the order in which messages came, so one
    /// that is held keeps back those behind it. A reason that is an error refuses the message (version 5).
    pub fn acknowledge(&mut self, receipt: Receipt, reason: ReasonCode) -> Acknowledged {
        let Self { link, session, output, .. } = self;
        let taken = match link {
            Link::Up(up) => up.arrivals.acknowledge(receipt, reason, &mut session.exact, output),
            Link::Down | Link::Connecting(_) => false,
        };
        // A QoS 2 message stays the caller's over connections.
        if taken || session.exact.answer(receipt, reason) { Acknowledged::Taken } else { Acknowledged::Stale }
    }

    /// Answers [`Event::Challenged`] (MQTT-4.12.0-3).
    ///
    /// # Errors
    /// `NotDue` without a challenge; data of more than 65,535 bytes.
    pub fn authenticate(&mut self, data: Option<Bytes>, now: Instant) -> Result<(), NotTaken> {
        let (offer, due) = match &mut self.link {
            Link::Down => return Err(NotTaken::NotConnected),
            Link::Connecting(handshake) => {
                let due = handshake.answer(now);
                (&handshake.offer, due)
            }
            Link::Up(up) => {
                let due = up.reauthentication == Reauthentication::Challenged;
                if due {
                    up.reauthentication = Reauthentication::Waiting;
                }
                (&up.offer, due)
            }
        };
        if !due {
            return Err(NotTaken::NotDue);
        }
        let reason = ReasonCode::ContinueAuthentication;
        let packet = Auth { reason, method: offer.method.clone(), data, reason_string: None };
        Ok(auth::encode(&mut self.output.bytes, &packet)?)
    }

    /// Authenticates again on the connection that stands, with the method of CONNECT (MQTT-4.12.1-1). Ends with
    /// [`Event::Reauthenticated`], or with the connection.
    ///
    /// # Errors
    /// `NotConnected`; `NotDue` without a method or while an exchange runs; data of more than 65,535 bytes.
    pub fn reauthenticate(&mut self, data: Option<Bytes>) -> Result<(), NotTaken> {
        let Link::Up(up) = &mut self.link else { return Err(NotTaken::NotConnected) };
        if up.offer.method.is_none() || up.reauthentication != Reauthentication::None {
            return Err(NotTaken::NotDue);
        }
        let reason = ReasonCode::ReAuthenticate;
        let packet = Auth { reason, method: up.offer.method.clone(), data, reason_string: None };
        auth::encode(&mut self.output.bytes, &packet)?;
        up.reauthentication = Reauthentication::Waiting;
        Ok(())
    }

    /// Ends the connection in order: DISCONNECT is the last output (MQTT-3.14.4-1). What is unfinished stays so.
    ///
    /// # Errors
    /// `NotConnected`; `SessionExpiry`.
    pub fn disconnect(&mut self, packet: &Disconnect) -> Result<(), NotTaken> {
        match &self.link {
            Link::Down => return Err(NotTaken::NotConnected),
            Link::Connecting(_) => {}
            Link::Up(up) => {
                if up.session_expiry == 0 && packet.session_expiry.is_some_and(|seconds| seconds > 0) {
                    return Err(NotTaken::SessionExpiry);
                }
                disconnect::encode(&mut self.output.bytes, up.offer.version, packet);
            }
        }
        self.end(End::ByClient);
        Ok(())
    }

    /// Forgets the session: every publish that is not complete fails.
    pub fn abandon(&mut self) {
        self.session.exact.clear();
        self.session.outbound.abandon(&mut self.output);
    }

    /// The transport is gone.
    pub fn closed(&mut self) {
        if !matches!(self.link, Link::Down) {
            self.output.bytes.clear();
            self.end(End::Closed);
        }
    }

    /// Takes whole packets from the front of `buffer`. Never panics, whatever the bytes are.
    pub fn receive(&mut self, buffer: &mut BytesMut, now: Instant) -> Taken {
        if let Link::Up(up) = &mut self.link
            && !buffer.is_empty()
        {
            up.keep_alive.received(now);
        }
        while self.output.takes_answers() {
            let max_packet_size = match &self.link {
                Link::Down => {
                    buffer.clear();
                    return Taken::All;
                }
                Link::Connecting(handshake) => handshake.offer.maximum_packet_size,
                Link::Up(up) => up.offer.maximum_packet_size,
            };
            let (kind, flags, header, len) = match split(buffer, max_packet_size) {
                Ok(Split::Partial { .. }) => return Taken::All,
                Ok(Split::Whole { frame, len }) => (frame.kind, frame.flags, len - frame.body.len(), len),
                Err(violation) => {
                    self.broken(Breach::from(violation).into());
                    continue;
                }
            };
            let packet = buffer.split_to(len).freeze();
            let frame = Frame { kind, flags, body: &packet[header..] };
            if let Err(end) = self.packet(&packet, frame, now) {
                self.broken(end);
            }
        }
        Taken::Rest
    }

    fn packet(&mut self, packet: &Bytes, frame: Frame<'_>, now: Instant) -> Result<(), End> {
        let Self { settings, session, link, output, .. } = self;
        let handshake = match link {
            Link::Up(up) => return up.packet(packet, frame, session, output),
            Link::Connecting(handshake) => handshake,
            Link::Down => return Ok(()),
        };
        let decoded = decode(frame, handshake.offer.version, Peer::Server).map_err(Breach::from)?;
        match handshake.packet(decoded, frame.kind)? {
            Step::Challenged(challenge) => output.event(Event::Challenged(challenge)),
            Step::Accepted(accepted) => {
                if let Link::Connecting(handshake) = std::mem::replace(link, Link::Down) {
                    let Handshake { offer, .. } = *handshake;
                    output.event(Event::Connected(accepted.clone()));
                    let up = Up::new(offer, &accepted, settings, session, output, now);
                    *link = Link::Up(Box::new(up));
                }
            }
        }
        Ok(())
    }

    /// The server ended the connection, or broke the rules: then it is told which, where the protocol has words for it
    /// (MQTT-4.13.1-1).
    fn broken(&mut self, end: End) {
        if let (Link::Up(up), End::Breach(breach)) = (&self.link, &end)
            && up.offer.version.is_v5()
        {
            let packet = Disconnect { reason: breach.reason(), ..Disconnect::default() };
            disconnect::encode(&mut self.output.bytes, up.offer.version, &packet);
        }
        self.end(end);
    }

    fn end(&mut self, end: End) {
        if let Link::Up(mut up) = std::mem::replace(&mut self.link, Link::Down) {
            up.requests.fail(&mut self.output);
        }
        self.output.event(Event::Ended(end));
    }

    /// Says whether bytes of the server are left unread for now. While they are, the server's silence means nothing.
    pub fn hold(&mut self, held: Held, now: Instant) {
        if let Link::Up(up) = &mut self.link {
            let reading = if held == Held::Yes { Reading::Held } else { Reading::Flowing };
            up.keep_alive.read(reading, now);
        }
    }

    /// When `elapsed` is to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.link {
            Link::Down => None,
            Link::Connecting(handshake) => handshake.deadline(),
            Link::Up(up) => up.keep_alive.deadline(),
        }
    }

    /// Does what is due at `now`; may be called at any time.
    pub fn elapsed(&mut self, now: Instant) {
        match &mut self.link {
            Link::Down => {}
            Link::Connecting(handshake) => {
                if handshake.deadline().is_some_and(|until| until <= now) {
                    self.end(End::NoAnswer);
                }
            }
            Link::Up(up) => match up.keep_alive.elapsed(now) {
                Due::Nothing => {}
                Due::Ping => ping::encode_request(&mut self.output.bytes),
                Due::Dead => {
                    self.output.bytes.clear();
                    self.end(End::KeepAlive);
                }
            },
        }
    }

    /// Bytes to send, in this order; empty when there are none for now. They count as sent at `now`.
    pub fn output(&mut self, now: Instant) -> Bytes {
        if let Self { link: Link::Up(up), session, output, .. } = self {
            up.sending.pump(&mut session.outbound, &up.requests, output);
            if !output.bytes.is_empty() {
                up.keep_alive.sent(now);
            }
        }
        self.output.bytes.split().freeze()
    }

    /// The next thing that happened.
    pub fn event(&mut self) -> Option<Event> {
        self.output.events.pop_front()
    }
}

/// Takes a packet back that is larger than the server allows (MQTT-3.2.2-15).
fn check_size(up: &Up, output: &mut Output, before: usize) -> Result<(), NotTaken> {
    if output.bytes.len() - before > up.sending.limits().maximum_packet_size as usize {
        output.bytes.truncate(before);
        return Err(RequestError::BeyondLimits(ReasonCode::PacketTooLarge).into());
    }
    Ok(())
}
