//! What a member does for frontends in other processes.

use bytes::Bytes;
use partition::{Answer, Lane, LaneState};

use super::error::RaftError;
use super::member::Member;
use super::store::Store;
use crate::bodies::BodyError;
use crate::outgoing::{Outgoing, Shelf};

impl Member {
    /// What is owed to other partitions and to readers, all of it once more. Nothing while this member does not lead.
    pub fn owed(&mut self, out: &mut Outgoing) -> Result<(), RaftError> {
        let mut store = self.store.lock();
        if store.leads.is_some_and(|term| store.has_own_vote(term)) {
            store.owe()?;
            out.append(&mut store.out);
        }
        Ok(())
    }

    /// Where a lane stands; `None` when it is not known, or its frontend was declared gone.
    pub fn lane(&self, lane: Lane) -> Option<LaneState> {
        self.read(|partition| partition.lane(lane))
    }

    /// The answers that the worker of a lane has not received, with their numbers from `received + 1` on; `None` when
    /// they are not all known any more.
    ///
    /// # Errors
    /// When a message cannot be read.
    pub fn undelivered(&mut self, lane: Lane, received: u64) -> Result<Option<Vec<(u64, Answer)>>, RaftError> {
        let mut store = self.store.lock();
        let Store { partition, log, bodies, undelivered, .. } = &mut *store;
        let Some(answers) = undelivered.after(partition, lane, received) else { return Ok(None) };
        let mut shelf = Shelf { partition: partition.id(), log, bodies, unlogged: &Bytes::new() };
        let answers = answers.map(|(number, to, reply)| Ok((number, shelf.answer(to, reply.clone())?)));
        match answers.collect::<Result<_, _>>() {
            Ok(answers) => Ok(Some(answers)),
            // What stands for a log that was purged elsewhere does not bring them along.
            Err(BodyError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The worker of a lane has received all answers up to `received`.
    pub fn confirmed(&mut self, lane: Lane, received: u64) {
        self.store.lock().undelivered.confirmed(lane, received);
    }

    /// The last batch of a lane that was not logged and has something in it that would come again, if there is one.
    pub fn unsettled(&self, lane: Lane) -> Option<u64> {
        self.unsettled.last(lane)
    }

    /// The worker of a lane does not send batches up to `number` again.
    pub fn settled(&mut self, lane: Lane, number: u64) {
        self.unsettled.settled(lane, number);
    }

    /// The worker of a lane begins again with what it has kept.
    pub fn reopened(&mut self, lane: Lane) {
        self.unsettled.forget(lane);
    }
}
