//! Questions from one process to the other, each with one answer and a deadline, on two streams of their own.
//!
//! A question is `id: u64, milliseconds: u32, content`, an answer `id: u64, verdict: u8, content`, in little-endian.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::destination::Destination;
use super::hello::{Peer, Proof};
use super::link::{Link, Phase, Sender, Status};
use super::session::StreamId;
use crate::inbox::{Closed, Room};

/// The first of the streams that a link keeps for itself.
pub const RESERVED_STREAMS: StreamId = StreamId(u64::MAX - 15);

pub(super) const QUESTIONS: StreamId = StreamId(u64::MAX - 1);
pub(super) const ANSWERS: StreamId = StreamId(u64::MAX);

/// The longest question, and the longest answer.
pub const MAX_QUESTION_BYTES: usize = 1024 * 1024;

/// Questions that one end may have open at a time; more are refused at once.
pub const MAX_QUESTIONS: usize = 64;

/// What the two streams may hold beside the questions' own bound.
pub(super) const QUESTION_WINDOW: u64 = MAX_QUESTION_BYTES as u64;

const QUESTION_HEAD_BYTES: usize = 12;
const ANSWER_HEAD_BYTES: usize = 9;

/// The longest message on the two streams.
pub(super) const LONGEST_BYTES: usize = MAX_QUESTION_BYTES + QUESTION_HEAD_BYTES;

/// The longest a process works on an answer, whatever the other would wait.
const LONGEST_WORK: Duration = Duration::from_secs(60);

const ANSWERED: u8 = 0;
const NOBODY: u8 = 1;
const BUSY: u8 = 2;
const LATE: u8 = 3;
const TOO_LONG: u8 = 4;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskFailed {
    #[error("no answer within {} ms", .0.as_millis())]
    Deadline(Duration),
    #[error("the link has stopped")]
    Stopped,
    /// It may have been answered or not.
    #[error("the peer has restarted or was given up before its answer came")]
    Ended,
    #[error("{limit} questions wait for their answers already")]
    TooMany { limit: usize },
    #[error("the question has {length} bytes, {limit} at the most")]
    TooLong { length: usize, limit: usize },
    #[error("the answer has more than {limit} bytes")]
    AnswerTooLong { limit: usize },
    #[error("the peer answers no questions")]
    Nobody,
    #[error("the peer has too many questions to answer")]
    Busy,
    #[error("the peer did not find its answer in time")]
    Late,
    #[error("the peer's verdict {0} has no meaning in this version")]
    Verdict(u8),
}

/// Who has asked.
#[derive(Clone, Debug)]
pub struct Asker {
    pub peer: Arc<Peer>,
    pub proof: Proof,
}

/// An answer being found.
pub type Answering = Pin<Box<dyn Future<Output = Bytes> + Send>>;

/// Answers the peer's questions. Called by the link's task, so the work belongs into what it returns.
pub trait Answer: Send + Sync {
    fn answer(&self, asker: Asker, question: Bytes) -> Answering;
}

impl<F: Fn(Asker, Bytes) -> Answering + Send + Sync> Answer for F {
    fn answer(&self, asker: Asker, question: Bytes) -> Answering {
        self(asker, question)
    }
}

type Verdict = Result<Bytes, AskFailed>;

#[derive(Default)]
struct Waiting {
    next: u64,
    /// Questions under way, those included that wait for a session.
    open: usize,
    askers: BTreeMap<u64, oneshot::Sender<Verdict>>,
}

/// The questions of this end that have no answer yet.
#[derive(Default)]
pub(super) struct Questions(Mutex<Waiting>);

/// One of them; it is forgotten when this is dropped.
struct Ticket<'a> {
    questions: &'a Questions,
    id: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut waiting = self.questions.lock();
        waiting.open -= 1;
        waiting.askers.remove(&self.id);
    }
}

impl Questions {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ticket(&self) -> Result<Ticket<'_>, AskFailed> {
        let mut waiting = self.lock();
        if waiting.open >= MAX_QUESTIONS {
            return Err(AskFailed::TooMany { limit: MAX_QUESTIONS });
        }
        waiting.open += 1;
        waiting.next += 1;
        Ok(Ticket { questions: self, id: waiting.next })
    }

    fn wait_for(&self, ticket: &Ticket<'_>) -> oneshot::Receiver<Verdict> {
        let (asker, verdict) = oneshot::channel();
        self.lock().askers.insert(ticket.id, asker);
        verdict
    }

    /// Asks once there is a session.
    pub async fn ask(&self, link: &Link, question: Bytes, deadline: Duration) -> Verdict {
        if question.len() > MAX_QUESTION_BYTES {
            return Err(AskFailed::TooLong { length: question.len(), limit: MAX_QUESTION_BYTES });
        }
        let ticket = self.ticket()?;
        let mut message = BytesMut::with_capacity(QUESTION_HEAD_BYTES + question.len());
        message.put_u64_le(ticket.id);
        message.put_u32_le(u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX));
        message.put_slice(&question);
        let asked = async {
            let sender = session_of(link).await?;
            // From here on the end of that session is seen: there, or by what the sender says.
            let verdict = self.wait_for(&ticket);
            sender.send(message.freeze()).map_err(|Closed| AskFailed::Ended)?;
            verdict.await.unwrap_or(Err(AskFailed::Ended))
        };
        timeout(deadline, asked).await.unwrap_or(Err(AskFailed::Deadline(deadline)))
    }

    /// No answer will come to any of them.
    fn give_up(&self) {
        self.lock().askers.clear();
    }
}

