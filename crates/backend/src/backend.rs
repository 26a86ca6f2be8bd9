//! The partitions of this process, from recovery to a clean stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use link::inbox;
use partition::{Counters, PartitionId, Routes, SlotTable};
use replica::bodies::BodySettings;
use replica::log::LogSettings;
use replica::raft::Members;
use replica::solo::{Opened, Solo, SoloError, SoloSettings};
use replica::{QueueDisk, Replica};
use tokio::sync::mpsc;

use crate::exits::Exits;
use crate::figures::FiguresThread;
use crate::groups::{Beginning, Groups};
use crate::lanes::LanesView;
use crate::leaders::Leaders;
use crate::links::Links;
use crate::partition_thread::{self, Begun, Desk, Shared};
use crate::settings::{FarSettings, Hosting, Settings, StartError};
use crate::sync::SyncThread;
use crate::view::call::{CALLS, Call};
use crate::view::{BackendView, Ear};

/// Log of a partition after which a snapshot is taken.
pub(crate) const COMPACT_AFTER_BYTES: u64 = 64 << 20;

/// Held back on disk by each partition for what must be noted when it is full.
pub(crate) const RESERVE_BYTES: u64 = 8 << 20;

/// What other threads see of a partition.
pub(crate) struct View {
    pub counters: Mutex<Counters>,
    pub lanes: Mutex<LanesView>,
    /// Its state is the newest, and it answers questions.
    pub leads: AtomicBool,
    pub is_running: AtomicBool,
    pub is_disk_full: AtomicBool,
    pub is_queue_disk_full: AtomicBool,
}

struct Hosted {
    partition: PartitionId,
    inbox: inbox::Sender,
    calls: mpsc::Sender<Call>,
    /// Where frontends are in this process.
    routes: Option<Arc<Routes>>,
    view: Arc<View>,
    thread: JoinHandle<()>,
}

/// Running partitions.
pub struct Backend {
    hosted: Vec<Hosted>,
    slots: SlotTable,
    links: Links,
    /// Where frontends and other backends are in other processes.
    groups: Option<Groups>,
    queue_disk: Arc<QueueDisk>,
    stop: Arc<AtomicBool>,
    sync: SyncThread,
    figures: Option<FiguresThread>,
}

