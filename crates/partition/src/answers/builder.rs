//! Answers into a message.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::{
    ATTACHED, DELIVER, DIRECT, DUP, KICK, NUMBERED, OPENED, PUBLISHED, RECEIVED, REFUSED, REJECTED, RELEASED, RETAIN,
    RETAINED, SHARED, SUBSCRIBED, SUBSCRIPTIONS, TOUCHED, UNSUBSCRIBED, YES, bodies_of,
};
use crate::address::{Owner, PartitionId};
use crate::answer::{Answer, Numbering};
use crate::command::SessionKind;
use crate::effect::{Delivery, Direct, Passing, Reply, SubscriptionIds};
use crate::filling::Short;
use crate::lane;
use crate::wire::Write;

/// The most that a builder makes ready for its next message, by the size of the last.
const USUAL_MOST: usize = 512 * 1024;

/// Collects answers of one partition to one lane into a message.
#[derive(Debug, Default)]
pub struct AnswersBuilder {
    bytes: BytesMut,
    number: u64,
    /// The body that was written last, to recognise it when it comes again.
    body: Bytes,
    /// The same of a message that passed: where it was and where it is, in this message.
    passed: Option<(usize, Range<usize>)>,
    /// Size of the last message: the next one is likely as long, and need not be moved while it grows.
    usual: usize,
}

impl AnswersBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an answer; all of one message are of one partition, and to connections of one lane. Numbers rise.
    pub fn push(&mut self, numbering: Numbering, answer: Answer) {
        self.begin(answer.from, answer.to);
        let (kind, is_yes) = kind(&answer.reply);
        let yes = if is_yes { YES } else { 0 };
        let mut short = Short::new();
        match numbering {
            Numbering::Numbered(number) => {
                short.u8(kind | yes | NUMBERED);
                short.varint(number.wrapping_sub(self.number));
                self.number = number;
            }
            Numbering::Unnumbered => short.u8(kind | yes),
        }
        short.varint(answer.to.slot.into());
        short.varint(answer.to.generation.into());
        short.append_to(&mut self.bytes);
        fields(&answer.reply, &mut self.bytes);
        debug_assert_eq!(answer.bodies.len(), bodies_of(&answer.reply), "as `Answer::bodies` says");
        answer.bodies.into_iter().take(bodies_of(&answer.reply)).for_each(|body| self.push_body(body));
    }

    fn begin(&mut self, from: PartitionId, to: Owner) {
        if self.bytes.is_empty() {
            self.bytes.reserve(self.usual);
            self.bytes.u8(lane::VERSION);
            self.bytes.u8(lane::ANSWERS);
            self.bytes.u16(from.0);
            self.bytes.lane(to.lane());
        }
    }

    /// As `push`, of a message that has passed through `from`; `body` is its encoded form.
    pub fn push_passing(&mut self, from: PartitionId, passing: &Passing, body: &[u8]) {
        self.begin(from, passing.to);
        let mut short = Short::new();
        short.u8(DIRECT);
        short.varint(passing.to.slot.into());
        short.varint(passing.to.generation.into());
        short.u8(passing.qos as u8 | if passing.retain { RETAIN } else { 0 });
        // No subscription identifiers.
        short.u8(0);
        if self.has_passed(body) {
            short.u8(0);
            return short.append_at_once(&mut self.bytes);
        }
        short.varint(body.len() as u64 + 1);
        short.append_at_once(&mut self.bytes);
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(body);
        self.passed = Some((body.as_ptr().addr(), begin..self.bytes.len()));
        self.body = Bytes::new();
    }

    /// Whether the body that was written last is this one. That it was at the same place is a hint only.
    fn has_passed(&self, body: &[u8]) -> bool {
        self.passed.as_ref().is_some_and(|(at, written)| {
            *at == body.as_ptr().addr() && written.len() == body.len() && self.bytes[written.clone()] == *body
        })
    }

    fn push_body(&mut self, body: Bytes) {
        // An empty one is not recognised: all of them lie nowhere.
        if !body.is_empty() && self.body.as_ptr() == body.as_ptr() && self.body.len() == body.len() {
            return self.bytes.varint(0);
        }
        self.bytes.varint(body.len() as u64 + 1);
        self.bytes.extend_from_slice(&body);
        self.body = body;
        self.passed = None;
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The message's size in bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The message, as [`ToWorker::decode`](lane::ToWorker::decode) reads it: nothing when there was no answer. The
    /// builder starts the next one.
    pub fn take(&mut self) -> Bytes {
        (self.number, self.body, self.passed) = (0, Bytes::new(), None);
        let len = self.bytes.len();
        self.usual = (len + len / 8).min(USUAL_MOST);
        self.bytes.split().freeze()
    }
}

