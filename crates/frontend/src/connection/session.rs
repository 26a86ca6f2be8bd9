//! What a connection knows of its client: before CONNECT, while its session is opened, and after.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use auth::{Policy, Principal};
use bytes::BytesMut;
use mqtt::{Connect, PacketId, ProtocolVersion, ReasonCode, RetainHandling};
use partition::sabotage::{Guard, is_broken};
use partition::{Epoch, PartitionId, PartitionSet, SessionKind, Tag};

use super::Grant;
use super::traced::TracedOperations;
use crate::aliases::IncomingAliases;
use crate::counters::CategoryCounters;
use crate::pending_acks::{PendingAcks, REQUEST_TAG};
use crate::receptions::Receptions;
use crate::settings::Limits;

/// How far the connection is.
pub(crate) enum Phase {
    AwaitConnect,
    /// It is being found out who the client is.
    Authenticating(Box<Authenticating>),
    /// CONNECT is accepted; its session home has not answered yet.
    Opening(Box<Opening>),
    Open,
}

pub(crate) struct Authenticating {
    pub connect: Connect,
    /// By whose methods.
    pub policy: Arc<Policy>,
    /// Set when the server chose the client id (MQTT-3.2.2-16).
    pub assigned: bool,
}

/// What is settled while the session home works.
pub(crate) struct Opening {
    pub connect: Connect,
    pub principal: Principal,
    pub grant: Grant,
    /// Set when the server chose the client id (MQTT-3.2.2-16).
    pub assigned: bool,
    /// Seconds after the server's bound, and whether the bound changed it (MQTT-3.2.2-21).
    pub keep_alive: u16,
    pub session_expiry: u32,
    /// For CONNACK: the method of enhanced authentication (MQTT-4.12.0-5).
    pub authentication: Option<mqtt::Authentication>,
}

/// A client's session as this connection holds it; what does not change while it does.
pub(crate) struct Session {
    /// Without attributes, which `grant` has.
    pub principal: Principal,
    pub grant: RefCell<Grant>,
    /// The topic of its will.
    pub will: Option<Box<str>>,
    pub epoch: Epoch,
    pub kind: SessionKind,
    pub home: PartitionId,
    /// What its CONNECT asked for.
    pub clean_start: bool,
    /// Seconds; 0 is off.
    pub keep_alive: u16,
    pub session_expiry: u32,
    /// What a partition may have handed out unacknowledged.
    pub window: u16,
    /// Messages that may wait for it in queues; 0 is no limit.
    pub queue_length: u64,
    /// Method of enhanced authentication, which a re-authentication must name again (MQTT-4.12.1-1).
    pub method: Option<String>,
    /// Partitions where the session home knows this session to have something.
    pub touched: Cell<PartitionSet>,
    /// Counts what this client does.
    pub category: Arc<CategoryCounters>,
}

impl Session {
    pub fn client_id(&self) -> &str {
        &self.principal.client_id
    }

    /// MQTT-3.1.2-22: one and a half times the keep alive, in seconds; `None` without one. One more, since the second in
    /// which the client was heard had begun before.
    pub fn keep_alive_grace_s(&self) -> Option<u64> {
        (self.keep_alive > 0).then(|| (u64::from(self.keep_alive) * 3).div_ceil(2) + 1)
    }
}

/// A request whose parts are answered by partitions.
pub(crate) struct Request {
    number: u32,
    outstanding: usize,
    kind: RequestKind,
}

pub(crate) enum RequestKind {
    /// Codes are what SUBACK will carry; `sys` the filters that `$SYS` values are to be looked up for, and which part of
    /// the request they are.
    Subscribe {
        id: PacketId,
        codes: Vec<ReasonCode>,
        sys: Vec<SysFilter>,
        identifier: Option<u32>,
    },
    /// Parts are filters; a filter's code turns to success with the first partition that had it.
    Unsubscribe {
        id: PacketId,
        codes: Vec<ReasonCode>,
    },
    Release {
        id: PacketId,
        found: bool,
    },
    /// Subscriptions wait for the session home to note which partitions they touch.
    Touch {
        partitions: PartitionSet,
    },
}

/// A re-authentication (MQTT 5, 4.12.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Renewal {
    #[default]
    None,
    /// The client has sent its credentials.
    Judging,
    /// It could not be found out; the client may send them once more.
    Invited,
}

