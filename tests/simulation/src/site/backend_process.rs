//! A backend, put together as the product's process is, on the simulated network.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};

use backend::{Backend, BackendView, FarSettings, Hosting, LANE_BYTES, Members, Settings};
use link::wire::{Deadlines, Incarnation, Link, Peer, Phase};
use partition::{Counters, PartitionId};

use super::certificates::{self, CLUSTER, Desk, HOLDER};
use super::control::Control;
use super::keeper::{Keeper, KeeperParts, KeeperVoice, LinkBook, Way};
use super::network::{Network, Place};
use super::port::{Reception, TaskThread, answer};
use super::protection::{Dial, Protection};
use super::say::say;
use super::wishes::Wishes;

/// From being told to stop to the end.
const END: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);
/// Before a start that has failed is tried again, as what looks after processes does.
const AGAIN: Duration = Duration::from_secs(1);
/// Sooner than in the product, so that a run need not last as long.
const GONE_AFTER: Duration = Duration::from_secs(6);
const INBOX_BYTES: usize = 16 << 20;
/// The number of the link between two backends.
const PEERS: u32 = 0;

pub type Failure = Box<dyn Error + Send + Sync>;

/// What a process is started with.
#[derive(Clone)]
pub struct Start {
    pub number: u16,
    pub incarnation: u64,
    pub wishes: Wishes,
    pub network: Network,
    pub folder: PathBuf,
}

type Read<T> = Box<dyn Fn() -> T + Send + Sync>;

/// By which the world looks into a backend.
pub struct BackendHandles {
    pub hosted: Vec<PartitionId>,
    pub leads: Read<Vec<PartitionId>>,
    pub members: Read<Vec<(PartitionId, Members)>>,
    /// In the order of `hosted`.
    pub counters: Read<Vec<Counters>>,
    pub is_running: Read<bool>,
    pub view: BackendView,
    pub keeper: Option<KeeperVoice>,
}

/// What a process says of itself.
pub fn us(role: &str, place: Place, incarnation: u64) -> Peer {
    Peer {
        cluster: CLUSTER.into(),
        role: role.into(),
        name: place.to_string().into(),
        software: "0.1.0".into(),
        incarnation: Incarnation(incarnation),
    }
}

/// The whole life of a process.
pub fn live(start: &Start, control: &Control<BackendHandles>) {
    while !control.is_to_stop() {
        match Running::start(start) {
            Ok(running) => {
                control.serve(running.handles());
                running.end();
                break;
            }
            Err(error) => {
                say(&format!("backend-{} does not start: {error}", start.number));
                thread::sleep(AGAIN);
            }
        }
    }
    start.network.unlisten(Place::Backend(start.number));
    control.stopped();
}

struct Running {
    backend: Backend,
    network: Network,
    here: Place,
    tasks: TaskThread,
    book: LinkBook,
    keeper: Option<Keeper>,
}

impl Running {
    fn start(start: &Start) -> Result<Self, Failure> {
        let Start { number, incarnation, wishes, network, folder } = start;
        let here = Place::Backend(*number);
        let (protection, desk) = protection(start)?;
        let dir = folder.join("partitions");
        fs::create_dir_all(&dir)?;
        let backend = Backend::start(Settings {
            dir,
            partitions: wishes.partitions,
            durability: wishes.durability,
            hosting: Hosting::Far(FarSettings {
                us: *number,
                placement: wishes.placement(),
                frontend_gone_after: GONE_AFTER,
                lane_bytes: LANE_BYTES,
            }),
            inbox_bytes: INBOX_BYTES,
        })?;
        let (tasks, book, us) = (TaskThread::start("links-0")?, LinkBook::default(), us("backend", here, *incarnation));
        let links = backend.links_handle();
        let mut first = None;
        for other in 0..*number {
            let dial = Dial { network: network.clone(), from: here, to: other, protection: protection.clone() };
            let settings = link_settings(&us, Place::Backend(other), PEERS, desk.as_ref());
            let (link, driver) = Link::dialing(settings, Box::new(dial));
            links.peer_link(other, &link);
            tasks.spawn(driver.run());
            book.add(&link);
            first.get_or_insert(link);
        }
        network.listen(here);
        let reception = Arc::new(Reception {
            network: network.clone(),
            us,
            protection: protection.clone(),
            desk: desk.clone(),
            links,
            book: book.clone(),
            handle: tasks.handle().clone(),
            known: Mutex::new(BTreeMap::new()),
        });
        tasks.spawn(reception.accept(here));
        let way = desk.map(Way::Here).or(first.map(Way::Over));
        let keeper = keep((network, here), &protection, way, &book)?;
        Ok(Self { backend, network: network.clone(), here, tasks, book, keeper })
    }

    fn handles(&self) -> BackendHandles {
        BackendHandles {
            hosted: self.backend.hosted(),
            leads: Box::new(self.backend.leads()),
            members: Box::new(self.backend.members()),
            counters: Box::new(self.backend.counters_by_partition()),
            is_running: Box::new(self.backend.is_running()),
            view: self.backend.view(),
            keeper: self.keeper.as_ref().map(Keeper::voice),
        }
    }

    /// As at a signal: nobody new, then the partitions, then what the links have to say.
    fn end(self) {
        let Self { backend, network, here, tasks, book, keeper } = self;
        network.unlisten(here);
        let deadline = Instant::now() + END;
        let ending = thread::spawn(move || backend.stop());
        wait_until(deadline, || ending.is_finished());
        let links = book.all();
        links.iter().for_each(Link::stop);
        wait_until(deadline, || links.iter().all(|link| link.status().borrow().phase != Phase::Up));
        if let Some(keeper) = keeper {
            keeper.stop();
        }
        tasks.stop();
    }
}

fn wait_until(deadline: Instant, is_so: impl Fn() -> bool) {
    while !is_so() && Instant::now() < deadline {
        thread::sleep(LOOK);
    }
}

fn protection(start: &Start) -> Result<(Protection, Option<Arc<Desk>>), Failure> {
    let Start { number, wishes, network, folder, .. } = start;
    let Some(settings) = certificates::settings(wishes) else { return Ok((Protection::Nothing, None)) };
    let desk = (*number == HOLDER).then(|| Desk::open(folder, &settings)).transpose()?;
    let ours = certificates::admission((network, Place::Backend(*number)), folder, &settings, desk.as_ref())?;
    Ok((Protection::Mutual(ours), desk.map(Arc::new)))
}

/// Of a link to a backend.
pub fn link_settings(us: &Peer, to: Place, number: u32, desk: Option<&Arc<Desk>>) -> link::wire::Settings {
    link::wire::Settings {
        us: us.clone(),
        peer_role: "backend".into(),
        peer_name: Some(to.to_string().into()),
        number,
        deadlines: Deadlines::default(),
        answer: answer(desk),
    }
}

/// Keeps the certificate good, where there is one.
///
/// # Errors
/// No thread.
pub fn keep(
    (network, place): (&Network, Place),
    protection: &Protection,
    way: Option<Way>,
    links: &LinkBook,
) -> std::io::Result<Option<Keeper>> {
    let (Protection::Mutual(ours), Some(way)) = (protection, way) else { return Ok(None) };
    let (network, credentials, links) = (network.clone(), ours.clone(), links.clone());
    Keeper::start(KeeperParts { network, place, credentials, way, links }).map(Some)
}
