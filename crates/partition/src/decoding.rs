//! How each command is read, field by field, in the order in which `encoding` writes.

use crate::address::PartitionSet;
use crate::command::{
    Acknowledge, Attach, Close, Command, Confirm, Detach, DropSession, ExactlyOnce, ForgetWill, FrontendGone,
    ListSubscriptions, Numbered, Open, Origin, Publish, QueueLimit, ReadRetained, Release, Scope, SessionKind, Step,
    Subscribe, Touch, Trim, Unsubscribe, Waiting, Will, Window,
};
use crate::encoding as kind;
use crate::message::Message;
use crate::wire::{DecodeError, Reader};

type Decoded<T> = Result<T, DecodeError>;

/// # Errors
/// When `fields` are not those of a command of kind `of`, or something follows them.
pub(crate) fn command(of: u8, fields: &[u8]) -> Decoded<Command<'_>> {
    let mut r = Reader::new(fields);
    let command = match of {
        kind::OPEN => Command::Open(open(&mut r)?),
        kind::TOUCH => Command::Touch(touch(&mut r)?),
        kind::CLOSE => Command::Close(close(&mut r)?),
        kind::FRONTEND_GONE => Command::FrontendGone(FrontendGone { frontend: r.u16()? }),
        kind::CONFIRM => Command::Confirm(Confirm { from: r.partition()?, item: r.u64()? }),
        kind::ATTACH => Command::Attach(attach(&mut r)?),
        kind::ATTACH_LIMITED => {
            let attach = attach(&mut r)?;
            Command::Attach(Attach { queue_limit: Some(QueueLimit { length: r.u64()? }), ..attach })
        }
        kind::DETACH => Command::Detach(Detach { client_id: r.text()?, epoch: r.epoch()? }),
        kind::WINDOW => {
            Command::Window(Window { owner: r.owner()?, client_id: r.text()?, epoch: r.epoch()?, window: r.u16()? })
        }
        kind::SUBSCRIBE => Command::Subscribe(subscribe(&mut r)?),
        kind::UNSUBSCRIBE => Command::Unsubscribe(unsubscribe(&mut r)?),
        kind::PUBLISH => Command::Publish(publish(&mut r)?),
        kind::RELEASE => Command::Release(release(&mut r)?),
        kind::ACKNOWLEDGE => Command::Acknowledge(acknowledge(&mut r)?),
        kind::DROP => Command::Drop(drop_session(&mut r)?),
        kind::TRIM => Command::Trim(trim(&mut r)?),
        kind::FORGET_WILL => Command::ForgetWill(ForgetWill { home: r.partition()?, below: r.u64()? }),
        kind::READ_RETAINED => Command::ReadRetained(read_retained(&mut r)?),
        kind::LIST_SUBSCRIPTIONS => Command::ListSubscriptions(list_subscriptions(&mut r)?),
        kind::TICK => Command::Tick,
        kind::WAITING => Command::Waiting(waiting(&mut r)?),
        kind::NUMBERED => Command::Numbered(numbered(&mut r)?),
        other => return Err(DecodeError::UnknownKind(other)),
    };
    r.finish()?;
    Ok(command)
}

fn numbered(r: &mut Reader<'_>) -> Decoded<Numbered> {
    Ok(Numbered {
        lane: r.lane()?,
        incarnation: r.incarnation()?,
        number: r.counter()?,
        received: r.counter()?,
        repeated: r.bool()?,
        len: r.u32()?,
    })
}

fn open<'a>(r: &mut Reader<'a>) -> Decoded<Open<'a>> {
    Ok(Open {
        owner: r.owner()?,
        client_id: r.text()?,
        clean_start: r.bool()?,
        session_expiry: r.u32()?,
        will: r.option(|r| {
            Ok(Will { delay: r.u32()?, expiry: r.option(Reader::u32)?, message: Message::parse(r.tail())? })
        })?,
    })
}

fn touch<'a>(r: &mut Reader<'a>) -> Decoded<Touch<'a>> {
    Ok(Touch {
        owner: r.owner()?,
        tag: r.tag()?,
        client_id: r.text()?,
        epoch: r.epoch()?,
        partitions: PartitionSet(r.u64()?),
    })
}

fn close<'a>(r: &mut Reader<'a>) -> Decoded<Close<'a>> {
    Ok(Close {
        client_id: r.text()?,
        epoch: r.epoch()?,
        session_expiry: r.option(Reader::u32)?,
        publish_will: r.bool()?,
    })
}

fn attach<'a>(r: &mut Reader<'a>) -> Decoded<Attach<'a>> {
    let (owner, client_id, epoch, window) = (r.owner()?, r.text()?, r.epoch()?, r.u16()?);
    Ok(Attach { owner, client_id, epoch, window, queue_limit: None })
}

