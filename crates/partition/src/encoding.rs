//! How each command is written, field by field; `decoding` reads in the same order.
//!
//! A command that gets another field gets another kind, and the kind without it is read as before.

use crate::command::{Command, Numbered, Origin, Publish, Scope, SessionKind, Step, Subscribe};
use crate::wire::Write;

pub(crate) const OPEN: u8 = 1;
pub(crate) const TOUCH: u8 = 2;
pub(crate) const CLOSE: u8 = 3;
pub(crate) const FRONTEND_GONE: u8 = 4;
pub(crate) const CONFIRM: u8 = 5;
pub(crate) const ATTACH: u8 = 6;
pub(crate) const DETACH: u8 = 7;
pub(crate) const SUBSCRIBE: u8 = 8;
pub(crate) const UNSUBSCRIBE: u8 = 9;
pub(crate) const PUBLISH: u8 = 10;
pub(crate) const RELEASE: u8 = 11;
pub(crate) const ACKNOWLEDGE: u8 = 12;
pub(crate) const DROP: u8 = 13;
pub(crate) const TRIM: u8 = 14;
pub(crate) const FORGET_WILL: u8 = 15;
pub(crate) const READ_RETAINED: u8 = 16;
pub(crate) const TICK: u8 = 17;
pub(crate) const WAITING: u8 = 18;
pub(crate) const ATTACH_LIMITED: u8 = 19;
pub(crate) const LIST_SUBSCRIPTIONS: u8 = 20;
pub(crate) const NUMBERED: u8 = 21;
pub(crate) const WINDOW: u8 = 22;

pub(crate) const FROM_CLIENT: u8 = 0;
pub(crate) const FROM_WILL: u8 = 1;
pub(crate) const FROM_REDELIVERY: u8 = 2;

pub(crate) fn kind(command: &Command<'_>) -> u8 {
    match command {
        Command::Open(_) => OPEN,
        Command::Touch(_) => TOUCH,
        Command::Close(_) => CLOSE,
        Command::FrontendGone(_) => FRONTEND_GONE,
        Command::Confirm(_) => CONFIRM,
        Command::Attach(attach) if attach.queue_limit.is_some() => ATTACH_LIMITED,
        Command::Attach(_) => ATTACH,
        Command::Detach(_) => DETACH,
        Command::Window(_) => WINDOW,
        Command::Subscribe(_) => SUBSCRIBE,
        Command::Unsubscribe(_) => UNSUBSCRIBE,
        Command::Publish(_) => PUBLISH,
        Command::Release(_) => RELEASE,
        Command::Acknowledge(_) => ACKNOWLEDGE,
        Command::Drop(_) => DROP,
        Command::Trim(_) => TRIM,
        Command::ForgetWill(_) => FORGET_WILL,
        Command::ReadRetained(_) => READ_RETAINED,
        Command::ListSubscriptions(_) => LIST_SUBSCRIPTIONS,
        Command::Tick => TICK,
        Command::Waiting(_) => WAITING,
        Command::Numbered(_) => NUMBERED,
    }
}

pub(crate) fn fields(command: &Command<'_>, out: &mut impl Write) {
    match command {
        Command::Publish(c) => publish(c, &[c.message.properties], out),
        Command::Subscribe(c) => subscribe(c, out),
        Command::Acknowledge(c) => {
            out.u32(c.session.0);
            out.u64(c.epoch.0);
            out.u64(c.entry);
            out.u8(match c.step {
                Step::Done => 0,
                Step::Received => 1,
            });
        }
        Command::Tick => {}
        Command::Numbered(c) => numbered(c, out),
        Command::Open(_)
        | Command::Touch(_)
        | Command::Close(_)
        | Command::FrontendGone(_)
        | Command::Confirm(_)
        | Command::Waiting(_) => at_session_home(command, out),
        _ => at_topic_home(command, out),
    }
}

/// Of one size, so that a batch can be collected behind it.
pub(crate) fn numbered(c: &Numbered, out: &mut impl Write) {
    out.lane(c.lane);
    out.u64(c.incarnation.0);
    out.u64(c.number);
    out.u64(c.received);
    out.bool(c.repeated);
    out.u32(c.len);
}

fn at_session_home(command: &Command<'_>, out: &mut impl Write) {
    match command {
        Command::Open(c) => {
            out.owner(c.owner);
            out.text(c.client_id);
            out.bool(c.clean_start);
            out.u32(c.session_expiry);
            out.option(c.will.as_ref(), |out, will| {
                out.u32(will.delay);
                out.option(will.expiry, Write::u32);
                will.message.write(&[will.message.properties], out);
            });
        }
        Command::Touch(c) => {
            out.owner(c.owner);
            out.u32(c.tag.0);
            out.text(c.client_id);
            out.u64(c.epoch.0);
            out.u64(c.partitions.0);
        }
        Command::Close(c) => {
            out.text(c.client_id);
            out.u64(c.epoch.0);
            out.option(c.session_expiry, Write::u32);
            out.bool(c.publish_will);
        }
        Command::FrontendGone(c) => out.u16(c.frontend),
        Command::Confirm(c) => {
            out.u16(c.from.0);
            out.u64(c.item);
        }
        Command::Waiting(c) => {
            out.text(c.client_id);
            out.u64(c.epoch.0);
            out.u16(c.partition.0);
            out.u64(c.revision);
            out.u64(c.heard.0);
            out.bool(c.reports);
            out.u64(c.length);
            out.u64(c.count);
            out.u64(c.oldest.0);
        }
        _ => unreachable!("`fields` sends only these here"),
    }
}

