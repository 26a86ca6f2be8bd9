//! The partitions of this process, from recovery to a clean stop.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use link::{inbox, mailbox};
use partition::{Answer, Counters, PartitionId, Routes, SlotTable};
use replica::bodies::BodySettings;
use replica::log::LogSettings;
use replica::solo::{Durability, Opened, QueueDisk, Solo, SoloError, SoloSettings};
use tokio::sync::mpsc;

use crate::partition_thread::{self, PartitionThread};
use crate::sync::SyncThread;
use crate::view::call::{CALLS, Call};
use crate::view::{BackendView, Ear};

/// What a backend is told at its start.
pub struct Settings {
    /// One directory a partition is made below it.
    pub dir: PathBuf,
    pub partitions: u16,
    pub durability: Durability,
    /// Of frontend 0, by worker.
    pub workers: Vec<mailbox::Sender<Answer>>,
    /// Bytes of commands that may wait for one partition before its senders are asked to pause.
    pub inbox_bytes: usize,
}

/// Why the partitions could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("partition {partition}: {source}")]
    Partition { partition: PartitionId, source: Box<SoloError> },
    #[error("cannot start a partition's thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Log of a partition after which a snapshot is taken.
const COMPACT_AFTER_BYTES: u64 = 64 << 20;

/// Held back on disk by each partition for what must be noted when it is full.
const RESERVE_BYTES: u64 = 8 << 20;

/// What other threads see of a partition.
pub(crate) struct View {
    pub counters: Mutex<Counters>,
    pub is_running: AtomicBool,
    pub is_disk_full: AtomicBool,
    pub is_queue_disk_full: AtomicBool,
}

struct Hosted {
    inbox: inbox::Sender,
    calls: mpsc::Sender<Call>,
    routes: Arc<Routes>,
    view: Arc<View>,
    thread: JoinHandle<()>,
}

/// Running partitions.
pub struct Backend {
    hosted: Vec<Hosted>,
    slots: SlotTable,
    queue_disk: Arc<QueueDisk>,
    stop: Arc<AtomicBool>,
    sync: SyncThread,
}

