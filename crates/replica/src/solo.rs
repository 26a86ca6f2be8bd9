//! A partition with one replica: append, apply and let effects out, run to completion on the caller's thread.
//!
//! Everything that waits is made one log entry. Its effects are given out after the entry is in the log as durably as
//! [`Durability`] says, never before.

mod compaction;
mod lanes;
mod rejection;

use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use partition::{
    BodyRef, Counters, DecodeError, Effects, Entry, Frames, Partition, PartitionId, Routes, SlotTable, Timestamp,
};
use std::sync::Arc;

use crate::admission::Admission;
use crate::bodies::{BodyError, BodySettings, BodyStore};
use crate::due::{Due, Space};
use crate::log::{LogError, LogSettings, LogStore, Syncer, TornTail};
pub use crate::outgoing::Outgoing;
use crate::outgoing::{Shelf, entry_payload, is_all_logged};
pub use crate::queue_disk::QueueDisk;
use crate::queue_disk::QueueRoom;
use crate::rejection::Rejected;
use crate::snapshot::{SnapshotError, Snapshots};
use crate::turn::has_lanes;
use crate::undelivered::Undelivered;
use crate::unsettled::Unsettled;

use compaction::Compaction;

/// Batches are made one entry up to this size, then one each: a few workers with the largest packets would exceed what
/// the log takes in one entry.
const ENTRY_BYTES: usize = 256 << 20;

/// When an entry counts as held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Written to the file: any crash of the process keeps it, a power cut may cost what was not yet synced.
    Async,
    /// On the device.
    Fsync,
}

/// How a replica is set up.
#[derive(Clone, Debug)]
pub struct SoloSettings {
    /// Holds `log`, `bodies` and `snapshots` of this partition alone.
    pub dir: PathBuf,
    pub partition: PartitionId,
    pub slots: SlotTable,
    pub durability: Durability,
    pub log: LogSettings,
    pub bodies: BodySettings,
    /// Bytes of log after which a snapshot is taken and the log before it given back; more when the state is large.
    pub compact_after_bytes: u64,
    /// Held back on the disk for what must be noted even when it is full.
    pub reserve_bytes: u64,
}

/// Why a replica cannot be opened or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoloError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("log entry {index} cannot be applied: {source}")]
    Apply { index: u64, source: DecodeError },
    #[error("the snapshot of entry {index} cannot be read: {why}")]
    Restore { index: u64, why: String },
    #[error("cannot use {}: {source}", dir.display())]
    Directory { dir: PathBuf, source: std::io::Error },
}

/// What a start found.
#[derive(Debug)]
pub struct Opened {
    /// Log index after recovery.
    pub last: u64,
    pub replayed: u64,
    /// Was cut.
    pub torn: Option<TornTail>,
    /// Snapshots that are damaged and were passed over.
    pub rejected_snapshots: Vec<PathBuf>,
}

/// See the module.
pub struct Solo {
    partition: Partition,
    log: LogStore,
    bodies: BodyStore,
    durability: Durability,
    syncer: Syncer,
    admission: Admission,
    queue_room: QueueRoom,
    rejected: Rejected,
    compaction: Compaction,
    effects: Effects,
    undelivered: Undelivered,
    unsettled: Unsettled,
}

impl Solo {
    /// Opens or makes the partition in its directory and brings its state up to the end of its log.
    pub fn open(settings: SoloSettings) -> Result<(Self, Opened), SoloError> {
        let dir = &settings.dir;
        let directory = |source| SoloError::Directory { dir: dir.clone(), source };
        std::fs::create_dir_all(dir).map_err(directory)?;
        let (mut log, recovered) = LogStore::open(&dir.join("log"), settings.log.clone())?;
        let mut bodies = BodyStore::open(&dir.join("bodies"), &mut log, settings.bodies.clone())?;
        let snapshots = Snapshots::open(&dir.join("snapshots"))?;
        let loaded = snapshots.load(log.first())?;
        let (mut partition, covered, snapshot_bytes) = match loaded.snapshot {
            Some(mut reader) => {
                let index = reader.index();
                let mut contents = Vec::new();
                let restore = |why: String| SoloError::Restore { index, why };
                std::io::Read::read_to_end(&mut reader, &mut contents).map_err(|e| restore(e.to_string()))?;
                let partition = Partition::restore(&contents).map_err(|e| restore(e.to_string()))?;
                (partition, index, contents.len() as u64)
            }
            None => (Partition::new(settings.partition, settings.slots.clone()), 0, 0),
        };
        let (mut effects, mut undelivered) = (Effects::new(), Undelivered::default());
        let mut replayed = 0;
        if log.last() < covered {
            // The snapshot reached the device and the log before it did not: its numbers must not come again.
            log.skip_to(covered + 1)?;
        } else if log.last() > covered {
            log.replay(covered + 1, |index, payload| {
                let entry = Entry { index, payload: &payload };
                partition.apply(entry, &mut effects).map_err(|source| SoloError::Apply { index, source })?;
                undelivered.note(&partition, &effects);
                bodies.appended(index, &[payload]);
                effects.clear();
                replayed += 1;
                Ok::<_, SoloError>(())
            })?;
        }
        let opened = Opened {
            last: log.last(),
            replayed,
            torn: recovered.torn,
            rejected_snapshots: loaded.rejected.into_iter().map(|r| r.path).collect(),
        };
        let solo = Self {
            syncer: log.syncer(),
            admission: Admission::open(dir, settings.reserve_bytes).map_err(directory)?,
            queue_room: QueueRoom::default(),
            rejected: Rejected::default(),
            compaction: Compaction::new(
                snapshots,
                Due::new(settings.compact_after_bytes, snapshot_bytes, log.disk_bytes()),
            ),
            durability: settings.durability,
            partition,
            log,
            bodies,
            effects,
            undelivered,
            unsettled: Unsettled::default(),
        };
        Ok((solo, opened))
    }