/// A filter of a SUBSCRIBE that the broker's own values may match.
pub(crate) struct SysFilter {
    pub part: u16,
    pub filter: String,
    pub retain_handling: RetainHandling,
    /// The client was subscribed to it before.
    pub existed: bool,
}

impl SysFilter {
    /// Whether the current values are sent at once (3.8.3.1).
    pub fn wants_current(&self) -> bool {
        match self.retain_handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendIfNew => !self.existed,
            RetainHandling::DoNotSend => false,
        }
    }
}

/// What the client has said and is waiting for.
pub(crate) struct Inbound {
    pub phase: Phase,
    /// Until CONNECT says another one, the oldest form, in which least is said.
    pub version: ProtocolVersion,
    /// Second in which the connection was accepted.
    pub since_s: u64,
    /// Those at CONNECT: what CONNACK has promised stays.
    pub limits: Rc<Limits>,
    pub session: Option<Rc<Session>>,
    /// The beginning of a packet, or packets that may not be looked at yet.
    pub partial: BytesMut,
    /// Bytes the packet at the front of `partial` needs in total; 0 when it is whole.
    pub need: usize,
    pub acks: PendingAcks,
    /// Every QoS 2 publish that is not released, those whose PUBREC is among `acks` included.
    pub receptions: Receptions,
    pub aliases: IncomingAliases,
    /// Per QoS: publishes under way through a partition that deliver to everybody, which none may overtake.
    pub fences: [u32; 3],
    requests: VecDeque<Request>,
    next_request: u32,
    /// What the client has sent after a SUBSCRIBE waits until that is acknowledged (or its partitions noted), so that a
    /// PUBLISH right behind it reaches the subscription.
    pub held: bool,
    /// Second since which publishes wait because memory is short.
    pub slowed_since_s: Option<u64>,
    /// Publishes of a 3.1.1 client that a full disk refused, to be sent again: (partition, encoded command).
    pub refused: Vec<(PartitionId, Box<[u8]>)>,
    pub renewal: Renewal,
    /// Operations that are to become spans.
    pub traced: Option<Box<TracedOperations>>,
}

impl Inbound {
    pub fn new(since_s: u64, limits: Rc<Limits>) -> Self {
        Self {
            phase: Phase::AwaitConnect,
            version: ProtocolVersion::V3_1_1,
            since_s,
            limits,
            session: None,
            partial: BytesMut::new(),
            need: 0,
            acks: PendingAcks::default(),
            receptions: Receptions::default(),
            aliases: IncomingAliases::default(),
            fences: [0; 3],
            requests: VecDeque::new(),
            next_request: 0,
            held: false,
            slowed_since_s: None,
            refused: Vec::new(),
            renewal: Renewal::None,
            traced: None,
        }
    }

    /// Learns the version from the beginning of a CONNECT that is refused for its size.
    pub fn look_for_version(&mut self, packet: &[u8]) {
        const LONGEST_FIXED_HEADER: usize = 5;
        let length_bytes = packet.iter().skip(1).take_while(|byte| **byte >= 0x80).count() + 1;
        if let (Phase::AwaitConnect, Some(body)) = (&self.phase, packet.get(1 + length_bytes..))
            && length_bytes < LONGEST_FIXED_HEADER
            && let Ok(version) = ProtocolVersion::of_connect(body)
        {
            self.version = version;
        }
    }

    /// Takes what is known of a session that its home has not answered for yet.
    pub fn take_opening(&mut self) -> Option<Box<Opening>> {
        match std::mem::replace(&mut self.phase, Phase::AwaitConnect) {
            Phase::Opening(opening) => Some(opening),
            other => {
                self.phase = other;
                None
            }
        }
    }

    /// QoS 1 and 2 publishes not yet acknowledged in full, as our Receive Maximum counts them.
    pub fn unacknowledged(&self) -> usize {
        self.acks.pubacks() + self.receptions.len()
    }

    /// Whether so many requests wait for partitions that the client has to wait with the next.
    pub fn has_many_requests(&self) -> bool {
        self.requests.len() >= MAX_REQUESTS
    }