async fn session_of(link: &Link) -> Result<Sender, AskFailed> {
    let mut status = link.status();
    loop {
        if status.borrow_and_update().phase == Phase::Stopped {
            return Err(AskFailed::Stopped);
        }
        if let Some(sender) = link.sender(QUESTIONS) {
            return Ok(sender);
        }
        status.changed().await.map_err(|_| AskFailed::Stopped)?;
    }
}

/// Where answers arrive.
pub(super) struct Answers(pub Arc<Questions>);

impl Destination for Answers {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        let mut waiting = self.0.lock();
        for mut message in messages.drain(..) {
            let (Ok(id), Ok(verdict)) = (message.try_get_u64_le(), message.try_get_u8()) else {
                tracing::error!("an answer ends too early; the stream of answers is closed");
                return Err(Closed);
            };
            // Nobody waits for it any more if it is late.
            if let Some(asker) = waiting.askers.remove(&id) {
                let _ = asker.send(read_verdict(verdict, message));
            }
        }
        Ok(Room::Free)
    }

    fn room(&mut self) -> Room {
        Room::Free
    }

    fn begin(&mut self) {
        self.0.give_up();
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

fn read_verdict(verdict: u8, content: Bytes) -> Verdict {
    match verdict {
        ANSWERED => Ok(content),
        NOBODY => Err(AskFailed::Nobody),
        BUSY => Err(AskFailed::Busy),
        LATE => Err(AskFailed::Late),
        TOO_LONG => Err(AskFailed::AnswerTooLong { limit: MAX_QUESTION_BYTES }),
        other => Err(AskFailed::Verdict(other)),
    }
}

fn verdict(id: u64, verdict: u8, content: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(ANSWER_HEAD_BYTES + content.len());
    message.put_u64_le(id);
    message.put_u8(verdict);
    message.put_slice(content);
    message.freeze()
}

/// Where the peer's questions arrive. The work on them ends with it.
pub(super) struct Asked {
    link: Link,
    status: watch::Receiver<Status>,
    answer: Option<Arc<dyn Answer>>,
    work: JoinSet<()>,
}

impl Asked {
    pub fn new(link: Link, answer: Option<Arc<dyn Answer>>) -> Self {
        let status = link.status();
        Self { link, status, answer, work: JoinSet::new() }
    }

    fn take(&mut self, mut message: Bytes) -> Result<(), Closed> {
        let (Ok(id), Ok(milliseconds)) = (message.try_get_u64_le(), message.try_get_u32_le()) else {
            tracing::error!("a question ends too early; the stream of questions is closed");
            return Err(Closed);
        };
        // The session's own sender: no answer reaches another run of the peer.
        let Some(sender) = self.link.sender(ANSWERS) else { return Ok(()) };
        let Some(peer) = self.status.borrow().peer.clone() else { return Ok(()) };
        while self.work.try_join_next().is_some() {}
        let refused = match &self.answer {
            None => Some(NOBODY),
            Some(_) if self.work.len() >= MAX_QUESTIONS => Some(BUSY),
            Some(_) => None,
        };
        if let Some(refused) = refused {
            // The session may have ended meanwhile, and the question with it.
            let _ = sender.send(verdict(id, refused, &[]));
            return Ok(());
        }
        let asker = Asker { peer, proof: self.status.borrow().proof.clone() };
        let deadline = Duration::from_millis(milliseconds.into()).min(LONGEST_WORK);
        if let Some(answer) = &self.answer {
            self.work.spawn(work(answer.answer(asker, message), sender, id, deadline));
        }
        Ok(())
    }
}

async fn work(answering: Answering, sender: Sender, id: u64, deadline: Duration) {
    let message = match timeout(deadline, answering).await {
        Ok(answer) if answer.len() <= MAX_QUESTION_BYTES => verdict(id, ANSWERED, &answer),
        Ok(_) => verdict(id, TOO_LONG, &[]),
        Err(_) => verdict(id, LATE, &[]),
    };
    // As above.
    let _ = sender.send(message);
}

impl Destination for Asked {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        messages.drain(..).try_for_each(|message| self.take(message))?;
        Ok(Room::Free)
    }

    fn room(&mut self) -> Room {
        Room::Free
    }

    fn begin(&mut self) {
        self.work.abort_all();
    }
}