/// The kind, and the reply's yes or no if it has one.
fn kind(reply: &Reply) -> (u8, bool) {
    match reply {
        Reply::Opened(opened) => (OPENED, opened.session_present),
        Reply::Kick { .. } => (KICK, false),
        Reply::Touched { .. } => (TOUCHED, false),
        Reply::Attached { .. } => (ATTACHED, false),
        Reply::Subscribed { existed, .. } => (SUBSCRIBED, *existed),
        Reply::Unsubscribed { existed, .. } => (UNSUBSCRIBED, *existed),
        Reply::Published { matched, .. } => (PUBLISHED, *matched),
        Reply::Released { found, .. } => (RELEASED, *found),
        Reply::Deliver(_) => (DELIVER, false),
        Reply::Received { .. } => (RECEIVED, false),
        Reply::Direct(_) => (DIRECT, false),
        Reply::Retained { more, .. } => (RETAINED, more.is_some()),
        Reply::Subscriptions { more, .. } => (SUBSCRIPTIONS, more.is_some()),
        Reply::Refused { .. } => (REFUSED, false),
        Reply::Rejected { .. } => (REJECTED, false),
    }
}

fn fields(reply: &Reply, out: &mut BytesMut) {
    match reply {
        Reply::Opened(opened) => {
            out.u64(opened.epoch.0);
            out.bool(opened.kind == SessionKind::Persistent);
            out.u64(opened.touched.0);
        }
        Reply::Kick { epoch } => out.u64(epoch.0),
        Reply::Attached { session, epoch } => {
            out.varint(session.0.into());
            out.u64(epoch.0);
        }
        Reply::Touched { tag }
        | Reply::Subscribed { tag, .. }
        | Reply::Unsubscribed { tag, .. }
        | Reply::Published { tag, .. }
        | Reply::Released { tag, .. }
        | Reply::Rejected { tag } => out.varint(tag.0.into()),
        Reply::Deliver(delivery) => delivered(delivery, out),
        Reply::Received { session, entry, packet_id } => {
            out.varint(session.0.into());
            out.varint(*entry);
            out.u16(packet_id.get());
        }
        Reply::Direct(message) => direct(message, out),
        Reply::Retained { tag, messages, more } => {
            out.varint(tag.0.into());
            out.varint(messages.len() as u64);
            messages.iter().for_each(|message| direct(message, out));
            if let Some(more) = more {
                out.blob(more);
            }
        }
        Reply::Subscriptions { tag, filters, more } => {
            out.varint(tag.0.into());
            out.varint(filters.len() as u64);
            filters.iter().for_each(|filter| out.text(filter));
            if let Some(more) = more {
                out.blob(more);
            }
        }
        Reply::Refused { tag, epoch } => {
            out.varint(tag.0.into());
            out.u64(epoch.0);
        }
    }
}

fn delivered(delivery: &Delivery, out: &mut BytesMut) {
    let retain = if delivery.retain { RETAIN } else { 0 };
    let dup = if delivery.dup { DUP } else { 0 };
    out.u8(delivery.qos as u8 | retain | dup);
    out.varint(delivery.session.0.into());
    out.varint(delivery.entry);
    out.u16(delivery.packet_id.get());
    subscription_ids(&delivery.subscription_ids, out);
}

fn direct(direct: &Direct, out: &mut BytesMut) {
    let retain = if direct.retain { RETAIN } else { 0 };
    let shared = if direct.share.is_some() { SHARED } else { 0 };
    out.u8(direct.qos as u8 | retain | shared);
    subscription_ids(&direct.subscription_ids, out);
    if let Some(share) = &direct.share {
        out.text(share);
    }
}

fn subscription_ids(ids: &SubscriptionIds, out: &mut BytesMut) {
    out.varint(ids.len() as u64);
    ids.iter().for_each(|id| out.varint((*id).into()));
}
