//! Answers out of a message.

use std::sync::Arc;

use bytes::Bytes;
use mqtt::QoS;
use smallvec::SmallVec;

use super::{
    ATTACHED, DELIVER, DIRECT, DUP, KICK, NUMBERED, OPENED, PUBLISHED, RECEIVED, REFUSED, REJECTED, RELEASED, RETAIN,
    RETAINED, SHARED, SUBSCRIBED, SUBSCRIPTIONS, TOUCHED, UNSUBSCRIBED, YES, bodies_of,
};
use crate::address::{BodyRef, Lane, Owner, PartitionId, PartitionSet, SessionSlot, Tag};
use crate::answer::{Answer, Numbering};
use crate::command::SessionKind;
use crate::effect::{Delivery, Direct, Opened, Reply, SubscriptionIds};
use crate::lane;
use crate::wire::{DecodeError, Reader};

/// The reference in an answer that came from another process: its bodies are all that there is.
const ELSEWHERE: BodyRef = BodyRef { index: 0, offset: 0, len: 0 };

/// Walks the answers of a message. After an error it ends.
#[derive(Clone, Debug)]
pub struct AnswerReader<'a> {
    message: &'a Bytes,
    rest: Reader<'a>,
    from: PartitionId,
    lane: Lane,
    number: u64,
    /// The body that was read last.
    body: Option<&'a [u8]>,
}

impl<'a> AnswerReader<'a> {
    /// # Errors
    /// When the message does not carry answers.
    pub fn new(message: &'a Bytes) -> Result<Self, DecodeError> {
        let mut rest = Reader::new(message);
        match (rest.u8()?, rest.u8()?) {
            (lane::VERSION, lane::ANSWERS) => {}
            (lane::VERSION, other) => return Err(DecodeError::UnknownKind(other)),
            (other, _) => return Err(DecodeError::UnknownVersion(other)),
        }
        let (from, lane) = (rest.partition()?, rest.lane()?);
        Ok(Self { message, rest, from, lane, number: 0, body: None })
    }

    /// The size of the whole message in bytes.
    pub fn message_len(&self) -> usize {
        self.message.len()
    }

    /// What has come whole of these bytes.
    pub fn message(&self) -> &'a Bytes {
        self.message
    }

    /// Takes the next answer if it is a message without a number, that nobody keeps, and of no shared subscription: nearly
    /// all are, and an [`Answer`] is large. Otherwise nothing is taken, as where the message ends.
    ///
    /// # Errors
    /// When it cannot be read; what is left is to be left.
    #[inline]
    pub fn next_passed(&mut self) -> Result<Option<Passed<'a>>, DecodeError> {
        let [DIRECT, ..] = *self.rest.rest() else { return Ok(None) };
        let mut r = self.rest.clone();
        r.u8()?;
        let Lane { frontend, worker } = self.lane;
        let to = Owner { frontend, worker, slot: r.varint_u32()?, generation: r.varint_u32()? };
        let bits = r.u8()?;
        if bits & SHARED != 0 {
            return Ok(None);
        }
        let (qos, retain, subscription_ids) = (qos(bits & !RETAIN)?, bits & RETAIN != 0, read_ids(&mut r)?);
        self.rest = r;
        let body = self.body_bytes()?;
        Ok(Some(Passed { to, qos, retain, subscription_ids, body }))
    }

    fn answer(&mut self) -> Result<(Numbering, Answer), DecodeError> {
        let kind = self.rest.u8()?;
        let numbering = if kind & NUMBERED == 0 {
            Numbering::Unnumbered
        } else {
            let number = self.number.checked_add(self.rest.varint()?);
            self.number = number.ok_or(DecodeError::Inconsistent("the number of an answer"))?;
            Numbering::Numbered(self.number)
        };
        let Lane { frontend, worker } = self.lane;
        let to = Owner { frontend, worker, slot: self.rest.varint_u32()?, generation: self.rest.varint_u32()? };
        let reply = reply(kind & !(NUMBERED | YES), kind & YES != 0, &mut self.rest)?;
        let mut bodies = SmallVec::new();
        for _ in 0..bodies_of(&reply) {
            bodies.push(self.body()?);
        }
        Ok((numbering, Answer { to, from: self.from, reply, bodies }))
    }

    fn body(&mut self) -> Result<Bytes, DecodeError> {
        self.body_bytes().map(|body| self.message.slice_ref(body))
    }

    #[inline]
    fn body_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let Some(len) = self.rest.varint()?.checked_sub(1) else {
            return self.body.ok_or(DecodeError::Inconsistent("a body that repeats none"));
        };
        let len = usize::try_from(len).map_err(|_| DecodeError::Truncated)?;
        let body = self.rest.bytes(len)?;
        self.body = Some(body);
        Ok(body)
    }
}

