//! Backend processes of a broker.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as Folder;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use backend::{Backend, BackendView, Durability, FarSettings, Hosting, LANE_BYTES, MemberId, Placement, Settings};
use link::wire::{Link, Peer};
use partition::{PartitionId, SlotTable};

use crate::network::{Accept, Door, Path, peer, settings};

type Accepted = Arc<Mutex<BTreeMap<(Box<str>, u32), Link>>>;

/// One backend process.
struct Site {
    backend: Backend,
    leads: Box<dyn Fn() -> Vec<PartitionId> + Send + Sync>,
    accepted: Accepted,
    dialing: Vec<(Link, Path)>,
}

/// What the processes are told.
#[derive(Clone, Copy)]
pub struct Wishes {
    pub partitions: u16,
    pub backends: u16,
    /// How many hold a replica of each partition.
    pub replicas: u16,
    pub gone_after: Duration,
    pub lane_bytes: usize,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { partitions: 1, backends: 1, replicas: 1, gone_after: Duration::from_secs(60), lane_bytes: LANE_BYTES }
    }
}

/// All backends, with their directories.
pub struct Sites {
    pub wishes: Wishes,
    pub doors: Vec<Door>,
    pub slots: SlotTable,
    sites: Vec<Option<Site>>,
    /// What is left of processes that were killed.
    ending: Vec<Option<JoinHandle<()>>>,
    dir: tempfile::TempDir,
}

impl Sites {
    pub fn start(wishes: Wishes) -> Self {
        let backends = usize::from(wishes.backends);
        let mut sites = Self {
            wishes,
            doors: (0..backends).map(|_| Door::default()).collect(),
            slots: SlotTable::even(wishes.partitions),
            sites: (0..backends).map(|_| None).collect(),
            ending: (0..backends).map(|_| None).collect(),
            dir: tempfile::tempdir().unwrap(),
        };
        (0..wishes.backends).for_each(|number| sites.run(number));
        sites
    }

    fn folder(&self, number: u16) -> std::path::PathBuf {
        Folder::join(self.dir.path(), number.to_string())
    }

    /// Runs a backend that is not running.
    pub fn run(&mut self, number: u16) {
        if let Some(ending) = self.ending[usize::from(number)].take() {
            ending.join().unwrap();
        }
        let Wishes { partitions, backends, replicas, gone_after, lane_bytes } = self.wishes;
        let of = |partition| (0..replicas).map(move |nth| (partition + nth) % backends).collect();
        let placement = Placement((0..partitions).map(of).collect());
        let far = FarSettings { us: number, placement, frontend_gone_after: gone_after, lane_bytes };
        let dir = self.folder(number);
        let hosting = Hosting::Far(far);
        let settings_of = Settings { dir, partitions, durability: Durability::Async, hosting, inbox_bytes: 16 << 20 };
        let backend = Backend::start(settings_of).unwrap();
        let us = peer("backend", number);
        let accepted = Accepted::default();
        self.doors[usize::from(number)].open(us.clone(), accept(us.clone(), &backend, &accepted));
        // The later ones dial the earlier ones.
        let dial = |other: u16| {
            let path = Path::to(&self.doors[usize::from(other)]);
            let (link, driver) = Link::dialing(settings(&us, "backend", 0), Box::new(path.clone()));
            backend.links_handle().peer_link(other, &link);
            tokio::spawn(driver.run());
            (link, path)
        };
        let dialing = (0..number).map(dial).collect();
        self.sites[usize::from(number)] = Some(Site { leads: Box::new(backend.leads()), backend, accepted, dialing });
    }

    /// Ends a backend's process: its connections first, so that nothing of what it does last gets out.
    pub fn kill(&mut self, number: u16) {
        self.doors[usize::from(number)].close();
        let site = self.sites[usize::from(number)].take().unwrap();
        site.dialing.iter().for_each(|(_, path)| path.close());
        stop_links(&site.accepted, &site.dialing);
        self.ending[usize::from(number)] = Some(std::thread::spawn(move || site.backend.stop()));
    }

    /// Ends a backend's process as a signal would.
    pub fn stop(&mut self, number: u16) {
        let site = self.sites[usize::from(number)].take().unwrap();
        let Site { backend, accepted, dialing, .. } = site;
        backend.stop();
        self.doors[usize::from(number)].close();
        stop_links(&accepted, &dialing);
    }