impl Backend {
    /// Recovers the partitions and starts their threads. They take commands when it returns, except those that have
    /// replicas elsewhere too: these when the others are there.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let slots = SlotTable::even(settings.partitions);
        let groups = Far::start(&settings, &slots)?;
        let partitions = hosted_partitions(&settings, groups.as_ref())?;
        let (inboxes, receivers): (Vec<_>, Vec<_>) =
            partitions.iter().map(|_| inbox::channel(settings.inbox_bytes)).unzip();
        let shared = Shared::default();
        let mut beginnings = Vec::new();
        for (partition, inbox) in partitions.iter().copied().zip(&inboxes) {
            let groups = groups.as_ref().map(|far| &far.groups);
            beginnings.push(begin(&settings, partition, &slots, (groups, inbox), &shared)?);
        }
        let sync = SyncThread::start(shared.syncers.clone())?;
        let quarters: Vec<_> = partitions.iter().copied().zip(inboxes.iter().cloned()).collect();
        let (links, exits) = match (&settings.hosting, &groups) {
            (Hosting::Far(settings_far), Some(far)) => {
                let (leaders, switchboard) = (Arc::clone(&far.leaders), far.groups.switchboard());
                let links = Links::new(settings.partitions, leaders, switchboard, quarters, settings.inbox_bytes);
                let exits = Exits::far(settings_far, settings.partitions, links.quarters(), &far.leaders);
                (links, exits)
            }
            (Hosting::Near { workers }, _) => (Links::none(), Exits::near(workers, &inboxes)),
            (Hosting::Far(_), None) => (Links::none(), Vec::new()),
        };
        let is_near = matches!(settings.hosting, Hosting::Near { .. });
        let stop = Arc::new(AtomicBool::new(false));
        let mut hosted = Vec::new();
        let ways = receivers.into_iter().zip(exits).zip(inboxes);
        for ((partition, mut begun), ((receiver, exits), inbox)) in partitions.into_iter().zip(beginnings).zip(ways) {
            let (calls, called) = mpsc::channel(CALLS);
            let mut view = View::new();
            let mut routes = None;
            match &mut begun {
                Begun::Replica(replica) => {
                    replica.share_queue_disk(Arc::clone(&shared.queue_disk));
                    view.counters = Mutex::new(replica.counters());
                    view.leads = AtomicBool::new(matches!(replica, Replica::Solo(_)));
                    routes = is_near.then(|| replica.routes());
                }
                Begun::Arriving(..) => {}
            }
            let view = Arc::new(view);
            let desk =
                Desk { id: partition, receiver, called, exits, view: Arc::clone(&view), stop: Arc::clone(&stop) };
            let thread = std::thread::Builder::new().name(format!("partition-{partition}"));
            let thread = thread.spawn(move || partition_thread::run(begun, desk))?;
            hosted.push(Hosted { partition, inbox, calls, routes, view, thread });
        }
        let counted = hosted.iter().map(|hosted| (hosted.partition, Arc::clone(&hosted.view))).collect();
        let figures = if links.is_none() { None } else { Some(FiguresThread::start(counted, links.clone())?) };
        let groups = groups.map(|far| far.groups);
        let queue_disk = shared.queue_disk;
        Ok(Self { hosted, slots, links, groups, queue_disk, stop, sync, figures })
    }

    /// Inbox and subscription index of each partition, by number, where all are hosted here.
    pub fn links(&self) -> impl Iterator<Item = (inbox::Sender, Arc<Routes>)> {
        self.hosted.iter().filter_map(|hosted| Some((hosted.inbox.clone(), Arc::clone(hosted.routes.as_ref()?))))
    }

    /// To be given the links to other processes.
    pub fn links_handle(&self) -> Links {
        self.links.clone()
    }

    /// The partitions that are hosted here, ascending.
    pub fn hosted(&self) -> Vec<PartitionId> {
        self.hosted.iter().map(|hosted| hosted.partition).collect()
    }

    /// Reads which of the hosted partitions this process leads.
    pub fn leads(&self) -> impl Fn() -> Vec<PartitionId> + Send + Sync + use<> {
        let views: Vec<_> = self.hosted.iter().map(|hosted| (hosted.partition, Arc::clone(&hosted.view))).collect();
        move || {
            let led = views.iter().filter(|(_, view)| view.leads.load(Ordering::Acquire));
            led.map(|(partition, _)| *partition).collect()
        }
    }

    /// Reads who belongs to the groups of the hosted partitions, as far as this process knows; not those that are held
    /// alone, or wait for their group.
    pub fn members(&self) -> impl Fn() -> Vec<(PartitionId, Members)> + Send + Sync + use<> {
        let roll = self.groups.as_ref().map(Groups::roll);
        let hosted = self.hosted();
        move || {
            let of = |partition: &PartitionId| Some((*partition, roll.as_ref()?.members(*partition)?));
            hosted.iter().filter_map(of).collect()
        }
    }

    /// Reads how the frontends' workers stand with the partitions; up to a second old.
    pub fn lanes(&self) -> impl Fn() -> Vec<LanesView> + Send + Sync + use<> {
        let views: Vec<_> = self.hosted.iter().map(|hosted| (hosted.partition, Arc::clone(&hosted.view))).collect();
        move || {
            let read = |(partition, view): &(PartitionId, Arc<View>)| {
                let lanes = view.lanes.lock().unwrap_or_else(PoisonError::into_inner);
                LanesView { partition: *partition, ..lanes.clone() }
            };
            views.iter().map(read).collect()
        }
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

    /// Reads each hosted partition's counters, in the order of their numbers; up to a second old.
    pub fn counters_by_partition(&self) -> impl Fn() -> Vec<Counters> + Send + Sync + use<> {
        let views: Vec<_> = self.hosted.iter().map(|hosted| Arc::clone(&hosted.view)).collect();
        move || views.iter().map(|view| *view.counters.lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// What an administrator sees of the state.
    pub fn view(&self) -> BackendView {
        let mut ears = vec![None; usize::from(self.slots.partitions())];
        for hosted in &self.hosted {
            let view = Arc::clone(&hosted.view);
            let ear = Ear { inbox: hosted.inbox.clone(), calls: hosted.calls.clone(), view };
            ears[usize::from(hosted.partition.0)] = Some(ear);
        }
        BackendView::new(ears, self.slots.clone())
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

    /// Hands over what others can lead, works off what waits, brings the logs to their device and ends.
    pub fn stop(self) {
        if let Some(groups) = &self.groups {
            groups.hand_over();
        }
        self.links.close();
        self.stop.store(true, Ordering::Release);
        for hosted in self.hosted {
            hosted.inbox.wake();
            if hosted.thread.join().is_err() {
                tracing::error!("a partition's thread has panicked");
            }
        }
        if let Some(figures) = self.figures {
            figures.stop();
        }
        self.sync.stop();
        if let Some(groups) = self.groups {
            groups.stop();
        }
    }
}

impl View {
    fn new() -> Self {
        Self {
            counters: Mutex::default(),
            lanes: Mutex::default(),
            leads: AtomicBool::new(false),
            is_running: AtomicBool::new(true),
            is_disk_full: AtomicBool::new(false),
            is_queue_disk_full: AtomicBool::new(false),
        }
    }
}

/// What partitions need that have replicas in other processes.
struct Far {
    leaders: Arc<Leaders>,
    groups: Groups,
}

impl Far {
    fn start(settings: &Settings, slots: &SlotTable) -> Result<Option<Self>, StartError> {
        let Hosting::Far(FarSettings { us, placement, .. }) = &settings.hosting else { return Ok(None) };
        let leaders = Arc::new(Leaders::new(*us, placement));
        let groups = Groups::start(&settings.dir, settings.durability, slots, placement, &leaders)?;
        Ok(Some(Self { leaders, groups }))
    }
}

fn hosted_partitions(settings: &Settings, far: Option<&Far>) -> Result<Vec<PartitionId>, StartError> {
    let all = (0..settings.partitions).map(PartitionId);
    let (Hosting::Far(FarSettings { us, placement, .. }), Some(far)) = (&settings.hosting, far) else {
        return Ok(all.collect());
    };
    let (placed, partitions) = (placement.0.len(), settings.partitions);
    if placed != usize::from(partitions) {
        return Err(StartError::Placement { placed, partitions });
    }
    if let Some(partition) = all.clone().find(|partition| placement.replicas(*partition).is_empty()) {
        return Err(StartError::Nowhere { partition });
    }
    let is_here =
        |partition: &PartitionId| placement.replicas(*partition).contains(us) || far.groups.is_left_over(*partition);
    Ok(all.filter(is_here).collect())
}

fn begin(
    settings: &Settings,
    partition: PartitionId,
    slots: &SlotTable,
    (groups, inbox): (Option<&Groups>, &inbox::Sender),
    shared: &Shared,
) -> Result<Begun, StartError> {
    let beginning = groups.map_or(Ok(Beginning::Alone), |groups| groups.begin(partition, inbox))?;
    let replica = match beginning {
        Beginning::Alone => {
            let opened = open(settings, partition, slots);
            Replica::from(opened.map_err(|source| StartError::Partition { partition, source: Box::new(source) })?)
        }
        Beginning::Member(member) => Replica::from(*member),
        Beginning::Arriving(arriving) => {
            return Ok(Begun::Arriving(arriving, shared.clone()));
        }
    };
    shared.syncers.add(replica.syncer());
    Ok(Begun::Replica(replica))
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
