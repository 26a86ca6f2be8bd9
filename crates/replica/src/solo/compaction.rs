//! Gives log space back: a snapshot of the state, then the log before it goes, with what is still referred to carried
//! over. The copying runs on a thread of its own; the partition's thread plans and installs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::JoinHandle;

use partition::Partition;

use super::SoloError;
use crate::bodies::{BodyStore, Carried, CarryJob};
use crate::due::{Due, Space};
use crate::log::{LogStore, Syncer};
use crate::snapshot::Snapshots;
use crate::undelivered::Undelivered;

pub(super) struct Compaction {
    snapshots: Arc<Snapshots>,
    due: Due,
    running: Option<Running>,
}

struct Running {
    thread: JoinHandle<()>,
    done: Receiver<Result<(u64, Option<Carried>), SoloError>>,
}

impl Compaction {
    pub fn new(snapshots: Snapshots, due: Due) -> Self {
        Self { snapshots: Arc::new(snapshots), due, running: None }
    }

    pub fn appended(&mut self, bytes: usize) {
        self.due.appended(bytes);
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Begins a snapshot when one is due, takes over one that is done.
    pub fn go_on(
        &mut self,
        partition: &Partition,
        undelivered: &Undelivered,
        log: &mut LogStore,
        bodies: &mut BodyStore,
        space: Space,
    ) -> Result<(), SoloError> {
        if self.running.is_some() {
            return self.take_over(log, bodies, Wait::No);
        }
        if self.due.is_now(partition, log.disk_bytes() + bodies.disk_bytes(), space) {
            self.begin(partition, undelivered, log, bodies);
        }
        Ok(())
    }

    fn begin(&mut self, partition: &Partition, undelivered: &Undelivered, log: &LogStore, bodies: &BodyStore) {
        let index = log.last();
        let mut contents = Vec::with_capacity(self.due.state_bytes() as usize);
        partition.snapshot(&mut contents);
        let mut live = partition.live_bodies(index + 1);
        undelivered.add_bodies(index + 1, &mut live);
        let job = bodies.plan_carry(log, &live, index + 1);
        self.due.taken(partition, contents.len() as u64);
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
                    bodies.install(log, carried)?.remove_aside();
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
