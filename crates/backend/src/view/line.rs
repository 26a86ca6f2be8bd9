//! The way to the partitions' threads and back, with a deadline.

use link::inbox;
use partition::{PartitionId, PartitionSet, SlotTable};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::call::{Call, Reply};
use super::{DEADLINE, ViewError};

/// One partition's ear.
#[derive(Clone)]
pub(crate) struct Ear {
    pub inbox: inbox::Sender,
    /// Holds [`CALLS`](super::call::CALLS); who finds it full waits until its deadline.
    pub calls: mpsc::Sender<Call>,
}

/// All partitions, for one question and what it takes to answer it.
pub(super) struct Line<'v> {
    pub ears: &'v [Ear],
    pub slots: &'v SlotTable,
    pub deadline: Instant,
}

/// An answer that is on its way.
pub(super) struct Pending<T>(oneshot::Receiver<T>);

impl Line<'_> {
    pub fn home_of(&self, client_id: &str) -> PartitionId {
        self.slots.partition_of_client(client_id)
    }

    pub fn all(&self) -> PartitionSet {
        self.slots.all()
    }

    /// Asks without waiting for the answer: questions to several partitions are answered side by side.
    pub async fn post<T>(&self, to: PartitionId, call: impl FnOnce(Reply<T>) -> Call) -> Result<Pending<T>, ViewError> {
        let ear = self.ears.get(usize::from(to.0)).ok_or(ViewError::Stopped)?;
        let (reply, answer) = oneshot::channel();
        match timeout_at(self.deadline, ear.calls.send(call(reply))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(ViewError::Stopped),
            Err(_) => return Err(late()),
        }
        ear.inbox.wake();
        Ok(Pending(answer))
    }

    pub async fn answer<T>(&self, pending: Pending<T>) -> Result<T, ViewError> {
        match timeout_at(self.deadline, pending.0).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(ViewError::Stopped),
            Err(_) => Err(late()),
        }
    }

    pub async fn ask<T>(&self, to: PartitionId, call: impl FnOnce(Reply<T>) -> Call) -> Result<T, ViewError> {
        let pending = self.post(to, call).await?;
        self.answer(pending).await
    }
}

fn late() -> ViewError {
    ViewError::Late(DEADLINE.as_secs())
}
