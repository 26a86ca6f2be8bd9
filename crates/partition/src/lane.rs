//! What a worker of a frontend process and a partition say to each other, whichever process leads the partition.
//!
//! Both directions are first in, first out. A message is `u8 version | u8 kind | fields`.

use bytes::{BufMut, Bytes, BytesMut};

use crate::address::{Incarnation, Lane, Owner};
use crate::answer::{Answer, Numbering};
use crate::answers::{AnswerReader, AnswersBuilder};
use crate::batch::Frames;
use crate::command::{Command, Numbered, Origin, Publish, Scope};
use crate::encoding;
use crate::wire::{DecodeError, Reader, Write};

/// First byte of every message; any other is refused.
pub const VERSION: u8 = 1;

const OPEN: u8 = 1;
const BATCH: u8 = 2;
const LEAVE: u8 = 3;

const OPENED: u8 = 1;
const ELSEWHERE: u8 = 2;
const LOST: u8 = 3;
pub(crate) const ANSWERS: u8 = 4;
const TAKEN: u8 = 5;
const LEADS: u8 = 6;

const MESSAGE_HEAD_LEN: usize = 2;
/// `Numbered` as a frame: `u32 length | u8 kind | lane, incarnation, number, received, repeated, len`.
pub(crate) const NUMBERED_LEN: usize = 4 + 1 + 4 + 8 + 8 + 8 + 1 + 4;
/// What stands in front of the commands of a batch.
pub(crate) const HEAD_LEN: usize = MESSAGE_HEAD_LEN + NUMBERED_LEN;
/// Where `repeated` stands.
const REPEATED_AT: usize = HEAD_LEN - 5;

/// From a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum ToPartition {
    /// The worker wants to go on, or to begin, with this partition, and has received so many numbered answers.
    Open { incarnation: Incarnation, received: u64 },
    /// A `Numbered` frame, as decoded, and the whole batch beginning with it.
    Batch(Numbered, Bytes),
    /// The process ends, and has closed its sessions.
    Leave { incarnation: Incarnation },
}

/// From whoever the worker takes for the partition's leader.
#[derive(Clone, Debug)]
pub enum ToWorker {
    /// The lane is open: answers that have not been received come first, then what is kept is to be sent again, all
    /// of it, in its order. `applied` is the highest number of the batches that are applied.
    Opened {
        applied: u64,
    },
    /// This process does not lead the partition; `leader` is the number of the backend that does, if it is known.
    Elsewhere {
        leader: Option<u16>,
    },
    /// Answers that were not received are not known any more, or the incarnation is not the newest or was declared gone:
    /// the frontend has to begin anew, under a greater incarnation than `newest`, the last that is known of it.
    Lost {
        newest: Incarnation,
    },
    Answers(Vec<(Numbering, Answer)>),
    /// Batches up to `number` are applied, or were taken without being logged, and their answers have been sent: they
    /// are not to be kept.
    Taken {
        number: u64,
    },
    /// This process leads the partition, in this term of its group. Said on every link, whoever has its lane open, when
    /// that begins, and at the beginning of each session of a link meanwhile; before anything else of that term.
    Leads {
        term: u64,
    },
}

impl ToPartition {
    /// The message. `Batch` is copied: a worker has it from [`BatchBuilder::take_numbered`](crate::BatchBuilder).
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.u8(VERSION);
        match self {
            Self::Open { incarnation, received } => {
                out.u8(OPEN);
                out.u64(incarnation.0);
                out.u64(*received);
            }
            Self::Batch(_, batch) => {
                out.u8(BATCH);
                out.put_slice(batch);
            }
            Self::Leave { incarnation } => {
                out.u8(LEAVE);
                out.u64(incarnation.0);
            }
        }
        out.freeze()
    }

    /// Reads a message that a worker of `lane` has sent. The frames of a batch share its bytes.
    ///
    /// # Errors
    /// When it is no message, or a batch holds what a frontend does not say, or says for another.
    pub fn decode(lane: Lane, message: &Bytes) -> Result<Self, DecodeError> {
        let mut r = begin(message)?;
        let read = match r.u8()? {
            OPEN => Self::Open { incarnation: r.incarnation()?, received: r.counter()? },
            BATCH => {
                let numbered = check(lane, r.tail())?;
                Self::Batch(numbered, message.slice(MESSAGE_HEAD_LEN..))
            }
            LEAVE => Self::Leave { incarnation: r.incarnation()? },
            other => return Err(DecodeError::UnknownKind(other)),
        };
        r.finish()?;
        Ok(read)
    }
}