fn subscribe<'a>(r: &mut Reader<'a>) -> Decoded<Subscribe<'a>> {
    Ok(Subscribe {
        owner: r.owner()?,
        tag: r.tag()?,
        client_id: r.text()?,
        epoch: r.epoch()?,
        kind: if r.bool()? { SessionKind::Persistent } else { SessionKind::Transient },
        window: r.u16()?,
        queue_limit: QueueLimit { length: r.u64()? },
        filter: r.text()?,
        options: r.options()?,
    })
}

fn unsubscribe<'a>(r: &mut Reader<'a>) -> Decoded<Unsubscribe<'a>> {
    Ok(Unsubscribe { owner: r.owner()?, tag: r.tag()?, client_id: r.text()?, epoch: r.epoch()?, filter: r.text()? })
}

/// # Errors
/// When `fields` are not those of a publish.
pub(crate) fn publish_alone(fields: &[u8]) -> Decoded<Publish<'_>> {
    // Its payload is what is left.
    publish(&mut Reader::new(fields))
}

/// # Errors
/// When `fields` are not those of an acknowledgement, or something follows them.
pub(crate) fn acknowledgement_alone(fields: &[u8]) -> Decoded<Acknowledge> {
    let mut r = Reader::new(fields);
    let acknowledgement = acknowledge(&mut r)?;
    r.finish()?;
    Ok(acknowledgement)
}

#[inline(always)]
fn publish<'a>(r: &mut Reader<'a>) -> Decoded<Publish<'a>> {
    let reply = r.option(|r| Ok((r.owner()?, r.tag()?)))?;
    let origin = match r.u8()? {
        kind::FROM_CLIENT => Origin::Client {
            client_id: r.text()?,
            exactly_once: r.option(|r| Ok(ExactlyOnce { packet_id: r.packet_id()?, epoch: r.epoch()? }))?,
        },
        kind::FROM_WILL => {
            Origin::Will { client_id: r.text()?, epoch: r.epoch()?, home: r.partition()?, item: r.u64()? }
        }
        kind::FROM_REDELIVERY => Origin::Redelivery { share: r.text()?, from: r.text()? },
        other => return Err(DecodeError::Value(other.into(), "the origin of a publish")),
    };
    let scope = if r.bool()? { Scope::Everyone } else { Scope::Queues };
    Ok(Publish { reply, origin, scope, message: Message::parse(r.tail())? })
}

fn release<'a>(r: &mut Reader<'a>) -> Decoded<Release<'a>> {
    Ok(Release { owner: r.owner()?, tag: r.tag()?, client_id: r.text()?, epoch: r.epoch()?, packet_id: r.packet_id()? })
}

fn acknowledge(r: &mut Reader<'_>) -> Decoded<Acknowledge> {
    Ok(Acknowledge {
        session: r.session()?,
        epoch: r.epoch()?,
        entry: r.u64()?,
        step: match r.u8()? {
            0 => Step::Done,
            1 => Step::Received,
            other => return Err(DecodeError::Value(other.into(), "the step of an acknowledgement")),
        },
    })
}

fn drop_session<'a>(r: &mut Reader<'a>) -> Decoded<DropSession<'a>> {
    Ok(DropSession { client_id: r.text()?, epoch: r.epoch()?, home: r.partition()?, item: r.u64()? })
}

fn waiting<'a>(r: &mut Reader<'a>) -> Decoded<Waiting<'a>> {
    Ok(Waiting {
        client_id: r.text()?,
        epoch: r.epoch()?,
        partition: r.partition()?,
        revision: r.u64()?,
        heard: r.epoch()?,
        reports: r.bool()?,
        length: r.u64()?,
        count: r.u64()?,
        oldest: r.timestamp()?,
    })
}

fn trim<'a>(r: &mut Reader<'a>) -> Decoded<Trim<'a>> {
    Ok(Trim {
        client_id: r.text()?,
        since: r.epoch()?,
        epoch: r.epoch()?,
        reports: r.bool()?,
        down_to: r.u64()?,
        before: r.option(Reader::timestamp)?,
    })
}

fn read_retained<'a>(r: &mut Reader<'a>) -> Decoded<ReadRetained<'a>> {
    Ok(ReadRetained {
        client_id: r.text()?,
        epoch: r.epoch()?,
        filter: r.text()?,
        options: r.options()?,
        reader: r.option(|r| Ok((r.owner()?, r.tag()?)))?,
        registered: r.u64()?,
        registered_at: r.u32()?,
        after: r.text()?,
    })
}

fn list_subscriptions<'a>(r: &mut Reader<'a>) -> Decoded<ListSubscriptions<'a>> {
    Ok(ListSubscriptions {
        owner: r.owner()?,
        tag: r.tag()?,
        client_id: r.text()?,
        epoch: r.epoch()?,
        after: r.option(Reader::u32)?,
    })
}
