//! One connection of the load, and what its packets mean to it.

use mqtt::{Frame, Packet, PacketType, Peer, ProtocolVersion, QoS, ReasonCode, Split, decode, split};

use super::counts::Count;
use super::fault::Fault;
use super::in_flight::Stage;
use super::ledger::{Incoming, Ledger, Measure};
use super::publisher::Publisher;
use super::subscriber::Subscriber;
use super::transport::{Outgoing, Scratch, Transport};

/// The protocol's own bound.
const MAX_PACKET_SIZE: u32 = 268_435_460;

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Closed,
    /// TCP is being opened.
    Dialing,
    /// CONNECT is on its way.
    Opening,
    /// SUBSCRIBE is on its way.
    Subscribing,
    Open,
    /// DISCONNECT is on its way.
    Leaving,
}

/// What a connection is for.
pub(super) enum Role {
    /// To be there; with this filter, if any.
    Idle {
        number: u32,
    },
    Publisher(Box<Publisher>),
    Subscriber(Box<Subscriber>),
}

/// Monotonic nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    /// When it was due to be made.
    pub(super) due: u64,
    /// When it was begun.
    pub(super) begun: u64,
    pub(super) written: u64,
    pub(super) read: u64,
    /// When the last PINGREQ was written.
    pub(super) pinged: u64,
}

/// Whether the broker has been told about this client before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Past {
    New,
    /// It was connected before and is expected to find its session.
    Known,
    /// It connects once more, only to have its session deleted.
    Erased,
}

/// One connection, open or not.
pub(super) struct Connection {
    pub(super) phase: Phase,
    pub(super) role: Role,
    pub(super) past: Past,
    pub(super) out: Outgoing,
    pub(super) transport: Option<Transport>,
    /// The front of a packet whose rest is still to come.
    partial: Vec<u8>,
    /// The socket takes no more for now.
    pub(super) blocked: bool,
    /// Its publisher has more to write than the socket took so far.
    pub(super) throttled: bool,
    /// On the list of those with something to write.
    pub(super) dirty: bool,
    pub(super) times: Times,
    /// Attempts since it was last open.
    pub(super) attempts: u32,
    /// Nanoseconds, 0 for none.
    pub(super) keep_alive: u64,
}

impl Connection {
    pub(super) fn new(role: Role) -> Self {
        Self {
            phase: Phase::Closed,
            role,
            past: Past::New,
            out: Outgoing::default(),
            transport: None,
            partial: Vec::new(),
            blocked: false,
            throttled: false,
            dirty: false,
            times: Times::default(),
            attempts: 0,
            keep_alive: 0,
        }
    }

    /// Lets go of the socket and of what was half read or half written.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Closed;
        self.transport = None;
        self.out = Outgoing::default();
        self.partial = Vec::new();
        self.blocked = false;
        self.throttled = false;
    }

    /// Reads once and goes through the packets that came.
    ///
    /// # Errors
    /// The connection ended, or the broker sent what it may not.
    #[inline]
    pub(super) fn read(
        &mut self,
        me: u32,
        version: ProtocolVersion,
        scratch: &mut Scratch,
        ledger: &mut Ledger,
    ) -> Result<(), Fault> {
        let Self { transport: Some(transport), partial, out, role, phase, times, .. } = self else { return Ok(()) };
        times.read = ledger.now;
        let mut receiver = Receiver { me, version, out: &mut out.bytes, role, phase, ledger };
        let outcome = transport.read(scratch, |bytes| receiver.bytes(partial, bytes));
        match outcome {
            Err(Fault::Closed) if matches!(self.phase, Phase::Dialing | Phase::Opening) => {
                Err(Fault::ClosedBeforeAnswer)
            }
            outcome => outcome,
        }
    }
}

/// Goes through what one connection was sent.
struct Receiver<'a> {
    me: u32,
    version: ProtocolVersion,
    out: &'a mut Vec<u8>,
    role: &'a mut Role,
    phase: &'a mut Phase,
    ledger: &'a mut Ledger,
}

