//! Another backend: the link to it, and what was asked of it and is not answered.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use link::inbox::Room;
use link::wire::{Link, Phase, Sender, Status, StreamId};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// Questions that may wait for one backend's answers; above, it counts as out of reach.
const PENDING: usize = 1024;

/// How often it is looked whether a stream has room again.
const ROOM: Duration = Duration::from_millis(5);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// It was not asked, or has begun anew since.
    Unreachable,
    Late,
    /// It has none.
    Declined,
}

type Answer = Result<Bytes, NoAnswer>;

#[derive(Default)]
struct Asked {
    last: u64,
    pending: BTreeMap<u64, oneshot::Sender<Answer>>,
}

/// See the module.
pub(super) struct Peer {
    link: Link,
    status: watch::Receiver<Status>,
    senders: Mutex<BTreeMap<StreamId, Sender>>,
    asked: Mutex<Asked>,
}

impl Peer {
    pub fn new(link: Link) -> Self {
        let status = link.status();
        Self { link, status, senders: Mutex::default(), asked: Mutex::default() }
    }

    /// Whether there is a connection.
    pub fn is_up(&self) -> bool {
        self.status.borrow().phase == Phase::Up
    }

    /// Asks what `letter` makes of a number, and waits for the answer until `deadline`. Dropping this forgets the question.
    pub async fn ask(&self, stream: StreamId, deadline: Instant, letter: impl FnOnce(u64) -> Bytes) -> Answer {
        if !self.is_up() {
            return Err(NoAnswer::Unreachable);
        }
        let (number, answer) = self.begin().ok_or(NoAnswer::Unreachable)?;
        let _forgotten = Forgotten { peer: self, number };
        let message = letter(number);
        while !self.has_room(stream) {
            if Instant::now() + ROOM >= deadline || !self.is_up() {
                sleep_until(deadline.min(Instant::now() + ROOM)).await;
                return Err(NoAnswer::Late);
            }
            sleep(ROOM).await;
        }
        if !self.send(stream, message) {
            return Err(NoAnswer::Unreachable);
        }
        match timeout_at(deadline, answer).await {
            Err(_) => Err(NoAnswer::Late),
            Ok(answer) => answer.unwrap_or(Err(NoAnswer::Unreachable)),
        }
    }

    fn begin(&self) -> Option<(u64, oneshot::Receiver<Answer>)> {
        let (sender, receiver) = oneshot::channel();
        let mut asked = self.asked();
        if asked.pending.len() >= PENDING {
            return None;
        }
        asked.last += 1;
        let number = asked.last;
        asked.pending.insert(number, sender);
        Some((number, receiver))
    }

    /// An answer has come. Nobody may wait for it any more.
    pub fn answered(&self, number: u64, answer: Answer) {
        if let Some(asker) = self.asked().pending.remove(&number) {
            let _ = asker.send(answer);
        }
    }

    /// The backend has begun anew: it answers nothing that it was asked before.
    pub fn began(&self) {
        self.senders().clear();
        self.asked().pending.clear();
    }

    /// False when there is no session.
    pub fn send(&self, stream: StreamId, message: Bytes) -> bool {
        let Some(sender) = self.sender(stream) else { return false };
        let is_sent = sender.send(message).is_ok();
        if !is_sent {
            self.senders().remove(&stream);
        }
        is_sent
    }

    fn has_room(&self, stream: StreamId) -> bool {
        self.sender(stream).is_some_and(|sender| sender.room() == Room::Free)
    }

    fn sender(&self, stream: StreamId) -> Option<Sender> {
        if let Some(sender) = self.senders().get(&stream) {
            return Some(sender.clone());
        }
        let sender = self.link.sender(stream)?;
        self.senders().insert(stream, sender.clone());
        Some(sender)
    }

    // Nothing panics while one of the locks is held, and never are both.
    fn senders(&self) -> MutexGuard<'_, BTreeMap<StreamId, Sender>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a question when nobody waits for its answer any more.
struct Forgotten<'p> {
    peer: &'p Peer,
    number: u64,
}

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        self.peer.asked().pending.remove(&self.number);
    }
}
