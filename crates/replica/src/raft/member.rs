//! One replica of a partition in its group, as its partition's thread drives it.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use openraft::Raft;
use openraft::async_runtime::watch::WatchReceiver;
use partition::{BodyRef, Counters, Partition, Routes, Timestamp};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::ear::Ear;
use super::error::RaftError;
use super::group::{Group, MemberId};
use super::line::{Carrier, Carrying, Lines};
use super::machine::{Machine, Wake};
use super::membership::Membership;
use super::settings::{MemberSettings, Timing};
use super::shelves::Shelves;
use super::standing::Standing;
use super::store::{Shared, Store, arriving};
use crate::log::Syncer;
use crate::queue_disk::{QueueDisk, QueueRoom};
use crate::rejection::Rejected;
use crate::unsettled::Unsettled;

/// A stop waits this long for openraft.
const STOP: Duration = Duration::from_secs(10);

/// See the module. Its methods are called by one thread; openraft's tasks run where it was opened.
pub struct Member {
    pub(super) id: MemberId,
    pub(super) timing: Timing,
    pub(super) raft: Raft<Group, Machine>,
    pub(super) store: Shared,
    ear: Arc<Ear>,
    pub(super) wake: Wake,
    watching: tokio::task::JoinHandle<()>,
    runtime: Handle,
    syncing: Option<JoinHandle<()>>,
    /// What the caller of `run` knows.
    pub(super) told: Option<Standing>,
    pub(super) let_out: u64,
    pub(super) queue_room: QueueRoom,
    pub(super) rejected: Rejected,
    pub(super) unsettled: Unsettled,
}

impl Member {
    /// Opens the member and starts its tasks on the current tokio runtime. `wake` is called, from any thread, when
    /// [`Member::run`] has something to let out or the standing has changed.
    pub async fn open(settings: MemberSettings, carrier: Arc<dyn Carrier>, wake: Wake) -> Result<Self, RaftError> {
        let MemberSettings { member: id, timing, partition, durability, .. } = settings;
        let stopped = |why: String| RaftError::Stopped { member: id, why };
        let arriving = arriving(&settings.dir);
        // Reads and replays what may be much.
        let opened = tokio::task::spawn_blocking(move || Store::open(&settings)).await;
        let store = Shared::new(opened.map_err(|error| stopped(error.to_string()))??);
        let lines = Lines { partition, from: id, carrier, timing, store: store.clone() };
        let (shelves, syncing) = Shelves::new(store.clone(), durability).map_err(|e| stopped(e.to_string()))?;
        let machine = Machine { store: store.clone(), arriving: arriving.clone(), wake: Arc::clone(&wake) };
        let config = timing.configuration().map_err(|error| stopped(error.to_string()))?;
        let raft = Raft::build(id, Arc::new(config), lines, shelves, machine).await;
        let raft = raft.map_err(|error| stopped(error.to_string()))?;
        // What was applied again just now was let out, if ever, by an earlier run.
        let last = {
            let mut store = store.lock();
            store.forget_effects();
            store.last.index
        };
        raft.run();
        // Until then it would say of itself that it belongs to no group.
        let begun = raft.wait(Some(timing.message)).log_index_at_least(Some(last), "its log is known").await;
        begun.map_err(|error| stopped(error.to_string()))?;
        let elects_from = Instant::now() + timing.election_to;
        let watching = tokio::spawn(watch(raft.clone(), store.clone(), Arc::clone(&wake)));
        let ear = Arc::new(Ear { id, raft: raft.clone(), arriving, spool: Mutex::default(), elects_from });
        let (queue_room, rejected) = (QueueRoom::default(), Rejected::default());
        let runtime = Handle::current();
        Ok(Self {
            id,
            timing,
            raft,
            store,
            ear,
            wake,
            watching,
            runtime,
            syncing,
            told: None,
            let_out: 0,
            queue_room,
            rejected,
            unsettled: Unsettled::default(),
        })
    }

    pub fn id(&self) -> MemberId {
        self.id
    }

    /// Waits until a run can do more than the last one, which has left something in its batches.
    pub fn wait(&self, at_most: Duration) {
        let told = self.told;
        self.store.wait(at_most, |store| match self.seen() {
            Ok(seen) => Some(store.stand(&seen)) == told && store.out.is_empty() && !self.takes(store),
            Err(_) => false,
        });
    }

    fn takes(&self, store: &Store) -> bool {
        store.flight.has_room() && self.seen().is_ok_and(|seen| seen.is_sure(self.timing.election_from))
    }

    /// Reads the state between two entries.
    pub fn read<R>(&self, look: impl FnOnce(&Partition) -> R) -> R {
        look(&self.store.lock().partition)
    }

    /// A message that the state refers to. Costs a read from disk when it is neither recent nor read back lately.
    pub fn stored(&self, body: BodyRef) -> Result<Bytes, RaftError> {
        let mut store = self.store.lock();
        let store = &mut *store;
        Ok(store.bodies.get(&store.log, body)?)
    }