impl Receiver<'_> {
    #[inline]
    fn bytes(&mut self, partial: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Fault> {
        if partial.is_empty() {
            let used = self.packets(bytes)?;
            partial.extend_from_slice(&bytes[used..]);
        } else {
            partial.extend_from_slice(bytes);
            let used = self.packets(partial)?;
            partial.drain(..used);
        }
        Ok(())
    }

    /// Goes through whole packets; says how many bytes they were.
    #[inline]
    fn packets(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut at = 0;
        loop {
            match split(&bytes[at..], MAX_PACKET_SIZE).map_err(Fault::Malformed)? {
                Split::Whole { frame, len } => {
                    at += len;
                    self.packet(frame)?;
                }
                Split::Partial { .. } => return Ok(at),
            }
        }
    }

    #[inline]
    fn packet(&mut self, frame: Frame<'_>) -> Result<(), Fault> {
        match frame.kind {
            PacketType::Publish => self.publish(frame),
            PacketType::PubAck | PacketType::PubRec | PacketType::PubComp => self.acknowledgement(frame),
            PacketType::PubRel => self.release(frame),
            _ => self.control(frame),
        }
    }

    /// Only what is used is looked at: this is not the broker's judge, and each message costs.
    #[inline]
    fn publish(&mut self, frame: Frame<'_>) -> Result<(), Fault> {
        let cut_short = Fault::Malformed(mqtt::Violation::Truncated);
        let Some((qos, id, payload)) = open_publish(frame, self.version) else { return Err(cut_short) };
        let incoming = Incoming { dup: frame.flags & 0b1000 != 0, payload };
        let [high, low] = id.to_be_bytes();
        let is_new = match qos {
            0 => {
                self.ledger.counts[Count::AtMostOnce] += 1;
                true
            }
            1 => {
                self.out.extend_from_slice(&[0x40, 2, high, low]);
                true
            }
            _ => {
                self.out.extend_from_slice(&[0x50, 2, high, low]);
                match &mut *self.role {
                    Role::Subscriber(subscriber) => subscriber.unreleased.insert(id),
                    Role::Idle { .. } | Role::Publisher(_) => true,
                }
            }
        };
        match &mut *self.role {
            Role::Subscriber(subscriber) if is_new => self.ledger.arrived(subscriber, incoming),
            Role::Subscriber(_) => {}
            Role::Idle { .. } | Role::Publisher(_) => self.ledger.counts[Count::Foreign] += 1,
        }
        Ok(())
    }

    fn release(&mut self, frame: Frame<'_>) -> Result<(), Fault> {
        let Some((id, _)) = open_ack(frame, self.version)? else {
            return Err(Fault::Malformed(mqtt::Violation::Truncated));
        };
        if let Role::Subscriber(subscriber) = &mut *self.role {
            subscriber.unreleased.remove(id);
        }
        let [high, low] = id.to_be_bytes();
        self.out.extend_from_slice(&[0x70, 2, high, low]);
        Ok(())
    }

    #[inline]
    fn acknowledgement(&mut self, frame: Frame<'_>) -> Result<(), Fault> {
        let Some((id, reason)) = open_ack(frame, self.version)? else {
            return Err(Fault::Malformed(mqtt::Violation::Truncated));
        };
        let Role::Publisher(publisher) = &mut *self.role else { return Err(Fault::UnknownAcknowledgement) };
        let local = publisher.local;
        let Some(slot) = publisher.in_flight.slot(id) else { return Err(Fault::UnknownAcknowledgement) };
        if frame.kind == PacketType::PubRec && !reason.is_error() {
            slot.stage = Stage::Released;
            let [high, low] = id.to_be_bytes();
            self.out.extend_from_slice(&[0x62, 2, high, low]);
            return Ok(());
        }
        let due = slot.due;
        publisher.in_flight.release(id);
        if reason.is_error() && frame.kind != PacketType::PubComp {
            self.ledger.counts[Count::RefusedPublishes] += 1;
            self.ledger.fault(&Fault::PublishRefused(reason));
            self.ledger.credit.refused(local);
        } else {
            self.ledger.counts[Count::Acked] += 1;
            if self.ledger.measure == Measure::On {
                self.ledger.latencies.acknowledgement.record(self.ledger.now.saturating_sub(due));
            }
        }
        self.ledger.credit.wake(local);
        Ok(())
    }

    #[inline(never)]
    fn control(&mut self, frame: Frame<'_>) -> Result<(), Fault> {
        match decode(frame, self.version, Peer::Server).map_err(Fault::Malformed)? {
            Packet::ConnAck(connack) if *self.phase == Phase::Opening => {
                if connack.reason.is_error() {
                    return Err(Fault::Refused(connack.reason));
                }
                *self.phase = Phase::Open;
                self.ledger.news.accepted.push((self.me, connack));
                Ok(())
            }
            Packet::SubAck(suback) if *self.phase == Phase::Subscribing => self.subscribed(&suback.codes),
            Packet::PingResp => Ok(()),
            Packet::Disconnect(disconnect) => Err(Fault::Disconnected(disconnect.reason)),
            Packet::ConnAck(_) => Err(Fault::Unexpected("CONNACK")),
            Packet::SubAck(_) => Err(Fault::Unexpected("SUBACK")),
            Packet::Auth(_) => Err(Fault::Unexpected("AUTH")),
            _ => Err(Fault::Unexpected("one that only clients send, or that answers nothing")),
        }
    }

    fn subscribed(&mut self, codes: &[ReasonCode]) -> Result<(), Fault> {
        if let Some(refusal) = codes.iter().find(|code| code.is_error()) {
            return Err(Fault::SubscriptionRefused(*refusal));
        }
        *self.phase = Phase::Open;
        self.ledger.counts[Count::Subscribed] += 1;
        self.ledger.news.subscribed.push((self.me, codes.first().map_or(0, |code| *code as u8)));
        Ok(())
    }
}

/// QoS, packet identifier and payload of a PUBLISH; `None` when it is cut short.
#[inline]
fn open_publish(frame: Frame<'_>, version: ProtocolVersion) -> Option<(u8, u16, &[u8])> {
    let qos = frame.flags >> 1 & 3;
    let topic_len = u16::from_be_bytes(*frame.body.first_chunk()?);
    let mut at = 2 + usize::from(topic_len);
    let mut id = 0;
    if qos > QoS::AtMostOnce as u8 {
        id = u16::from_be_bytes(*frame.body.get(at..)?.first_chunk()?);
        at += 2;
    }
    if version.is_v5() {
        let (len, width) = variable(frame.body.get(at..)?)?;
        at += len + width;
    }
    Some((qos, id, frame.body.get(at..)?))
}

/// Packet identifier and reason of an acknowledgement; most are two bytes long.
#[inline]
fn open_ack(frame: Frame<'_>, version: ProtocolVersion) -> Result<Option<(u16, ReasonCode)>, Fault> {
    if let Ok(id) = frame.body.try_into() {
        return Ok(Some((u16::from_be_bytes(id), ReasonCode::Success)));
    }
    match decode(frame, version, Peer::Server).map_err(Fault::Malformed)? {
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            Ok(Some((ack.id.get(), ack.reason)))
        }
        _ => Ok(None),
    }
}

/// The variable byte integer at the front of `bytes`, and how wide it is.
#[inline]
fn variable(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}
