//! Everything a member holds: log, bodies, snapshots and state, behind one lock that is never held while waiting for
//! another member.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use partition::{Effects, Entry as Logged, Partition, Timestamp};

use super::ballot::Ballot;
use super::contents::Contents;
use super::error::RaftError;
use super::flight::Flight;
use super::group::{Entry, LogId, MemberId, Payload, Proposal, StoredMembership, term_of};
use super::opening::{align, holds, last_id};
use super::record::{self, Record};
use super::window::Window;
use crate::admission::Admission;
use crate::bodies::{Arrived, BodyStore, Carried};
use crate::due::{Due, Space};
use crate::log::LogStore;
use crate::outgoing::{Outgoing, Shelf};
use crate::snapshot::Snapshots;
use crate::undelivered::Undelivered;

/// Bytes that may wait to be applied without being logged.
const WAITING_BYTES: usize = 8 << 20;

/// What is applied without being logged, once the proposals before it have been.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Number of the last of them.
    after: u64,
    now: Timestamp,
    commands: Bytes,
}

pub(super) struct Store {
    pub member: MemberId,
    pub partition: Partition,
    pub log: LogStore,
    pub bodies: BodyStore,
    pub snapshots: Arc<Snapshots>,
    pub ballot: Ballot,
    /// What a snapshot, or the empty partition, stands for: no entry up to it is read any more.
    pub base: LogId,
    pub last: LogId,
    pub applied: LogId,
    pub membership: StoredMembership,
    /// The snapshot that the next one replaces.
    pub snapshot: Option<(LogId, StoredMembership)>,
    /// Copied for the newest snapshot, to be taken over when the log is purged.
    pub carried: Option<Carried>,
    /// A snapshot is being written.
    pub is_building: bool,
    /// How many members are being sent the newest snapshot, so that there is none newer.
    pub packing: usize,
    pub due: Due,
    pub admission: Admission,
    /// Nothing is tried again any more.
    pub is_closing: bool,
    /// The term whose first entry this member has applied as its leader.
    pub leads: Option<u64>,
    /// Goes up when a proposal was refused.
    pub spell: u32,
    /// The term in which it has been asked to hand the lead over: another may lead before it knows.
    pub yields: Option<u64>,
    pub flight: Flight,
    /// A proposal whose end somebody waits for, whatever comes of it.
    pub awaited: Option<u64>,
    pub undelivered: Undelivered,
    pub out: Outgoing,
    pub waiting: VecDeque<Waiting>,
    pub window: Window,
    pub effects: Effects,
}

/// Shared by openraft's tasks and the partition's thread.
#[derive(Clone)]
pub(super) struct Shared(Arc<Both>);

struct Both {
    store: Mutex<Store>,
    /// Something was logged or applied, or another leads.
    moved: Condvar,
}

impl Shared {
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Both { store: Mutex::new(store), moved: Condvar::new() }))
    }

    pub fn lock(&self) -> MutexGuard<'_, Store> {
        // What panicked while it held the lock has ended openraft's task with it; readers may still look.
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while `is_stuck`, for something to move.
    pub fn wait(&self, at_most: Duration, is_stuck: impl FnMut(&mut Store) -> bool) {
        // The caller looks again, whatever has come.
        let _ = self.0.moved.wait_timeout_while(self.lock(), at_most, is_stuck);
    }

    /// Has whoever waits look again.
    pub fn moved(&self) {
        self.0.moved.notify_all();
    }
}

impl Store {
    /// Appends an entry: in the file when it returns. On a full disk the reserve is given up for it first.
    ///
    /// # Errors
    /// When the disk is full even so nothing has happened.
    pub fn append(&mut self, entry: &Entry) -> Result<(), RaftError> {
        let index = entry.log_id.index;
        let record = Record::of(entry);
        match self.log.append(index, &record.parts()) {
            Err(error) if error.is_disk_full() => {
                self.admission.close(&error);
                self.log.append(index, &record.parts())?;
            }
            appended => appended?,
        }
        self.due.appended(record.len());
        let payload = match &entry.payload {
            Payload::Normal(Proposal { payload, number }) => {
                if let Some(number) = number {
                    self.flight.is_logged(*number, entry.log_id);
                }
                std::slice::from_ref(payload)
            }
            _ => &[],
        };
        self.bodies.appended(index, payload);
        self.last = entry.log_id;
        self.window.push(entry.clone(), record.len());
        Ok(())
    }

    /// Removes the entries after `index`.
    pub fn truncate_after(&mut self, last: LogId) -> Result<(), RaftError> {
        if last.index < self.log.last() {
            self.log.truncate_from(last.index + 1)?;
        }
        self.bodies.truncated_from(last.index + 1);
        self.window.truncate_from(last.index + 1);
        self.last = last;
        Ok(())
    }

    /// Entry `index`, from memory or from the file.
    pub fn entry(&self, index: u64) -> Result<Entry, RaftError> {
        if let Some(entry) = self.window.entry(index) {
            return Ok(entry.clone());
        }
        record::entry(index, self.log.read(index)?).map_err(|why| RaftError::Record { index, why })
    }

    /// Applies a committed entry. Its effects leave when this member has proposed it and leads still.
    pub fn apply(&mut self, entry: Entry) -> Result<(), RaftError> {
        let id = entry.log_id;
        match entry.payload {
            Payload::Blank => self.begin_term(&id)?,
            Payload::Membership(membership) => self.membership = StoredMembership::new(Some(id), membership),
            Payload::Normal(Proposal { payload, .. }) => self.apply_commands(id, &payload)?,
        }
        self.applied = id;
        self.apply_waiting()
    }

