//! Gives log space back: a snapshot of the state, then the log before it goes, with what is still referred to carried
//! over. The copying runs on a thread of its own; the partition's thread plans and installs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::JoinHandle;

use partition::Partition;

use super::SoloError;
use crate::bodies::{BodyStore, Carried, CarryJob};
use crate::log::{Garbage, LogStore, Syncer};
use crate::snapshot::Snapshots;

/// How many times the state's own size the log may grow before the next snapshot.
const LOG_TO_STATE: u64 = 2;

/// Log that is worth a snapshot when the disk is full.
const SHORT_BYTES: u64 = 1 << 20;

/// Whether there is room on the disk.
#[derive(Clone, Copy)]
pub(super) enum Space {
    Plenty,
    Short,
}

pub(super) struct Compaction {
    snapshots: Arc<Snapshots>,
    after_bytes: u64,
    state_bytes: u64,
    /// Bytes appended since the last snapshot.
    grown: u64,
    /// Bytes of bodies that were referred to at the last snapshot.
    live_at_last: u64,
    running: Option<Running>,
}

struct Running {
    thread: JoinHandle<()>,
    done: Receiver<Result<(u64, Option<Carried>), SoloError>>,
}

impl Compaction {
    pub fn new(snapshots: Snapshots, after_bytes: u64, state_bytes: u64, log: &LogStore) -> Self {
        Self {
            snapshots: Arc::new(snapshots),
            after_bytes,
            state_bytes,
            // What is in the log at the start counts: a crash loop must not grow it without end.
            grown: log.disk_bytes(),
            live_at_last: u64::MAX,
            running: None,
        }
    }

    pub fn appended(&mut self, bytes: usize) {
        self.grown += bytes as u64;
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Begins a snapshot when one is due, takes over one that is done.
    pub fn go_on(
        &mut self,
        partition: &Partition,
        log: &mut LogStore,
        bodies: &mut BodyStore,
        space: Space,
    ) -> Result<(), SoloError> {
        if self.running.is_some() {
            return self.take_over(log, bodies, Wait::No);
        }
        let due_from = match space {
            Space::Plenty => self.after_bytes.max(self.state_bytes.saturating_mul(LOG_TO_STATE)),
            Space::Short => self.after_bytes.min(SHORT_BYTES),
        };
        let live = live_bytes(partition);
        let disk = log.disk_bytes() + bodies.disk_bytes();
        // Messages that were acknowledged or expired give their space back even if nothing new comes.
        let is_mostly_dead = live < self.live_at_last && live * 2 + self.after_bytes < disk;
        if self.grown < due_from && !is_mostly_dead {
            return Ok(());
        }
        self.live_at_last = live;
        self.begin(partition, log, bodies)
    }

    fn begin(&mut self, partition: &Partition, log: &LogStore, bodies: &BodyStore) -> Result<(), SoloError> {
        let index = log.last();
        let mut contents = Vec::with_capacity(self.state_bytes as usize);
        partition.snapshot(&mut contents);
        let live = partition.live_bodies(index + 1);
        let job = bodies.plan_carry(log, &live, index + 1);
        self.state_bytes = contents.len() as u64;
        self.grown = 0;
        let (snapshots, syncer) = (Arc::clone(&self.snapshots), log.syncer());
        let (send, done) = channel();
        let work = move || {
            // The other end is gone only when the partition has stopped.
            let _ = send.send(write(&snapshots, &syncer, index, &contents, job));
        };
        match std::thread::Builder::new().name("compaction".to_owned()).spawn(work) {
            Ok(thread) => self.running = Some(Running { thread, done }),
            Err(error) => tracing::warn!(%error, "no thread for a snapshot; tried again later"),
        }
        Ok(())
    }

    fn take_over(&mut self, log: &mut LogStore, bodies: &mut BodyStore, wait: Wait) -> Result<(), SoloError> {
        let Some(running) = &self.running else { return Ok(()) };
        let result = match wait {
            Wait::No => match running.done.try_recv() {
                Ok(result) => result,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return self.gone(),
            },
            Wait::Yes => match running.done.recv() {
                Ok(result) => result,
                Err(_) => return self.gone(),
            },
        };
        self.gone()?;
        match result {
            Ok((index, carried)) => {
                if let Some(mut carried) = carried {
                    if let Some(error) = carried.disk_full.take() {
                        tracing::warn!(%error, "no room for carrying all bodies over; tried again later");
                    }
                    remove(bodies.install(log, carried)?);
                }
                tracing::debug!(index, disk_bytes = log.disk_bytes() + bodies.disk_bytes(), "log compacted");
                self.snapshots.remove_before(index)?;
            }
            Err(SoloError::Snapshot(error)) if error.is_disk_full() => {
                tracing::warn!(%error, "no room for a snapshot; tried again later");
            }
            Err(SoloError::Body(error)) if error.is_disk_full() => {
                tracing::warn!(%error, "no room for carrying bodies over; tried again later");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn gone(&mut self) -> Result<(), SoloError> {
        if let Some(running) = self.running.take()
            && running.thread.join().is_err()
        {
            tracing::error!("a snapshot was not finished: its thread panicked");
        }
        Ok(())
    }

    /// Waits for what is under way.
    pub fn finish(&mut self, log: &mut LogStore, bodies: &mut BodyStore) -> Result<(), SoloError> {
        self.take_over(log, bodies, Wait::Yes)
    }
}

#[derive(Clone, Copy)]
enum Wait {
    No,
    Yes,
}

/// Removing large files takes tens of milliseconds: not on the partition's thread. What is left by a crash is found at
/// the next start.
fn remove(garbage: Garbage) {
    let work = move || {
        if let Err(error) = garbage.remove() {
            tracing::warn!(%error, "files of the log that are not needed any more could not be removed");
        }
    };
    if let Err(error) = std::thread::Builder::new().name("removal".to_owned()).spawn(work) {
        tracing::warn!(%error, "no thread for removing files; they go at the next start");
    }
}

fn live_bytes(partition: &Partition) -> u64 {
    let counters = partition.counters();
    counters.queued_bytes + counters.retained_bytes
}

fn write(
    snapshots: &Snapshots,
    syncer: &Syncer,
    index: u64,
    contents: &[u8],
    job: Option<CarryJob>,
) -> Result<(u64, Option<Carried>), SoloError> {
    // The log first: after a power cut it must reach at least as far as its snapshot.
    syncer.sync_log()?;
    snapshots.write(index, contents)?;
    let carried = job.map(CarryJob::run).transpose()?;
    Ok((index, carried))
}
