//! Which member a partition's replica is here, and how it comes to be one.
//!
//! A group is founded once: by the backend that is placed first, where it has been alone until now, or where nobody has
//! anything of the partition, which every other backend that is placed has to say; these belong to it from its first
//! entry on. Whatever else finds itself without a
//! directory joins, as a member that never was. A member that may have forgotten what it promised joins anew too, but
//! only while others lead the group without it: what it has is put aside then, never before. Where nobody can lead without
//! such members, as after a power cut of all machines, they go on with what they have.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use link::inbox;
use partition::{PartitionId, SlotTable};
use replica::bodies::BodySettings;
use replica::log::LogSettings;
use replica::raft::{Carrier, Durability, Member, MemberId, MemberSettings, Origin, RaftError, Timing};
use replica::solo;
use tokio::runtime::Handle;

use super::directory::{Found, look, put_aside};
use super::exchange::{Exchange, Resident};
use super::life::{Life, LifeFile, Stage};
use super::tending::Tending;
use crate::backend::{COMPACT_AFTER_BYTES, RESERVE_BYTES};
use crate::leaders::Leaders;
use crate::placement::Placement;
use crate::settings::StartError;

/// What the members of this process have in common.
pub(super) struct Opener {
    pub dir: PathBuf,
    pub slots: SlotTable,
    pub durability: solo::Durability,
    pub placement: Placement,
    pub leaders: Arc<Leaders>,
    pub exchange: Arc<Exchange>,
    pub runtime: Handle,
}

/// What a directory and the file beside it come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It is alone, and stays so.
    Alone,
    Open {
        life: u32,
        origin: Origin,
    },
    /// Others have to be asked whether there is a group.
    Ask,
    /// The same, of a member that may have forgotten something.
    Stranded {
        life: u32,
    },
}

/// A member, or why it is not one.
pub(super) enum Opening {
    Member(Box<Member>),
    /// What is there is not to be trusted.
    Stranded {
        id: MemberId,
        why: RaftError,
    },
}

impl Opener {
    pub fn path(&self, partition: PartitionId) -> PathBuf {
        self.dir.join(partition.to_string())
    }

    pub fn life(&self, partition: PartitionId) -> LifeFile {
        LifeFile::new(&self.dir, partition)
    }

    /// What is to be done with a partition that is placed here, or of which something is.
    pub fn course(&self, partition: PartitionId) -> Result<Course, StartError> {
        let failed = |source| StartError::Member { partition, source };
        let (dir, file) = (self.path(partition), self.life(partition));
        let mut found = look(&dir).map_err(|error| failed(error.into()))?;
        let mut life = file.read().map_err(|error| failed(io_error(error, &dir)))?;
        if life.is_some_and(|life| life.stage == Stage::Removed) {
            put_aside(&dir).map_err(|error| failed(io_error(error, &dir)))?;
            found = Found::Nothing;
        }
        let replicas = self.placement.replicas(partition);
        let is_first = replicas.first() == Some(&self.leaders.us());
        let begin = |stage| file.begin(stage).map_err(|error| failed(io_error(error, &dir)));
        let open = |life: Life, origin| Ok(Course::Open { life: life.number, origin });
        match (found, life.take()) {
            (Found::Member, Some(Life { number: life, stage: Stage::Stranded })) => Ok(Course::Stranded { life }),
            (Found::Member, life) => {
                Ok(Course::Open { life: life.map_or(0, |life| life.number), origin: Origin::Known })
            }
            (Found::Alone, Some(life)) if life.stage == Stage::Founds => open(life, Origin::founds_alone()),
            (Found::Nothing, Some(life)) if life.stage == Stage::Founds && is_first => Ok(Course::Ask),
            (Found::Alone, None) if replicas.len() == 1 && is_first => Ok(Course::Alone),
            (Found::Alone, None) if is_first => open(begin(Stage::Founds)?, Origin::founds_alone()),
            (Found::Alone, None) => Err(StartError::NotFirst { partition, first: replicas.first().copied() }),
            (Found::Alone, Some(_)) => {
                put_aside(&dir).map_err(|error| failed(io_error(error, &dir)))?;
                open(begin(Stage::Joins)?, Origin::Joins)
            }
            (Found::Nothing, None) if replicas.len() == 1 => Ok(Course::Alone),
            (Found::Nothing, None) if is_first => Ok(Course::Ask),
            (Found::Nothing, _) => open(begin(Stage::Joins)?, Origin::Joins),
        }
    }