impl Backend {
    /// Recovers all partitions and starts their threads. They take commands when it returns.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let slots = SlotTable::even(settings.partitions);
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..settings.partitions).map(|_| inbox::channel(settings.inbox_bytes)).unzip();
        let mut replicas = Vec::new();
        for partition in (0..settings.partitions).map(PartitionId) {
            let opened = open(&settings, partition, &slots)
                .map_err(|source| StartError::Partition { partition, source: Box::new(source) })?;
            replicas.push(opened);
        }
        let sync = SyncThread::start(replicas.iter().map(Solo::syncer).collect())?;
        let stop = Arc::new(AtomicBool::new(false));
        let queue_disk = Arc::new(QueueDisk::default());
        let mut hosted = Vec::new();
        for (mut replica, receiver) in replicas.into_iter().zip(receivers) {
            replica.share_queue_disk(Arc::clone(&queue_disk));
            let (calls, called) = mpsc::channel(CALLS);
            let number = hosted.len();
            let view = Arc::new(View {
                counters: Mutex::new(replica.counters()),
                is_running: AtomicBool::new(true),
                is_disk_full: AtomicBool::new(false),
                is_queue_disk_full: AtomicBool::new(false),
            });
            let routes = replica.routes();
            let partition = PartitionThread {
                id: PartitionId(number as u16),
                replica,
                receiver,
                called,
                partitions: senders.clone(),
                workers: settings.workers.clone(),
                view: Arc::clone(&view),
                stop: Arc::clone(&stop),
            };
            let thread = std::thread::Builder::new().name(format!("partition-{number}"));
            let thread = thread.spawn(move || partition_thread::run(partition))?;
            hosted.push(Hosted { inbox: senders[number].clone(), calls, routes, view, thread });
        }
        Ok(Self { hosted, slots, queue_disk, stop, sync })
    }

    /// Inbox and subscription index of each partition, by number.
    pub fn links(&self) -> impl Iterator<Item = (inbox::Sender, Arc<Routes>)> {
        self.hosted.iter().map(|hosted| (hosted.inbox.clone(), Arc::clone(&hosted.routes)))
    }

    /// Reads all partitions' counters, added up; up to a second old.
    pub fn counters(&self) -> impl Fn() -> Counters + Send + Sync + use<> {
        let views: Vec<_> = self.hosted.iter().map(|hosted| Arc::clone(&hosted.view)).collect();
        move || {
            let mut sum = Counters::default();
            for view in &views {
                sum.add(&view.counters.lock().unwrap_or_else(PoisonError::into_inner));
            }
            sum
        }
    }

    /// Reads each partition's counters, by its number; up to a second old.
    pub fn counters_by_partition(&self) -> impl Fn() -> Vec<Counters> + Send + Sync + use<> {
        let views: Vec<_> = self.hosted.iter().map(|hosted| Arc::clone(&hosted.view)).collect();
        move || views.iter().map(|view| *view.counters.lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// What an administrator sees of the state.
    pub fn view(&self) -> BackendView {
        let ear = |hosted: &Hosted| Ear { inbox: hosted.inbox.clone(), calls: hosted.calls.clone() };
        BackendView::new(self.hosted.iter().map(ear).collect(), self.slots.clone())
    }

    /// Bounds what all queues together may hold on disk, in bytes of messages with their topics and properties, each
    /// message once; `None` leaves it to the disk. Above it, publishes that would come into a queue are refused for a
    /// second at least, until there is room. Holds from the next command on.
    pub fn set_queue_disk_bytes(&self, limit: Option<u64>) {
        self.queue_disk.set_limit(limit);
    }

    /// Reads what counts towards that bound, in bytes.
    pub fn queue_disk_usage(&self) -> impl Fn() -> u64 + Send + Sync + use<> {
        let disk = Arc::clone(&self.queue_disk);
        move || disk.used()
    }

    /// Tells whether a partition refuses publishes because the queues hold as much on disk as they may.
    pub fn is_queue_disk_full(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let views: Vec<_> = self.hosted.iter().map(|hosted| Arc::clone(&hosted.view)).collect();
        move || views.iter().any(|view| view.is_queue_disk_full.load(Ordering::Acquire))
    }

    /// Tells whether every partition is running.
    pub fn is_running(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let views: Vec<_> = self.hosted.iter().map(|hosted| Arc::clone(&hosted.view)).collect();
        move || views.iter().all(|view| view.is_running.load(Ordering::Acquire))
    }

    /// Tells whether a partition refuses publishes for want of disk space.
    pub fn is_disk_full(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let views: Vec<_> = self.hosted.iter().map(|hosted| Arc::clone(&hosted.view)).collect();
        move || views.iter().any(|view| view.is_disk_full.load(Ordering::Acquire))
    }

    /// Works off what waits, brings the logs to their device and ends.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        for hosted in self.hosted {
            hosted.inbox.wake();
            if hosted.thread.join().is_err() {
                tracing::error!("a partition's thread has panicked");
            }
        }
        self.sync.stop();
    }
}

fn open(settings: &Settings, partition: PartitionId, slots: &SlotTable) -> Result<Solo, SoloError> {
    let begun = Instant::now();
    let dir = settings.dir.join(partition.to_string());
    let (replica, opened) = Solo::open(SoloSettings {
        dir: dir.clone(),
        partition,
        slots: slots.clone(),
        durability: settings.durability,
        log: LogSettings::default(),
        bodies: BodySettings::default(),
        compact_after_bytes: COMPACT_AFTER_BYTES,
        reserve_bytes: RESERVE_BYTES,
    })?;
    let Opened { last, replayed, torn, rejected_snapshots } = opened;
    if let Some(torn) = torn {
        tracing::warn!(
            %partition,
            file = %torn.file.display(),
            offset = torn.offset,
            bytes = torn.bytes,
            "the log ended in the middle of an entry, which was cut: it was never acknowledged"
        );
    }
    for snapshot in rejected_snapshots {
        tracing::warn!(%partition, snapshot = %snapshot.display(), "a damaged snapshot was passed over");
    }
    if last > 0 {
        let ms = begun.elapsed().as_millis() as u64;
        tracing::info!(%partition, last, replayed, ms, "partition recovered");
    }
    Ok(replica)
}