    /// Counts the queues of this partition towards a bound that it shares with others.
    pub fn share_queue_disk(&mut self, disk: Arc<QueueDisk>) {
        self.queue_room = QueueRoom::of(disk);
        self.queue_room.tell(self.partition.queued_distinct_bytes());
    }

    /// The state, to be read between two runs.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// A message that the state refers to. Costs a read from disk when it is neither recent nor read back lately.
    pub fn stored(&mut self, body: BodyRef) -> Result<Bytes, BodyError> {
        self.bodies.get(&self.log, body)
    }

    /// Where other threads look up subscriptions.
    pub fn routes(&self) -> Arc<Routes> {
        self.partition.routes()
    }

    /// To bring the log to its device from another thread.
    pub fn syncer(&self) -> Syncer {
        self.syncer.clone()
    }

    pub fn counters(&self) -> Counters {
        let Rejected { disk_full, queue_disk } = self.rejected;
        Counters { rejected_disk_full: disk_full, rejected_queue_disk: queue_disk, ..self.partition.counters() }
    }

    /// When the partition wants a `Tick` at the latest.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.partition.next_deadline()
    }

    /// Bytes on disk: log and carried bodies.
    pub fn disk_bytes(&self) -> u64 {
        self.log.disk_bytes() + self.bodies.disk_bytes()
    }

    /// Works off framed batches, taking them from `batches`. When the disk is full, publishes are answered `Rejected`;
    /// what cannot be noted even so is left in `batches`, to be tried again. When the queues hold as much as they may,
    /// those are that would come into a queue.
    pub fn run(&mut self, batches: &mut Vec<Bytes>, now: Timestamp, out: &mut Outgoing) -> Result<(), SoloError> {
        if has_lanes(batches) { self.run_lanes(batches, now, out) } else { self.run_all(batches, now, out) }
    }

    fn run_all(&mut self, batches: &mut Vec<Bytes>, now: Timestamp, out: &mut Outgoing) -> Result<(), SoloError> {
        if self.admission.is_closed() {
            self.reject_publishes(batches, out)?;
        }
        if !self.queue_room.has_room_for(batches.iter().map(|batch| batch.len() as u64).sum()) {
            self.reject_what_would_queue(batches, out)?;
        }
        let result = self.run_admitted(batches, now, out);
        self.queue_room.tell(self.partition.queued_distinct_bytes());
        result
    }

    fn run_admitted(&mut self, batches: &mut Vec<Bytes>, now: Timestamp, out: &mut Outgoing) -> Result<(), SoloError> {
        if batches.iter().map(Bytes::len).sum::<usize>() <= ENTRY_BYTES {
            return self.run_together(batches, now, out);
        }
        for batch in std::mem::take(batches) {
            batches.push(batch);
            self.run_together(batches, now, out)?;
        }
        Ok(())
    }

    fn run_together(&mut self, batches: &mut Vec<Bytes>, now: Timestamp, out: &mut Outgoing) -> Result<(), SoloError> {
        let all_logged = batches.iter().all(|batch| is_all_logged(batch));
        if all_logged { self.run_logged(batches, now, out) } else { self.run_mixed(batches, now, out) }
    }

    fn run_logged(&mut self, batches: &mut Vec<Bytes>, now: Timestamp, out: &mut Outgoing) -> Result<(), SoloError> {
        if self.append_and_apply(batches, now, out)? {
            return Ok(());
        }
        // Without the publishes, and in the reserve that was given up.
        self.reject_publishes(batches, out)?;
        if !batches.is_empty() {
            self.append_and_apply(batches, now, out)?;
        }
        Ok(())
    }

    /// False when the disk is full: then nothing has happened.
    fn append_and_apply(
        &mut self,
        batches: &mut Vec<Bytes>,
        now: Timestamp,
        out: &mut Outgoing,
    ) -> Result<bool, SoloError> {
        let payload = entry_payload(batches, now);
        let index = match self.append(&payload) {
            Ok(index) => index,
            Err(error) if error.is_disk_full() => {
                self.admission.close(&error);
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        batches.clear();
        self.bodies.appended(index, std::slice::from_ref(&payload));
        self.apply(Entry { index, payload: &payload }, &payload, out)?;
        Ok(true)
    }

    /// What is not logged is applied between what is, in its order.
    fn run_mixed(&mut self, batches: &mut Vec<Bytes>, now: Timestamp, out: &mut Outgoing) -> Result<(), SoloError> {
        for batch in std::mem::take(batches) {
            let mut run = BytesMut::new();
            let mut run_is_logged = true;
            for frame in Frames::new(&batch) {
                let frame = frame.map_err(|source| SoloError::Apply { index: 0, source })?;
                if frame.is_logged() != run_is_logged && !run.is_empty() {
                    self.run_one(run.split().freeze(), run_is_logged, batches, now, out)?;
                }
                run_is_logged = frame.is_logged();
                run.extend_from_slice(frame.bytes);
            }
            if !run.is_empty() {
                self.run_one(run.freeze(), run_is_logged, batches, now, out)?;
            }
        }
        Ok(())
    }

    fn run_one(
        &mut self,
        commands: Bytes,
        logged: bool,
        left: &mut Vec<Bytes>,
        now: Timestamp,
        out: &mut Outgoing,
    ) -> Result<(), SoloError> {
        if logged {
            left.push(commands);
            return self.run_logged(left, now, out);
        }
        let payload = entry_payload(&[commands], now);
        self.apply(Entry { index: 0, payload: &payload }, &payload, out)
    }

    fn append(&mut self, payload: &[u8]) -> Result<u64, LogError> {
        let index = self.log.last() + 1;
        self.log.append(index, &[payload])?;
        self.compaction.appended(payload.len());
        if self.durability == Durability::Fsync {
            self.syncer.sync_log()?;
        }
        Ok(index)
    }

    fn apply(&mut self, entry: Entry<'_>, payload: &Bytes, out: &mut Outgoing) -> Result<(), SoloError> {
        let mut effects = std::mem::take(&mut self.effects);
        self.partition.apply(entry, &mut effects).map_err(|source| SoloError::Apply { index: entry.index, source })?;
        self.undelivered.note(&self.partition, &effects);
        self.let_out_of(&mut effects, payload, out)?;
        self.effects = effects;
        Ok(())
    }

    fn let_out(&mut self, effects: &mut Effects, out: &mut Outgoing) -> Result<(), SoloError> {
        self.let_out_of(effects, &Bytes::new(), out)
    }

    /// `unlogged` holds the bodies with index 0.
    fn let_out_of(&mut self, effects: &mut Effects, unlogged: &Bytes, out: &mut Outgoing) -> Result<(), SoloError> {
        let shelf = Shelf { partition: self.partition.id(), log: &self.log, bodies: &mut self.bodies, unlogged };
        Ok(out.take(effects, shelf)?)
    }

    /// Whether publishes are refused because the disk is full.
    pub fn is_disk_full(&self) -> bool {
        self.admission.is_closed()
    }

    /// Whether publishes that would be queued are refused because the queues hold as much on disk as they may.
    pub fn is_queue_disk_full(&self) -> bool {
        self.queue_room.is_closed()
    }

    /// Whether something on disk is to be looked after soon.
    pub fn is_busy(&self) -> bool {
        self.admission.is_closed() || self.queue_room.is_closed() || self.compaction.is_running()
    }

    /// Looks after the disk: whether publishes are taken, whether a snapshot is due. Called about ten times a second,
    /// and after large batches.
    pub fn look_after_disk(&mut self) -> Result<(), SoloError> {
        self.admission.look();
        self.queue_room.look();
        let space = if self.admission.is_closed() { Space::Short } else { Space::Plenty };
        self.undelivered.tidy(&self.partition);
        self.unsettled.tidy(&self.partition);
        self.compaction.go_on(&self.partition, &self.undelivered, &mut self.log, &mut self.bodies, space)
    }

    /// Ends cleanly: the log is on its device.
    pub fn close(mut self) -> Result<(), SoloError> {
        self.compaction.finish(&mut self.log, &mut self.bodies)?;
        Ok(self.log.close()?)
    }

    /// Moves what follows a corrupt entry aside, so that the partition can be opened without it.
    pub fn salvage(dir: &Path) -> Result<crate::log::Salvaged, LogError> {
        crate::log::salvage(&dir.join("log"))
    }
}

#[cfg(test)]
mod tests;