    /// Nothing that a backend says to the others arrives any more, though it hears them; or that ends.
    pub fn mute(&self, number: u16, is_mute: bool) {
        for (other, site) in self.sites.iter().enumerate() {
            for (to, (_, path)) in site.iter().flat_map(|site| site.dialing.iter().enumerate()) {
                if other == usize::from(number) {
                    path.stalls.there.store(is_mute, Ordering::Release);
                } else if to == usize::from(number) {
                    path.stalls.back.store(is_mute, Ordering::Release);
                }
            }
        }
    }

    /// Nothing arrives any more of what a backend and the others say to each other; or that ends.
    pub fn part(&self, number: u16, is_apart: bool) {
        let number = usize::from(number);
        for (other, site) in self.sites.iter().enumerate() {
            for (to, (_, path)) in site.iter().flat_map(|site| site.dialing.iter().enumerate()) {
                if other == number || to == number {
                    path.stalls.there.store(is_apart, Ordering::Release);
                    path.stalls.back.store(is_apart, Ordering::Release);
                }
            }
        }
    }

    /// Makes it look as if the machine had gone down and come back; the backend was killed.
    pub fn restart_machine(&mut self, number: u16, partition: PartitionId) {
        if let Some(ending) = self.ending[usize::from(number)].take() {
            ending.join().unwrap();
        }
        let path = self.folder(number).join(partition.to_string()).join("log/run");
        std::fs::write(path, "another-boot").unwrap();
    }

    /// The backend loses what is on its disk; it is not running.
    pub fn lose_disk(&mut self, number: u16) {
        if let Some(ending) = self.ending[usize::from(number)].take() {
            ending.join().unwrap();
        }
        std::fs::remove_dir_all(self.folder(number)).unwrap();
    }

    /// Who says that it leads a partition.
    pub fn leader(&self, partition: PartitionId) -> Option<u16> {
        (0..self.wishes.backends).find(|number| self.leads(*number, partition))
    }

    pub fn leads(&self, number: u16, partition: PartitionId) -> bool {
        self.sites[usize::from(number)].as_ref().is_some_and(|site| (site.leads)().contains(&partition))
    }

    /// How many vote in a partition's group, as a backend knows; none while that changes.
    pub fn voters(&self, number: u16, partition: PartitionId) -> usize {
        self.members(number, partition).len()
    }

    /// Who they are.
    pub fn members(&self, number: u16, partition: PartitionId) -> BTreeSet<MemberId> {
        let members = self.backend(number).members()();
        let members = members.into_iter().find(|(of, members)| *of == partition && !members.is_joint);
        members.map_or_else(BTreeSet::new, |(_, members)| members.voters)
    }

    pub fn backend(&self, number: u16) -> &Backend {
        &self.sites[usize::from(number)].as_ref().unwrap().backend
    }

    pub fn view(&self, number: u16) -> BackendView {
        self.backend(number).view()
    }
}

impl Drop for Sites {
    fn drop(&mut self) {
        for site in self.sites.iter_mut().filter_map(Option::take) {
            site.backend.stop();
        }
        for ending in self.ending.iter_mut().filter_map(Option::take) {
            let _ = ending.join();
        }
    }
}

fn stop_links(accepted: &Accepted, dialing: &[(Link, Path)]) {
    dialing.iter().for_each(|(link, _)| link.stop());
    accepted.lock().unwrap().values().for_each(Link::stop);
}

fn accept(us: Peer, backend: &Backend, accepted: &Accepted) -> Accept {
    let (links, accepted) = (backend.links_handle(), Arc::clone(accepted));
    Arc::new(move |peer, number| {
        let mut accepted = accepted.lock().unwrap();
        let link = accepted.entry((peer.name.clone(), number)).or_insert_with(|| {
            let (link, driver) = Link::accepting(settings(&us, &peer.role, number));
            let ordinal = peer.name.rsplit('-').next().unwrap().parse().unwrap();
            match &*peer.role {
                "frontend" => links.frontend_link(ordinal, number as u16, &link),
                _ => links.peer_link(ordinal, &link),
            }
            tokio::spawn(driver.run());
            link
        });
        link.clone()
    })
}