/// A message that has passed through a partition, as [`Direct`] says it, with its encoded form where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Passed<'a> {
    pub to: Owner,
    pub qos: QoS,
    pub retain: bool,
    pub subscription_ids: SubscriptionIds,
    pub body: &'a [u8],
}

impl Iterator for AnswerReader<'_> {
    type Item = Result<(Numbering, Answer), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.finish().is_ok() {
            return None;
        }
        let answer = self.answer();
        if answer.is_err() {
            self.rest.tail();
        }
        Some(answer)
    }
}

fn reply(kind: u8, is_yes: bool, r: &mut Reader<'_>) -> Result<Reply, DecodeError> {
    Ok(match kind {
        OPENED => Reply::Opened(Opened {
            epoch: r.epoch()?,
            kind: if r.bool()? { SessionKind::Persistent } else { SessionKind::Transient },
            session_present: is_yes,
            touched: PartitionSet(r.u64()?),
        }),
        SUBSCRIBED => Reply::Subscribed { tag: tag(r)?, existed: is_yes },
        UNSUBSCRIBED => Reply::Unsubscribed { tag: tag(r)?, existed: is_yes },
        PUBLISHED => Reply::Published { tag: tag(r)?, matched: is_yes },
        RELEASED => Reply::Released { tag: tag(r)?, found: is_yes },
        RETAINED => Reply::Retained { tag: tag(r)?, messages: several(r, read_direct)?, more: more(is_yes, r)? },
        SUBSCRIPTIONS => Reply::Subscriptions {
            tag: tag(r)?,
            filters: several(r, |r| Ok(r.text()?.into()))?,
            more: more(is_yes, r)?,
        },
        _ if is_yes => return Err(DecodeError::UnknownKind(kind | YES)),
        KICK => Reply::Kick { epoch: r.epoch()? },
        TOUCHED => Reply::Touched { tag: tag(r)? },
        ATTACHED => Reply::Attached { session: session(r)?, epoch: r.epoch()? },
        DELIVER => Reply::Deliver(read_delivery(r)?),
        RECEIVED => Reply::Received { session: session(r)?, entry: r.varint()?, packet_id: r.packet_id()? },
        DIRECT => Reply::Direct(read_direct(r)?),
        REFUSED => Reply::Refused { tag: tag(r)?, epoch: r.epoch()? },
        REJECTED => Reply::Rejected { tag: tag(r)? },
        other => return Err(DecodeError::UnknownKind(other)),
    })
}

fn tag(r: &mut Reader<'_>) -> Result<Tag, DecodeError> {
    r.varint_u32().map(Tag)
}

fn session(r: &mut Reader<'_>) -> Result<SessionSlot, DecodeError> {
    r.varint_u32().map(SessionSlot)
}

/// As many as are said, each of a byte at least.
fn several<'a, T>(
    r: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut all = Vec::new();
    for _ in 0..r.varint()? {
        all.push(read(r)?);
    }
    Ok(all)
}

fn more(is_there: bool, r: &mut Reader<'_>) -> Result<Option<Box<[u8]>>, DecodeError> {
    if is_there { Ok(Some(r.blob()?.into())) } else { Ok(None) }
}

fn read_delivery(r: &mut Reader<'_>) -> Result<Delivery, DecodeError> {
    let bits = r.u8()?;
    Ok(Delivery {
        session: session(r)?,
        entry: r.varint()?,
        packet_id: r.packet_id()?,
        dup: bits & DUP != 0,
        qos: qos(bits & !(RETAIN | DUP))?,
        retain: bits & RETAIN != 0,
        subscription_ids: read_ids(r)?,
        body: ELSEWHERE,
    })
}

fn read_direct(r: &mut Reader<'_>) -> Result<Direct, DecodeError> {
    let bits = r.u8()?;
    Ok(Direct {
        qos: qos(bits & !(RETAIN | SHARED))?,
        retain: bits & RETAIN != 0,
        subscription_ids: read_ids(r)?,
        share: if bits & SHARED != 0 { Some(Arc::from(r.text()?)) } else { None },
        body: ELSEWHERE,
    })
}

fn qos(bits: u8) -> Result<QoS, DecodeError> {
    QoS::try_from(bits).map_err(|_| DecodeError::Value(bits.into(), "the flags of a delivery"))
}

#[inline]
fn read_ids(r: &mut Reader<'_>) -> Result<SubscriptionIds, DecodeError> {
    match r.varint()? {
        0 => Ok(SubscriptionIds::new()),
        count => read_some_ids(count, r),
    }
}

#[inline(never)]
fn read_some_ids(count: u64, r: &mut Reader<'_>) -> Result<SubscriptionIds, DecodeError> {
    let mut ids = SubscriptionIds::new();
    for _ in 0..count {
        ids.push(r.varint_u32()?);
    }
    Ok(ids)
}