fn at_topic_home(command: &Command<'_>, out: &mut impl Write) {
    match command {
        Command::Attach(c) => {
            out.owner(c.owner);
            out.text(c.client_id);
            out.u64(c.epoch.0);
            out.u16(c.window);
            if let Some(limit) = c.queue_limit {
                out.u64(limit.length);
            }
        }
        Command::Detach(c) => {
            out.text(c.client_id);
            out.u64(c.epoch.0);
        }
        Command::Window(c) => {
            out.owner(c.owner);
            out.text(c.client_id);
            out.u64(c.epoch.0);
            out.u16(c.window);
        }
        Command::Unsubscribe(c) => {
            out.owner(c.owner);
            out.u32(c.tag.0);
            out.text(c.client_id);
            out.u64(c.epoch.0);
            out.text(c.filter);
        }
        Command::Release(c) => {
            out.owner(c.owner);
            out.u32(c.tag.0);
            out.text(c.client_id);
            out.u64(c.epoch.0);
            out.u16(c.packet_id.get());
        }
        Command::Drop(c) => {
            out.text(c.client_id);
            out.u64(c.epoch.0);
            out.u16(c.home.0);
            out.u64(c.item);
        }
        Command::Trim(c) => {
            out.text(c.client_id);
            out.u64(c.since.0);
            out.u64(c.epoch.0);
            out.bool(c.reports);
            out.u64(c.down_to);
            out.option(c.before, |out, before| out.u64(before.0));
        }
        Command::ForgetWill(c) => {
            out.u16(c.home.0);
            out.u64(c.below);
        }
        Command::ReadRetained(c) => {
            out.text(c.client_id);
            out.u64(c.epoch.0);
            out.text(c.filter);
            out.options(c.options);
            out.option(c.reader, |out, (owner, tag)| {
                out.owner(owner);
                out.u32(tag.0);
            });
            out.u64(c.registered);
            out.u32(c.registered_at);
            out.text(c.after);
        }
        Command::ListSubscriptions(c) => {
            out.owner(c.owner);
            out.u32(c.tag.0);
            out.text(c.client_id);
            out.u64(c.epoch.0);
            out.option(c.after, Write::u32);
        }
        _ => unreachable!("`fields` sends only these here"),
    }
}

fn subscribe(c: &Subscribe<'_>, out: &mut impl Write) {
    out.owner(c.owner);
    out.u32(c.tag.0);
    out.text(c.client_id);
    out.u64(c.epoch.0);
    out.bool(c.kind == SessionKind::Persistent);
    out.u16(c.window);
    out.u64(c.queue_limit.length);
    out.text(c.filter);
    out.options(c.options);
}

/// The message comes last and ends with the frame, so that its place in the log needs no field.
pub(crate) fn publish(c: &Publish<'_>, properties: &[&[u8]], out: &mut impl Write) {
    publish_head(c, properties, out);
    out.bytes(c.message.payload);
}

/// Bytes of what [`publish_head`] writes.
pub(crate) fn publish_head_len(c: &Publish<'_>, properties: &[&[u8]]) -> usize {
    let reply = if c.reply.is_some() { 1 + 12 + 4 } else { 1 };
    let origin = match c.origin {
        Origin::Client { client_id, exactly_once } => 3 + client_id.len() + if exactly_once.is_some() { 10 } else { 0 },
        Origin::Will { client_id, .. } => 2 + client_id.len() + 8 + 2 + 8,
        Origin::Redelivery { share, from } => 2 + share.len() + 2 + from.len(),
    };
    reply + 1 + origin + 1 + c.message.head_len(properties)
}

/// All but the payload.
#[inline]
pub(crate) fn publish_head(c: &Publish<'_>, properties: &[&[u8]], out: &mut impl Write) {
    out.option(c.reply, |out, (owner, tag)| {
        out.owner(owner);
        out.u32(tag.0);
    });
    match c.origin {
        Origin::Client { client_id, exactly_once } => {
            out.u8(FROM_CLIENT);
            out.text(client_id);
            out.option(exactly_once, |out, once| {
                out.u16(once.packet_id.get());
                out.u64(once.epoch.0);
            });
        }
        Origin::Will { client_id, epoch, home, item } => {
            out.u8(FROM_WILL);
            out.text(client_id);
            out.u64(epoch.0);
            out.u16(home.0);
            out.u64(item);
        }
        Origin::Redelivery { share, from } => {
            out.u8(FROM_REDELIVERY);
            out.text(share);
            out.text(from);
        }
    }
    out.bool(c.scope == Scope::Everyone);
    c.message.write_head(properties, out);
}