    fn apply_commands(&mut self, id: LogId, payload: &Bytes) -> Result<(), RaftError> {
        let index = id.index;
        let applied = self.partition.apply(Logged { index, payload }, &mut self.effects);
        applied.map_err(|source| RaftError::Apply { index, source })?;
        self.undelivered.note(&self.partition, &self.effects);
        if self.flight.is_applied(id) && self.has_own_vote(term_of(&id)) {
            return self.let_out(payload);
        }
        self.effects.clear();
        Ok(())
    }

    /// The first entry of a term: whoever leads it has now applied all that was committed before.
    fn begin_term(&mut self, id: &LogId) -> Result<(), RaftError> {
        let term = term_of(id);
        if !self.has_own_vote(term) {
            return Ok(());
        }
        self.follow();
        self.leads = Some(term);
        self.owe()
    }

    /// Lets out what is owed to other partitions and to readers, all of it once more.
    pub fn owe(&mut self) -> Result<(), RaftError> {
        self.partition.resume(&mut self.effects);
        self.let_out(&Bytes::new())
    }

    /// Whether this member's last vote is for itself, in that term.
    pub fn has_own_vote(&self, term: u64) -> bool {
        let vote = self.ballot.vote();
        vote.is_some_and(|vote| vote.leader_id.term == term && vote.leader_id.voted_for == self.member)
    }

    /// Applies what is not logged behind this member's proposals so far. False when too much waits already.
    pub fn take_unlogged(&mut self, commands: &Bytes, now: Timestamp) -> Result<bool, RaftError> {
        let waiting: usize = self.waiting.iter().map(|waiting| waiting.commands.len()).sum();
        if waiting > WAITING_BYTES {
            return Ok(false);
        }
        self.waiting.push_back(Waiting { after: self.flight.proposed(), now, commands: commands.clone() });
        self.apply_waiting()?;
        Ok(true)
    }

    /// Whether what was awaited has come about; true once.
    pub fn takes_awaited(&mut self) -> bool {
        let Self { awaited, flight, .. } = self;
        awaited.take_if(|number| flight.has_applied(*number)).is_some()
    }

    /// Notes that this member does not lead (any more): what it has under way is the next leader's.
    pub fn follow(&mut self) {
        self.leads = None;
        self.waiting.clear();
        self.flight.forget();
    }

    /// Drops what applying entries of an earlier run has left.
    pub fn forget_effects(&mut self) {
        self.follow();
        self.out = Outgoing::default();
    }

    /// Brings the log to its device and marks the clean stop.
    pub fn close(&self) -> Result<(), RaftError> {
        Ok(self.log.mark_clean_stop()?)
    }

    /// Whether a snapshot is to be taken now, and can be.
    pub fn wants_snapshot(&self) -> bool {
        let space = if self.admission.is_closed() { Space::Short } else { Space::Plenty };
        let disk_bytes = self.log.disk_bytes() + self.bodies.disk_bytes();
        self.can_take_snapshot() && self.due.is_now(&self.partition, disk_bytes, space)
    }

    /// The one before must be done with: its log given back, and nobody being sent it.
    pub fn can_take_snapshot(&self) -> bool {
        !self.is_building && self.carried.is_none() && self.packing == 0 && self.applied > self.base
    }

    fn apply_waiting(&mut self) -> Result<(), RaftError> {
        while let Some(waiting) = self.waiting.front()
            && self.flight.has_applied(waiting.after)
        {
            let (now, commands) = (waiting.now, waiting.commands.clone());
            self.waiting.pop_front();
            let applied = self.partition.apply_unlogged(now, &commands, &mut self.effects);
            applied.map_err(|source| RaftError::Apply { index: 0, source })?;
            self.let_out(&commands)?;
        }
        Ok(())
    }

    fn let_out(&mut self, unlogged: &Bytes) -> Result<(), RaftError> {
        let Self { partition, log, bodies, effects, out, .. } = self;
        Ok(out.take(effects, Shelf { partition: partition.id(), log, bodies, unlogged })?)
    }

    /// Whether log and bodies hold everything up to an entry.
    pub fn holds(&self, id: LogId) -> Result<bool, RaftError> {
        holds(&self.log, id)
    }

    /// Gives back the log that the newest snapshot stands for.
    pub fn purge(&mut self) -> Result<(), RaftError> {
        if let Some(carried) = self.carried.take() {
            self.bodies.install(&mut self.log, carried)?.remove_aside();
        }
        Ok(())
    }

    /// Replaces the state, and log and bodies where they do not hold it, by what a snapshot says that is in its
    /// directory.
    pub fn replace(&mut self, contents: Contents, arrived: Option<Arrived>) -> Result<(), RaftError> {
        align(&mut self.log, contents.id)?;
        if let Some(arrived) = arrived {
            self.bodies.replace(arrived).remove()?;
            self.window.clear();
        }
        let Contents { id, membership, partition, bytes } = contents;
        self.snapshots.remove_before(id.index)?;
        self.base = id;
        self.last = last_id(&self.log, id)?;
        self.applied = id;
        self.snapshot = Some((id, membership.clone()));
        (self.partition, self.membership, self.carried) = (partition, membership, None);
        self.undelivered = Undelivered::default();
        self.due.taken(&self.partition, bytes);
        Ok(())
    }
}

/// Directories of a member.
pub(super) fn arriving(dir: &Path) -> PathBuf {
    dir.join("arriving")
}
