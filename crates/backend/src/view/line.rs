//! The way to the partitions' threads and back, with a deadline.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use link::inbox;
use partition::{PartitionId, PartitionSet, SlotTable};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::abroad::Abroad;
use super::call::{Call, Reply};
use super::{DEADLINE, ViewError};
use crate::backend::View;

/// One partition's ear.
#[derive(Clone)]
pub(crate) struct Ear {
    pub inbox: inbox::Sender,
    /// Holds [`CALLS`](super::call::CALLS); who finds it full waits until its deadline.
    pub calls: mpsc::Sender<Call>,
    pub view: Arc<View>,
}

/// The partitions, for one question and what it takes to answer it.
pub(super) struct Line<'v> {
    /// By partition; none where it is not hosted here.
    pub ears: &'v [Option<Ear>],
    /// To the partitions that are led elsewhere; without it they are passed over.
    pub abroad: Option<&'v Abroad>,
    pub slots: &'v SlotTable,
    pub deadline: Instant,
}

/// An answer that is on its way; with the task that fetches it from another process.
pub(super) struct Pending<T>(oneshot::Receiver<T>, Option<JoinHandle<Result<(), ViewError>>>);

impl Line<'_> {
    pub fn home_of(&self, client_id: &str) -> PartitionId {
        self.slots.partition_of_client(client_id)
    }

    /// Every partition that can be asked.
    pub fn all(&self) -> PartitionSet {
        match self.abroad {
            Some(_) => self.slots.all(),
            None => self.led_here(),
        }
    }

    fn led_here(&self) -> PartitionSet {
        let hosted = self.slots.all().iter().filter(|partition| self.ear(*partition).is_some());
        hosted.fold(PartitionSet::default(), PartitionSet::with)
    }

    /// Those of `homes` that can be asked, if there is one.
    pub fn within_reach(&self, homes: PartitionSet) -> Result<PartitionSet, ViewError> {
        let reached = homes.intersection(self.all());
        match homes.iter().next() {
            Some(elsewhere) if reached.is_empty() => Err(ViewError::Elsewhere(elsewhere)),
            _ => Ok(reached),
        }
    }

    /// One of `homes`, which all have the same: one that is led here, if there is one.
    pub fn one_of(&self, homes: PartitionSet) -> Result<Option<PartitionId>, ViewError> {
        let nearest = homes.intersection(self.led_here()).iter().next();
        Ok(nearest.or(self.within_reach(homes)?.iter().next()))
    }

    fn ear(&self, partition: PartitionId) -> Option<&Ear> {
        let ear = self.ears.get(usize::from(partition.0))?.as_ref();
        // What a replica that follows has is not the newest.
        ear.filter(|ear| ear.view.leads.load(Ordering::Acquire))
    }

    /// Asks without waiting for the answer: questions to several partitions are answered side by side.
    pub async fn post<T>(&self, to: PartitionId, call: impl FnOnce(Reply<T>) -> Call) -> Result<Pending<T>, ViewError> {
        let (reply, answer) = oneshot::channel();
        let Some(ear) = self.ear(to) else {
            let abroad = self.abroad.ok_or(ViewError::Elsewhere(to))?.clone();
            return Ok(Pending(answer, Some(tokio::spawn(abroad.ask(to, call(reply))))));
        };
        match timeout_at(self.deadline, ear.calls.send(call(reply))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(ViewError::Stopped),
            Err(_) => return Err(late()),
        }
        ear.inbox.wake();
        Ok(Pending(answer, None))
    }

    pub async fn answer<T>(&self, pending: Pending<T>) -> Result<T, ViewError> {
        if let Some(fetching) = pending.1 {
            match timeout_at(self.deadline, fetching).await {
                Ok(Ok(fetched)) => fetched?,
                Ok(Err(_)) => return Err(ViewError::Stopped),
                Err(_) => return Err(late()),
            }
        }
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

pub(super) fn late() -> ViewError {
    ViewError::Late(DEADLINE.as_secs())
}
