//! A partition's replica, alone or one of several: what the partition's thread drives.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use partition::{Answer, BodyRef, Counters, Lane, LaneState, Partition, Routes, Timestamp};

use crate::log::Syncer;
use crate::outgoing::Outgoing;
use crate::queue_disk::QueueDisk;
use crate::raft::{Member, RaftError, Reign, Standing};
use crate::solo::{Solo, SoloError};

/// One replica.
pub enum Replica {
    Solo(Box<Solo>),
    Raft(Box<Member>),
}

/// Why a replica cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicaError {
    #[error(transparent)]
    Solo(#[from] SoloError),
    #[error(transparent)]
    Raft(#[from] RaftError),
}

impl From<Solo> for Replica {
    fn from(solo: Solo) -> Self {
        Self::Solo(Box::new(solo))
    }
}

impl From<Member> for Replica {
    fn from(member: Member) -> Self {
        Self::Raft(Box::new(member))
    }
}

/// Who is alone always leads.
const ALONE: Standing = Standing::Leading { reign: Reign { term: 0, spell: 0 } };

impl Replica {
    /// Begins again what was under way when the process ended; who is alone notes before that no connection of
    /// `frontend` has survived. A member does so by itself when it comes to lead. As with [`Replica::run`], what a full
    /// disk does not take is left in `batches`.
    pub fn resume(
        &mut self,
        frontend: u16,
        batches: &mut Vec<Bytes>,
        now: Timestamp,
        out: &mut Outgoing,
    ) -> Result<(), ReplicaError> {
        match self {
            Self::Solo(solo) => Ok(solo.resume(frontend, batches, now, out)?),
            Self::Raft(_) => Ok(()),
        }
    }

    /// As `resume`, where all frontends are in other processes: their connections may have survived.
    pub fn resume_far(
        &mut self,
        batches: &mut Vec<Bytes>,
        now: Timestamp,
        out: &mut Outgoing,
    ) -> Result<(), ReplicaError> {
        match self {
            Self::Solo(solo) => Ok(solo.resume_far(batches, now, out)?),
            Self::Raft(_) => Ok(()),
        }
    }

    /// What is owed to other partitions and to readers, all of it once more; nothing where another replica leads.
    pub fn owed(&mut self, out: &mut Outgoing) -> Result<(), ReplicaError> {
        match self {
            Self::Solo(solo) => Ok(solo.owed(out)?),
            Self::Raft(member) => Ok(member.owed(out)?),
        }
    }

    /// Where a lane stands; `None` when it is not known, or its frontend was declared gone.
    pub fn lane(&self, lane: Lane) -> Option<LaneState> {
        self.read(|partition| partition.lane(lane))
    }

    /// The answers that the worker of a lane has not received, with their numbers from `received + 1` on; `None` when
    /// they are not all known any more.
    pub fn undelivered(&mut self, lane: Lane, received: u64) -> Result<Option<Vec<(u64, Answer)>>, ReplicaError> {
        match self {
            Self::Solo(solo) => Ok(solo.undelivered(lane, received)?),
            Self::Raft(member) => Ok(member.undelivered(lane, received)?),
        }
    }

    /// The worker of a lane has received all answers up to `received`.
    pub fn confirmed(&mut self, lane: Lane, received: u64) {
        match self {
            Self::Solo(solo) => solo.confirmed(lane, received),
            Self::Raft(member) => member.confirmed(lane, received),
        }
    }

    /// The last batch of a lane that was not logged and has something in it that would come again, if there is one:
    /// what is logged behind it may have to wait, in [`Outgoing::later`].
    pub fn unsettled(&self, lane: Lane) -> Option<u64> {
        match self {
            Self::Solo(solo) => solo.unsettled(lane),
            Self::Raft(member) => member.unsettled(lane),
        }
    }

    /// The worker of a lane does not send batches up to `number` again.
    pub fn settled(&mut self, lane: Lane, number: u64) {
        match self {
            Self::Solo(solo) => solo.settled(lane, number),
            Self::Raft(member) => member.settled(lane, number),
        }
    }

    /// The worker of a lane begins again with what it has kept.
    pub fn reopened(&mut self, lane: Lane) {
        match self {
            Self::Solo(solo) => solo.reopened(lane),
            Self::Raft(member) => member.reopened(lane),
        }
    }

    /// Works off framed batches, taking them from `batches`, and adds to `out` what is to leave.
    ///
    /// Who is alone works off all of them but what a full disk does not take. A member proposes what it can and never
    /// waits: what is committed leaves with a later run, for which it wakes the caller, also when there are no batches;
    /// while it does not lead, and in the run that first tells of a [`Reign`], it takes nothing.
    pub fn run(
        &mut self,
        batches: &mut Vec<Bytes>,
        now: Timestamp,
        out: &mut Outgoing,
    ) -> Result<Standing, ReplicaError> {
        match self {
            Self::Solo(solo) => {
                if !batches.is_empty() {
                    solo.run(batches, now, out)?;
                }
                Ok(ALONE)
            }
            Self::Raft(member) => Ok(member.run(batches, now, out)?),
        }
    }

    /// Marks what the last run has taken, and all before.
    pub fn taken(&self) -> u64 {
        match self {
            Self::Solo(_) => 0,
            Self::Raft(member) => member.taken(),
        }
    }

    /// Up to which mark of [`Replica::taken`] everything is applied and was let out by a run. Rises within a reign.
    pub fn let_out(&self) -> u64 {
        match self {
            Self::Solo(_) => 0,
            Self::Raft(member) => member.let_out(),
        }
    }

    /// Has the partition's thread woken when everything up to a mark of [`Replica::taken`] is applied, also when nothing
    /// is to be let out then. The latest mark counts.
    pub fn wake_at(&self, mark: u64) {
        match self {
            Self::Solo(_) => {}
            Self::Raft(member) => member.wake_at(mark),
        }
    }

    /// Waits, when the last run has left something in its batches, until another may take it.
    pub fn wait(&self, at_most: Duration) {
        match self {
            // For room on the disk, which nothing tells.
            Self::Solo(_) => std::thread::sleep(at_most),
            Self::Raft(member) => member.wait(at_most),
        }
    }

    /// Reads the state between two entries. Of a member nothing is applied meanwhile: a bounded look.
    pub fn read<R>(&self, look: impl FnOnce(&Partition) -> R) -> R {
        match self {
            Self::Solo(solo) => look(solo.partition()),
            Self::Raft(member) => member.read(look),
        }
    }

    /// A message that the state refers to. Costs a read from disk when it is neither recent nor read back lately.
    pub fn stored(&mut self, body: BodyRef) -> Result<Bytes, ReplicaError> {
        match self {
            Self::Solo(solo) => Ok(solo.stored(body).map_err(SoloError::from)?),
            Self::Raft(member) => Ok(member.stored(body)?),
        }
    }

    /// Where other threads look up subscriptions: to be asked for again at each change of standing.
    pub fn routes(&self) -> Arc<Routes> {
        self.read(Partition::routes)
    }

    /// To bring the log to its device from another thread.
    pub fn syncer(&self) -> Syncer {
        match self {
            Self::Solo(solo) => solo.syncer(),
            Self::Raft(member) => member.syncer(),
        }
    }

    /// Counts the queues of this partition towards a bound that it shares with others.
    pub fn share_queue_disk(&mut self, disk: Arc<QueueDisk>) {
        match self {
            Self::Solo(solo) => solo.share_queue_disk(disk),
            Self::Raft(member) => member.share_queue_disk(disk),
        }
    }

    pub fn counters(&self) -> Counters {
        match self {
            Self::Solo(solo) => solo.counters(),
            Self::Raft(member) => member.counters(),
        }
    }

    /// When the partition wants a `Tick` at the latest; only who leads takes one.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.read(Partition::next_deadline)
    }

    /// Bytes on disk: log and carried bodies.
    pub fn disk_bytes(&self) -> u64 {
        match self {
            Self::Solo(solo) => solo.disk_bytes(),
            Self::Raft(member) => member.disk_bytes(),
        }
    }

    /// Whether publishes are refused because the disk is full.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Solo(solo) => solo.is_disk_full(),
            Self::Raft(member) => member.is_disk_full(),
        }
    }

    /// Whether publishes that would be queued are refused because the queues hold as much on disk as they may.
    pub fn is_queue_disk_full(&self) -> bool {
        match self {
            Self::Solo(solo) => solo.is_queue_disk_full(),
            Self::Raft(member) => member.is_queue_disk_full(),
        }
    }

    /// Whether something on disk is to be looked after soon.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Solo(solo) => solo.is_busy(),
            Self::Raft(member) => member.is_busy(),
        }
    }

    /// Looks after the disk: whether publishes are taken, whether a snapshot is due. Called about ten times a second,
    /// and after large batches.
    pub fn look_after_disk(&mut self) -> Result<(), ReplicaError> {
        match self {
            Self::Solo(solo) => solo.look_after_disk()?,
            Self::Raft(member) => member.look_after_disk(),
        }
        Ok(())
    }

    /// Ends cleanly: the log is on its device. Not to be called on a runtime's thread; a member that leads is to hand
    /// over before.
    pub fn close(self) -> Result<(), ReplicaError> {
        match self {
            Self::Solo(solo) => Ok(solo.close()?),
            Self::Raft(member) => Ok(member.close()?),
        }
    }
}