    /// Where other threads look up subscriptions. Another one after a snapshot of the leader's was installed, which
    /// happens to who follows: to be asked for when this member comes to lead.
    pub fn routes(&self) -> Arc<Routes> {
        self.read(Partition::routes)
    }

    /// To bring the log to its device from another thread.
    pub fn syncer(&self) -> Syncer {
        self.store.lock().log.syncer()
    }

    /// Counts the queues of this partition towards a bound that it shares with others.
    pub fn share_queue_disk(&mut self, disk: Arc<QueueDisk>) {
        self.queue_room = QueueRoom::of(disk);
        self.queue_room.tell(self.read(Partition::queued_distinct_bytes));
    }

    pub fn counters(&self) -> Counters {
        let Rejected { disk_full, queue_disk } = self.rejected;
        let counters = self.read(Partition::counters);
        Counters { rejected_disk_full: disk_full, rejected_queue_disk: queue_disk, ..counters }
    }

    /// When the partition wants a `Tick` at the latest.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.read(Partition::next_deadline)
    }

    /// Bytes on disk: log and carried bodies.
    pub fn disk_bytes(&self) -> u64 {
        let store = self.store.lock();
        store.log.disk_bytes() + store.bodies.disk_bytes()
    }

    /// Whether publishes are refused because the disk is full.
    pub fn is_disk_full(&self) -> bool {
        self.store.lock().admission.is_closed()
    }

    /// Whether publishes that would be queued are refused because the queues hold as much on disk as they may.
    pub fn is_queue_disk_full(&self) -> bool {
        self.queue_room.is_closed()
    }

    /// Whether something on disk is to be looked after soon.
    pub fn is_busy(&self) -> bool {
        let store = self.store.lock();
        self.queue_room.is_closed() || store.admission.is_closed() || store.is_building
    }

    /// Looks after the disk: whether publishes are taken, whether a snapshot is due. Called about ten times a second,
    /// and after large batches.
    pub fn look_after_disk(&mut self) {
        self.queue_room.look();
        let wants_snapshot = {
            let mut store = self.store.lock();
            self.queue_room.tell(store.partition.queued_distinct_bytes());
            store.admission.look();
            let store = &mut *store;
            store.undelivered.tidy(&store.partition);
            self.unsettled.tidy(&store.partition);
            store.wants_snapshot()
        };
        if wants_snapshot {
            // Asked for again when it was not heard.
            let _ = self.raft.trigger().snapshot().now_or_never();
        }
    }

    /// What takes requests of other members to this one: bytes in, bytes out.
    pub fn answer(&self) -> impl Fn(Bytes) -> Carrying<'static> + Clone + Send + Sync + use<> {
        let ear = Arc::clone(&self.ear);
        move |request| {
            let ear = Arc::clone(&ear);
            Box::pin(async move { Ok(ear.answer(&request).await.encode()) })
        }
    }

    /// Changes the members, which is done on the leader: what this needs of it, to be awaited on the runtime.
    pub fn membership(&self) -> Membership {
        Membership { member: self.id, raft: self.raft.clone(), store: self.store.clone() }
    }

    /// As [`Member::stop`], from a thread that is not the runtime's.
    pub fn close(self) -> Result<(), RaftError> {
        let runtime = self.runtime.clone();
        runtime.block_on(self.stop())
    }

    /// Ends the member's tasks, brings the log to its device and marks the clean stop. Leadership is to be handed over
    /// before, with [`Membership::hand_over`].
    pub async fn stop(self) -> Result<(), RaftError> {
        let Self { id, raft, store, ear, watching, syncing, .. } = self;
        let stopped = |why: String| RaftError::Stopped { member: id, why };
        watching.abort();
        store.lock().is_closing = true;
        let ended = tokio::time::timeout(STOP, raft.shutdown()).await;
        ended.map_err(|error| stopped(error.to_string()))?.map_err(|error| stopped(error.to_string()))?;
        drop((raft, ear));
        if let Some(thread) = syncing
            && thread.is_finished()
            && thread.join().is_err()
        {
            return Err(stopped("the thread that syncs the log has panicked".to_owned()));
        }
        store.lock().close()
    }
}

#[cfg(test)]
impl Member {
    /// The entry up to which a snapshot stands for the log.
    pub(super) fn purged_to(&self) -> u64 {
        self.store.lock().base.index
    }

    /// Ends the tasks and leaves the disk as it is.
    pub(super) async fn kill(self) {
        let Self { raft, watching, .. } = self;
        watching.abort();
        let _ = raft.shutdown().await;
    }
}

/// Tells the partition's thread when another member leads, or none.
async fn watch(raft: Raft<Group, Machine>, store: Shared, wake: Wake) {
    let mut metrics = raft.server_metrics();
    drop(raft);
    while metrics.changed().await.is_ok() {
        store.moved();
        wake();
    }
    // It has stopped, which the next run tells.
    store.moved();
    wake();
}