impl ToWorker {
    /// Appends the message. Answers without end are better collected by an [`AnswersBuilder`].
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.u8(VERSION);
        match self {
            Self::Opened { applied } => {
                out.u8(OPENED);
                out.u64(*applied);
            }
            Self::Elsewhere { leader } => {
                out.u8(ELSEWHERE);
                out.option(*leader, Write::u16);
            }
            Self::Lost { newest } => {
                out.u8(LOST);
                out.u64(newest.0);
            }
            Self::Answers(answers) => {
                let mut builder = AnswersBuilder::new();
                answers.iter().for_each(|(numbering, answer)| builder.push(*numbering, answer.clone()));
                return builder.take();
            }
            Self::Taken { number } => {
                out.u8(TAKEN);
                out.u64(*number);
            }
            Self::Leads { term } => {
                out.u8(LEADS);
                out.u64(*term);
            }
        }
        out.freeze()
    }

    /// Reads a message; bodies share its bytes.
    ///
    /// # Errors
    /// When it is no message.
    pub fn decode(message: &Bytes) -> Result<Self, DecodeError> {
        let mut r = begin(message)?;
        let read = match r.u8()? {
            OPENED => Self::Opened { applied: r.counter()? },
            ELSEWHERE => Self::Elsewhere { leader: r.option(Reader::u16)? },
            LOST => Self::Lost { newest: r.incarnation()? },
            ANSWERS => return Ok(Self::Answers(AnswerReader::new(message)?.collect::<Result<_, _>>()?)),
            TAKEN => Self::Taken { number: r.counter()? },
            LEADS => Self::Leads { term: r.counter()? },
            other => return Err(DecodeError::UnknownKind(other)),
        };
        r.finish()?;
        Ok(read)
    }
}

fn begin(message: &[u8]) -> Result<Reader<'_>, DecodeError> {
    let mut r = Reader::new(message);
    match r.u8()? {
        VERSION => Ok(r),
        other => Err(DecodeError::UnknownVersion(other)),
    }
}

/// What stands in front of the commands of a batch, in the message that carries it.
pub(crate) fn head(numbered: &Numbered) -> [u8; HEAD_LEN] {
    let mut bytes = Vec::with_capacity(HEAD_LEN);
    bytes.u8(VERSION);
    bytes.u8(BATCH);
    bytes.bytes(&frame(numbered));
    let mut head = [0; HEAD_LEN];
    head.copy_from_slice(&bytes);
    head
}

/// `Numbered` as a frame.
pub(crate) fn frame(numbered: &Numbered) -> [u8; NUMBERED_LEN] {
    let mut bytes = Vec::with_capacity(NUMBERED_LEN);
    bytes.u32(NUMBERED_LEN as u32 - 4);
    bytes.u8(encoding::NUMBERED);
    encoding::numbered(numbered, &mut bytes);
    let mut frame = [0; NUMBERED_LEN];
    frame.copy_from_slice(&bytes);
    frame
}

/// A batch's message, marked as one that may have been sent before.
pub fn again(message: &Bytes) -> Bytes {
    let mut bytes = BytesMut::from(&message[..]);
    if let Some(repeated) = bytes.get_mut(REPEATED_AT) {
        *repeated = 1;
    }
    bytes.freeze()
}

