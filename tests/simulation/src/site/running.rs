//! A whole site while it runs.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use partition::{Counters, PartitionId};

use crate::engine::{self, Space};

use super::backend_process::{self, BackendHandles, Start};
use super::certificates;
use super::computer::Computer;
use super::fault::Fault;
use super::frontend_process::{self, FrontendHandles};
use super::network::{Network, Place, Stream, Weather};
use super::say::say;
use super::wishes::Wishes;

mod faults;
mod looks;

pub use faults::Happened;
pub use looks::Remains;

/// How often the world looks whether something has come about.
const LOOK: Duration = Duration::from_millis(20);
/// For a planned stop, before it is made an end of.
const STOP: Duration = Duration::from_secs(30);
/// For everything to be as it should be after a start.
const SETTLED: Duration = Duration::from_secs(60);

/// See the module. The world's, but for [`Site::connect`] and what only looks.
pub struct Site {
    wishes: Wishes,
    network: Network,
    computers: Mutex<Computers>,
    faults: Mutex<Faults>,
}

struct Computers {
    frontends: BTreeMap<u16, Computer<FrontendHandles>>,
    backends: BTreeMap<u16, Computer<BackendHandles>>,
}

/// What goes wrong at present, and what went wrong.
#[derive(Default)]
struct Faults {
    begun: usize,
    active: BTreeMap<usize, (Duration, Fault)>,
    over: Vec<Happened>,
}

impl Site {
    /// Starts everything below `folder`, which is empty, and returns once clients can be served.
    ///
    /// # Panics
    /// The site does not come up.
    pub fn start(wishes: Wishes, folder: &Path) -> Arc<Self> {
        let network = Network::new(wishes.seed, wishes.delay, wishes.jitter);
        let folder_of = |place: Place| -> PathBuf { folder.join(place.to_string()) };
        if let Some(settings) = certificates::settings(&wishes) {
            let places = (0..wishes.frontends).map(Place::Frontend).chain((0..wishes.backends).map(Place::Backend));
            let members: Vec<_> = places.map(|place| (place, folder_of(place))).collect();
            let holder = folder_of(Place::Backend(certificates::HOLDER));
            certificates::equip(&holder, &members, &settings).expect("first certificates");
        }
        let (mut frontends, mut backends) = (BTreeMap::new(), BTreeMap::new());
        for number in 0..wishes.frontends {
            let place = Place::Frontend(number);
            frontends.insert(number, Computer::new(place, folder_of(place), network.clone()));
        }
        for number in 0..wishes.backends {
            let place = Place::Backend(number);
            backends.insert(number, Computer::new(place, folder_of(place), network.clone()));
        }
        let computers = Mutex::new(Computers { frontends, backends });
        let site = Arc::new(Self { wishes, network, computers, faults: Mutex::default() });
        site.places().for_each(|place| site.start_process(place));
        assert!(site.wait_settled(SETTLED), "the site does not come up: {}", site.trouble().unwrap_or_default());
        site
    }

    pub fn wishes(&self) -> &Wishes {
        &self.wishes
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    pub fn frontends(&self) -> u16 {
        self.wishes.frontends
    }

    pub fn workers(&self) -> u16 {
        self.wishes.workers
    }

    /// Frontends that listen, ascending.
    pub fn frontends_up(&self) -> Vec<u16> {
        (0..self.wishes.frontends).filter(|number| self.network.listens(Place::Frontend(*number))).collect()
    }

    /// Connects a client to a worker of a frontend, over the network.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn connect(&self, frontend: u16, worker: u16) -> io::Result<Stream> {
        self.network.dial(Place::Clients, Place::Frontend(frontend), worker).await
    }

    /// Backends, then frontends.
    fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let backends = (0..self.wishes.backends).map(Place::Backend);
        backends.chain((0..self.wishes.frontends).map(Place::Frontend))
    }

    fn computers(&self) -> MutexGuard<'_, Computers> {
        self.computers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_process(&self, place: Place) {
        let (wishes, network) = (self.wishes.clone(), self.network.clone());
        let start = move |number, folder| move |starts| Start { number, incarnation: starts, wishes, network, folder };
        let mut computers = self.computers();
        match place {
            Place::Clients => {}
            Place::Frontend(number) => {
                let Some(computer) = computers.frontends.get_mut(&number) else { return };
                let start = start(number, computer.folder.clone());
                computer.start(move |starts, control| frontend_process::live(&start(starts), control));
            }
            Place::Backend(number) => {
                let Some(computer) = computers.backends.get_mut(&number) else { return };
                let start = start(number, computer.folder.clone());
                computer.start(move |starts, control| backend_process::live(&start(starts), control));
            }
        }
    }

    /// Stops a process as an operator does, and waits for its end.
    fn stop_process(&self, place: Place) {
        let has_stopped = || self.on(place, Computer::has_stopped, Computer::has_stopped).unwrap_or(true);
        self.on(place, |frontend| frontend.stop(), |backend| backend.stop());
        if !wait_until(STOP, has_stopped) {
            say(&format!("{place} has not stopped within {STOP:?}, and is killed"));
            self.on(place, Computer::kill, Computer::kill);
        }
    }

    fn on<R>(
        &self,
        place: Place,
        frontend: impl FnOnce(&mut Computer<FrontendHandles>) -> R,
        backend: impl FnOnce(&mut Computer<BackendHandles>) -> R,
    ) -> Option<R> {
        let mut computers = self.computers();
        match place {
            Place::Clients => None,
            Place::Frontend(number) => computers.frontends.get_mut(&number).map(frontend),
            Place::Backend(number) => computers.backends.get_mut(&number).map(backend),
        }
    }

    /// Stops everything as an operator does: frontends first.
    pub fn stop(&self) {
        let mut places: Vec<Place> = self.places().collect();
        places.reverse();
        places.into_iter().for_each(|place| self.stop_process(place));
    }

    /// Puts the roads in order with what goes wrong at present.
    fn set_weather(&self, active: &[Fault]) {
        let places: Vec<Place> = self.places().chain([Place::Clients]).collect();
        for from in &places {
            for to in &places {
                let mut weather = Weather::default();
                active.iter().for_each(|fault| fault.weather(*from, *to, &mut weather));
                self.network.set_weather(*from, *to, weather);
            }
        }
    }

    fn set_disk(&self, place: Place, active: &[Fault]) {
        let (mut space, mut delay) = (Space::Free, Duration::ZERO);
        for fault in active {
            match fault {
                Fault::FullDisk(at) if *at == place => space = Space::Full,
                Fault::SlowDisk(at, each) if *at == place => delay = delay.max(*each),
                _ => {}
            }
        }
        self.on(place, |at| at.set_disk(space, delay), |at| at.set_disk(space, delay));
    }
}

/// Looks now and then until something is so; `false` if it was not within that time.
fn wait_until(longest: Duration, is_so: impl Fn() -> bool) -> bool {
    let deadline = engine::now() + longest;
    loop {
        if is_so() {
            return true;
        }
        if engine::now() >= deadline {
            return false;
        }
        engine::sleep(LOOK);
    }
}

/// Of a partition, if somebody leads it.
type OfLeader = BTreeMap<PartitionId, (u16, Counters)>;
