//! What the senders of a process have handed over and the link's task has not yet taken: one lock for a push, whatever
//! the task is doing meanwhile.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::gate::Gate;
use super::session::{MESSAGE_COST_BYTES, StreamId};
use crate::inbox::Closed;

#[derive(Default)]
struct Waiting {
    messages: Vec<(StreamId, Bytes)>,
    bytes: u64,
    /// Somebody calls the task though there may be no message.
    called: bool,
    /// The task sleeps.
    sleeper: Option<Waker>,
}

/// When the receiver says that it has taken a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// When it grants room, and at each beat.
    Seldom,
    AtOnce,
}

/// Bounded by the streams' gates, as their senders observe them.
#[derive(Default)]
pub struct Outbox(Mutex<Waiting>);

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a message over. A gate is closed before the outbox is emptied for the next session, so that what gets past
    /// it here never reaches that.
    pub fn push(&self, gate: &Gate, stream: StreamId, message: Bytes, report: Report) -> Result<(), Closed> {
        let bytes = message.len() as u64;
        let sleeper = {
            let mut waiting = self.lock();
            if gate.is_closed() {
                return Err(Closed);
            }
            gate.take(bytes + MESSAGE_COST_BYTES);
            if report == Report::AtOnce {
                gate.progress.ask(gate.position());
            }
            waiting.bytes += bytes;
            waiting.messages.push((stream, message));
            waiting.sleeper.take()
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
        Ok(())
    }

    /// Has the task look around.
    pub fn call(&self) {
        let sleeper = {
            let mut waiting = self.lock();
            waiting.called = true;
            waiting.sleeper.take()
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }

    /// Ready once something waits or somebody has called. For one task.
    pub fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut waiting = self.lock();
        if std::mem::take(&mut waiting.called) || !waiting.messages.is_empty() {
            return Poll::Ready(());
        }
        match &mut waiting.sleeper {
            Some(sleeper) => sleeper.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Takes all messages, in exchange for an empty vector.
    pub fn take(&self, into: &mut Vec<(StreamId, Bytes)>) {
        let mut waiting = self.lock();
        std::mem::swap(&mut waiting.messages, into);
        waiting.bytes = 0;
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    pub fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }
}