    /// Begins a request of `outstanding` parts and returns the tag of part 0; see [`part_tag`].
    pub fn begin_request(&mut self, outstanding: usize, kind: RequestKind) -> Tag {
        let mut number = self.next_request;
        for old in &self.requests {
            // In the order of their numbers, oldest first: only after a whole round does one come up that is taken.
            if old.number != number {
                break;
            }
            number = (number + 1) % REQUEST_NUMBERS;
        }
        self.next_request = (number + 1) % REQUEST_NUMBERS;
        self.requests.push_back(Request { number, outstanding, kind });
        Tag(REQUEST_TAG | number << PART_BITS)
    }

    /// Takes the answer to one part, which `note` is told. Returns the request when it was the last one.
    pub fn part_answered(&mut self, tag: Tag, note: impl FnOnce(&mut RequestKind, u16)) -> Option<RequestKind> {
        let number = (tag.0 & !REQUEST_TAG) >> PART_BITS;
        let place = self.requests.iter().position(|r| r.number == number)?;
        let request = &mut self.requests[place];
        note(&mut request.kind, tag.0 as u16);
        request.outstanding = request.outstanding.saturating_sub(1);
        if request.outstanding > 0 && !is_broken(Guard::Subscribed) {
            return None;
        }
        let done = self.requests.remove(place)?;
        if self.requests.is_empty() {
            // A connection at rest holds nothing for the next request.
            self.requests = VecDeque::new();
        }
        Some(done.kind)
    }
}

/// A request's tag is [`REQUEST_TAG`], its number, and in the lowest bits which of its parts is meant.
const PART_BITS: u32 = 16;
/// The highest number is left to [`FENCE_TAG`](crate::pending_acks::FENCE_TAG).
const REQUEST_NUMBERS: u32 = (1 << (31 - PART_BITS)) - 1;
/// Far below the numbers, so that no two requests under way share one.
const MAX_REQUESTS: usize = 1024;
/// The most filters in one SUBSCRIBE or UNSUBSCRIBE: each is a part.
pub(crate) const MAX_PARTS: usize = 1 << PART_BITS;

/// Tag of part `part` of a request.
pub(crate) fn part_tag(request: Tag, part: u16) -> Tag {
    Tag(request.0 | u32::from(part))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;
    use crate::pending_acks::FENCE_TAG;

    fn inbound() -> Inbound {
        let limits = Limits {
            session_expiry: u32::MAX,
            message_expiry: None,
            packet_size: 1024,
            client_receive_maximum: NonZeroU16::MAX,
            receive_maximum: NonZeroU16::MAX,
            keep_alive: None,
            topic_alias_maximum: 0,
            queue_length: 0,
        };
        Inbound::new(0, Rc::new(limits))
    }

    fn release(n: u16) -> RequestKind {
        RequestKind::Release { id: PacketId::new(n).unwrap(), found: false }
    }

    #[test]
    fn a_request_ends_with_its_last_part() {
        let mut inbound = inbound();
        let other = inbound.begin_request(1, release(2));
        let tag = inbound.begin_request(2, release(1));
        let note = |kind: &mut RequestKind, part: u16| {
            if let RequestKind::Release { found, .. } = kind {
                *found |= part == 7;
            }
        };
        assert!(inbound.part_answered(part_tag(tag, 7), note).is_none());
        let done = inbound.part_answered(tag, note);
        assert!(matches!(done, Some(RequestKind::Release { found: true, .. })));
        assert!(inbound.part_answered(tag, note).is_none());
        assert!(matches!(inbound.part_answered(other, note), Some(RequestKind::Release { found: false, .. })));
    }

    #[test]
    fn a_request_that_waits_for_long_keeps_its_number() {
        let mut inbound = inbound();
        let old = [inbound.begin_request(1, release(1)), inbound.begin_request(1, release(2))];
        for _ in 0..3 * REQUEST_NUMBERS {
            let tag = inbound.begin_request(1, release(3));
            assert!(!old.contains(&tag) && tag != FENCE_TAG);
            assert!(inbound.part_answered(tag, |_, _| {}).is_some());
        }
        for (tag, n) in old.into_iter().zip(1..) {
            let done = inbound.part_answered(tag, |_, _| {});
            assert!(matches!(done, Some(RequestKind::Release { id, .. }) if id.get() == n));
        }
    }
}