/// Has the batch that begins with a `Numbered` frame cover all that follows, after something was taken out of it.
pub fn cover(batch: &mut [u8]) {
    let len = batch.len().saturating_sub(NUMBERED_LEN) as u32;
    if let Some(field) = batch.get_mut(NUMBERED_LEN - 4..NUMBERED_LEN) {
        field.copy_from_slice(&len.to_le_bytes());
    }
}

/// A batch's message without the first publish of which `is_it` says so; `None` if there is none.
pub fn without(message: &[u8], is_it: impl Fn(&Publish<'_>) -> bool) -> Option<Bytes> {
    let mut from = MESSAGE_HEAD_LEN;
    for frame in Frames::new(message.get(from..)?) {
        let frame = frame.ok()?;
        let behind = from + frame.bytes.len();
        if frame.is_publish() && matches!(frame.decode(), Ok(Command::Publish(publish)) if is_it(&publish)) {
            let mut rest = BytesMut::with_capacity(message.len() - frame.bytes.len());
            rest.put_slice(&message[..from]);
            rest.put_slice(&message[behind..]);
            cover(&mut rest[MESSAGE_HEAD_LEN..]);
            return Some(rest.freeze());
        }
        from = behind;
    }
    None
}

/// Reads a batch whole: one `Numbered` in front that covers all that follows, and nothing but what frontends send.
fn check(lane: Lane, batch: &[u8]) -> Result<Numbered, DecodeError> {
    let mut frames = Frames::new(batch);
    let first = frames.next().ok_or(DecodeError::Truncated)??;
    let Command::Numbered(numbered) = first.decode()? else {
        return Err(DecodeError::Inconsistent("a batch without a number"));
    };
    let covered = first.bytes.len() + numbered.len as usize;
    if numbered.lane != lane || numbered.number == 0 || covered != batch.len() {
        return Err(DecodeError::Inconsistent("the number of a batch"));
    }
    for frame in frames {
        let frame = frame?;
        let (is_from_frontend, is_logged) = match frame.decode_publish()? {
            Some(publish) => (is_publish_from_frontend(&publish, lane), publish.is_logged()),
            None => {
                let command = frame.decode()?;
                (is_from_frontend(&command, lane), command.is_logged())
            }
        };
        if !is_from_frontend || is_logged != frame.is_logged() {
            return Err(DecodeError::Inconsistent("a command of a frontend"));
        }
    }
    Ok(numbered)
}

/// Whether a worker says this, of its own connections.
fn is_from_frontend(command: &Command<'_>, lane: Lane) -> bool {
    let is_own = |owner: &Owner| owner.lane() == lane;
    match command {
        Command::Open(c) => is_own(&c.owner),
        Command::Touch(c) => is_own(&c.owner),
        Command::Attach(c) => is_own(&c.owner),
        Command::Window(c) => is_own(&c.owner),
        Command::Subscribe(c) => is_own(&c.owner),
        Command::Unsubscribe(c) => is_own(&c.owner),
        Command::Release(c) => is_own(&c.owner),
        Command::ListSubscriptions(c) => is_own(&c.owner),
        Command::ReadRetained(c) => c.reader.is_some_and(|(owner, _)| is_own(&owner)),
        Command::Publish(c) => is_publish_from_frontend(c, lane),
        Command::Close(_) | Command::Detach(_) | Command::Acknowledge(_) => true,
        Command::FrontendGone(_)
        | Command::Confirm(_)
        | Command::Waiting(_)
        | Command::Drop(_)
        | Command::Trim(_)
        | Command::ForgetWill(_)
        | Command::Tick
        | Command::Numbered(_) => false,
    }
}

fn is_publish_from_frontend(publish: &Publish<'_>, lane: Lane) -> bool {
    let is_kind = match publish.origin {
        Origin::Client { .. } => publish.scope == Scope::Everyone,
        Origin::Redelivery { .. } => true,
        Origin::Will { .. } => false,
    };
    is_kind && publish.reply.is_none_or(|(owner, _)| owner.lane() == lane)
}
