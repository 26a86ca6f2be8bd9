//! What solo does for frontends in other processes, and what it notes of their connections when it begins.

use bytes::Bytes;
use partition::{Answer, Command, FrontendGone, Lane, LaneState, Timestamp};

use super::{Outgoing, Solo, SoloError};
use crate::bodies::BodyError;
use crate::outgoing::Shelf;
use crate::turn::Turn;

impl Solo {
    /// Notes that no connection has survived, of `frontend`, which is in this process, and of those that were in others,
    /// and begins again what was under way when the process ended. As with [`Solo::run`], what a full disk does not
    /// take is left in `batches`.
    pub fn resume(
        &mut self,
        frontend: u16,
        batches: &mut Vec<Bytes>,
        now: Timestamp,
        out: &mut Outgoing,
    ) -> Result<(), SoloError> {
        let others = self.partition.frontends().filter(|known| !known.is_gone && known.frontend != frontend);
        let others = others.map(|known| known.frontend);
        batches.extend([frontend].into_iter().chain(others).map(gone));
        self.run(batches, now, out)?;
        self.owed(out)
    }

    /// As `resume`, where all frontends are in other processes: their connections may have survived. Only what this
    /// process once held itself is gone.
    pub fn resume_far(
        &mut self,
        batches: &mut Vec<Bytes>,
        now: Timestamp,
        out: &mut Outgoing,
    ) -> Result<(), SoloError> {
        if self.partition.frontend(NEAR_FRONTEND).is_none() {
            batches.push(gone(NEAR_FRONTEND));
            self.run(batches, now, out)?;
        }
        self.owed(out)
    }

    /// What is owed to other partitions and to readers, all of it once more.
    pub fn owed(&mut self, out: &mut Outgoing) -> Result<(), SoloError> {
        let mut effects = std::mem::take(&mut self.effects);
        self.partition.resume(&mut effects);
        self.let_out(&mut effects, out)?;
        self.effects = effects;
        Ok(())
    }

    /// Where a lane stands; `None` when it is not known, or its frontend was declared gone.
    pub fn lane(&self, lane: Lane) -> Option<LaneState> {
        self.partition.lane(lane)
    }

    /// The answers that the worker of a lane has not received, with their numbers from `received + 1` on; `None` when
    /// they are not all known any more.
    ///
    /// # Errors
    /// When a message cannot be read.
    pub fn undelivered(&mut self, lane: Lane, received: u64) -> Result<Option<Vec<(u64, Answer)>>, SoloError> {
        let Self { partition, log, bodies, undelivered, .. } = self;
        let Some(answers) = undelivered.after(partition, lane, received) else { return Ok(None) };
        let mut shelf = Shelf { partition: partition.id(), log, bodies, unlogged: &Bytes::new() };
        let answers = answers.map(|(number, to, reply)| Ok((number, shelf.answer(to, reply.clone())?)));
        match answers.collect::<Result<_, _>>() {
            Ok(answers) => Ok(Some(answers)),
            // After a damaged snapshot an older one may stand, whose log has been purged.
            Err(BodyError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The worker of a lane has received all answers up to `received`.
    pub fn confirmed(&mut self, lane: Lane, received: u64) {
        self.undelivered.confirmed(lane, received);
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

    /// As `run`, where batches of lanes are among them.
    pub(super) fn run_lanes(
        &mut self,
        batches: &mut Vec<Bytes>,
        now: Timestamp,
        out: &mut Outgoing,
    ) -> Result<(), SoloError> {
        let unreadable = |source| SoloError::Apply { index: 0, source };
        self.undelivered.confirm(&self.partition, batches).map_err(unreadable)?;
        let Self { partition, unsettled, .. } = self;
        let turn = Turn::arrange(std::mem::take(batches), partition, unsettled).map_err(unreadable)?;
        *batches = turn.logged;
        out.later.extend(turn.later);
        out.passed_over += turn.passed_over;
        if !batches.is_empty() {
            self.run_all(batches, now, out)?;
        }
        for commands in turn.unlogged {
            let mut effects = std::mem::take(&mut self.effects);
            self.partition.apply_unlogged(now, &commands, &mut effects).map_err(unreadable)?;
            self.let_out_of(&mut effects, &commands, out)?;
            self.effects = effects;
        }
        Ok(())
    }
}

/// The frontend that a process with everything in it has.
const NEAR_FRONTEND: u16 = 0;

fn gone(frontend: u16) -> Bytes {
    Bytes::from(Command::FrontendGone(FrontendGone { frontend }).to_frame())
}
