//! The state machine as openraft drives it: `RaftStateMachine` over the store.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{OptionalSend, RaftSnapshotBuilder};
use tokio::sync::oneshot;

use super::error::RaftError;
use super::group::{Group, LogId, Payload, Snapshot, SnapshotMeta, StoredMembership};
use super::parcel::{self, Parcel};
use super::store::Shared;
use crate::bodies::{Carried, CarryJob};
use crate::log::Syncer;
use crate::snapshot::Snapshots;

/// How long a full disk is left alone.
pub(super) const FULL: Duration = Duration::from_millis(200);

/// Told, from any thread, that there is something to let out.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

pub(super) struct Machine {
    pub store: Shared,
    /// Where parcels from other members are spooled.
    pub arriving: PathBuf,
    pub wake: Wake,
}

impl RaftStateMachine<Group> for Machine {
    type SnapshotData = Parcel;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        let store = self.store.lock();
        Ok((Some(store.applied), store.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Group>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            // Who leads is to be told at once.
            let begins_term = matches!(entry.payload, Payload::Blank);
            let is_due = {
                let mut store = self.store.lock();
                store.apply(entry)?;
                let is_awaited = store.takes_awaited();
                begins_term || is_awaited || !store.out.is_empty()
            };
            if let Some(responder) = responder {
                responder.send(());
            }
            self.store.moved();
            if is_due {
                (self.wake)();
            }
        }
        Ok(())
    }

    /// None while the snapshot before is not done with: it is asked for again. Forced only for the empty partition,
    /// when it is opened without one.
    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<Builder> {
        if !force && !self.store.lock().can_take_snapshot() {
            return None;
        }
        Some(self.get_snapshot_builder().await)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let mut store = self.store.lock();
        let store = &mut *store;
        let meta = SnapshotMeta { last_log_id: Some(store.applied), last_membership: store.membership.clone() };
        let upto = store.applied.index + 1;
        let mut live = store.partition.live_bodies(upto);
        store.undelivered.add_bodies(upto, &mut live);
        store.is_building = true;
        let contents = store.contents();
        store.due.taken(&store.partition, contents.len() as u64);
        let work = Work {
            id: store.applied,
            contents,
            job: store.bodies.plan_carry(&store.log, &live, upto),
            snapshots: Arc::clone(&store.snapshots),
            syncer: store.log.syncer(),
        };
        Builder { store: self.store.clone(), meta, work: Some(work) }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, parcel: Parcel) -> Result<(), io::Error> {
        match (parcel, meta.last_log_id) {
            (Parcel::Arrived(id), Some(last)) if id == last => {
                let (store, arriving) = (self.store.clone(), self.arriving.clone());
                let install = tokio::task::spawn_blocking(move || parcel::install(&store, &arriving, id));
                Ok(install.await.map_err(io::Error::other)??)
            }
            // The member's own was loaded when it was opened.
            (parcel, last) => Err(io::Error::other(format!("no snapshot of {last:?} has arrived: {parcel:?}"))),
        }
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        Ok(self.store.lock().snapshot.clone().map(|(id, membership)| taken(id, membership)))
    }
}

fn taken(id: LogId, last_membership: StoredMembership) -> Snapshot {
    Snapshot { meta: SnapshotMeta { last_log_id: Some(id), last_membership }, snapshot: Parcel::Own(id) }
}

/// What is written beside the group's tasks.
struct Work {
    id: LogId,
    contents: Vec<u8>,
    job: Option<CarryJob>,
    snapshots: Arc<Snapshots>,
    syncer: Syncer,
}

impl Work {
    /// The log first: after a power cut it must reach at least as far as its snapshot.
    fn run(self, store: &Shared) -> Result<Option<Carried>, RaftError> {
        self.syncer.sync_log()?;
        while let Err(error) = self.snapshots.write(self.id.index, &self.contents) {
            if !error.is_disk_full() || store.lock().is_closing {
                return Err(error.into());
            }
            tracing::warn!(%error, "no room for a snapshot; tried again");
            std::thread::sleep(FULL);
        }
        let carried = match self.job.map(CarryJob::run).transpose() {
            Err(error) if error.is_disk_full() => {
                tracing::warn!(%error, "no room for carrying bodies over; tried again later");
                None
            }
            carried => carried?,
        };
        self.snapshots.remove_before(self.id.index)?;
        Ok(carried)
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.store.lock().is_building = false;
        self.store.moved();
    }
}

/// A snapshot of the state as it was when this was made.
pub(super) struct Builder {
    store: Shared,
    meta: SnapshotMeta,
    work: Option<Work>,
}

impl RaftSnapshotBuilder<Group> for Builder {
    type SnapshotData = Parcel;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        let work = self.work.take().ok_or_else(|| io::Error::other("a snapshot is built once"))?;
        let id = work.id;
        let (send, done) = oneshot::channel();
        let shared = self.store.clone();
        let run = move || _ = send.send(work.run(&shared));
        std::thread::Builder::new().name("compaction".to_owned()).spawn(run)?;
        let mut carried =
            done.await.map_err(|_| io::Error::other("the thread that wrote a snapshot has panicked"))??;
        let mut store = self.store.lock();
        if let Some(error) = carried.as_mut().and_then(|carried| carried.disk_full.take()) {
            tracing::warn!(%error, "no room for carrying all bodies over; tried again later");
        }
        store.carried = carried;
        store.snapshot = Some((id, self.meta.last_membership.clone()));
        drop(store);
        Ok(taken(id, self.meta.last_membership.clone()))
    }
}