    /// Opens a member, from any thread; `inbox` is woken when it has something to say.
    pub fn open(
        self: &Arc<Self>,
        partition: PartitionId,
        life: u32,
        origin: Origin,
        inbox: &inbox::Sender,
    ) -> Result<Opening, RaftError> {
        let mut id = self.member(life);
        let opened = match self.try_open(partition, id, origin, inbox) {
            // The file is lost, and the directory says who it is.
            Err(RaftError::AnotherMember { found, .. }) if found.process == id.process => {
                id = found;
                self.try_open(partition, id, Origin::Known, inbox)
            }
            opened => opened,
        };
        let member = match opened {
            Ok(member) => member,
            Err(why) if why.needs_new_member() => {
                if matches!(why, RaftError::Forgotten { .. }) {
                    // The next start would find the traces of this one.
                    let life = Life { number: id.life, stage: Stage::Stranded };
                    self.life(partition).write(life).map_err(|error| io_error(error, &self.dir))?;
                }
                return Ok(self.strand(partition, id, why));
            }
            Err(error) => return Err(error),
        };
        let file = self.life(partition);
        file.write(Life { number: id.life, stage: Stage::Lives }).map_err(|error| io_error(error, &self.dir))?;
        let (ear, membership) = (Arc::new(member.answer()), member.membership());
        self.exchange.settle(partition, Resident::Member { id, ear, membership: membership.clone() });
        let replicas = self.placement.replicas(partition).to_vec();
        let (exchange, leaders) = (Arc::clone(&self.exchange), Arc::clone(&self.leaders));
        let tending = Tending::new(partition, id, replicas, file, membership, (exchange, leaders));
        self.runtime.spawn(tending.run());
        Ok(Opening::Member(Box::new(member)))
    }

    /// Another has to be opened in the place of a member.
    fn strand(&self, partition: PartitionId, id: MemberId, why: RaftError) -> Opening {
        self.exchange.settle(partition, Resident::Stranded { id });
        Opening::Stranded { id, why }
    }

    /// The same, of one that an earlier run has found to have forgotten something.
    pub fn strand_again(&self, partition: PartitionId, life: u32) -> Opening {
        let member = self.member(life);
        let why = RaftError::Forgotten { member, why: "an earlier start has found so" };
        self.strand(partition, member, why)
    }

    fn member(&self, life: u32) -> MemberId {
        MemberId { process: self.leaders.us().into(), life }
    }

    fn try_open(
        self: &Arc<Self>,
        partition: PartitionId,
        member: MemberId,
        origin: Origin,
        inbox: &inbox::Sender,
    ) -> Result<Member, RaftError> {
        let settings = MemberSettings {
            dir: self.path(partition),
            member,
            origin,
            partition,
            slots: self.slots.clone(),
            durability: match self.durability {
                solo::Durability::Async => Durability::Async,
                solo::Durability::Fsync => Durability::Fsync,
            },
            log: LogSettings::default(),
            bodies: BodySettings::default(),
            timing: Timing::default(),
            compact_after_bytes: COMPACT_AFTER_BYTES,
            reserve_bytes: RESERVE_BYTES,
        };
        let carrier: Arc<dyn Carrier> = Arc::<Exchange>::clone(&self.exchange);
        let inbox = inbox.clone();
        let opening = Member::open(settings, carrier, Arc::new(move || inbox.wake()));
        let stopped = || RaftError::Stopped { member, why: "the process ends".to_owned() };
        wait_for(&self.runtime, opening).unwrap_or_else(|| Err(stopped()))
    }

    /// Puts aside what is there of a partition and has the next member join.
    pub fn renew(&self, partition: PartitionId) -> io::Result<u32> {
        put_aside(&self.path(partition))?;
        Ok(self.life(partition).begin(Stage::Joins)?.number)
    }
}

/// Has the runtime work something off while this thread, which may be of another runtime, waits for it. `None` when the
/// runtime has ended.
pub(super) fn wait_for<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = sync_channel(1);
    runtime.spawn(async move { sender.send(work.await) });
    receiver.recv().ok()
}

fn io_error(source: io::Error, path: &std::path::Path) -> RaftError {
    RaftError::Io { action: "use", path: path.to_owned(), source }
}
