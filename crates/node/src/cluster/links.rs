//! Every link of this process, for its figures and for having them made anew.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use link::wire::{Link, Phase};

use super::figures::LinkFigures;

/// The links; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Links(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    links: BTreeMap<Place, Known>,
    /// What was said last about a peer's trouble.
    told: BTreeMap<Box<str>, Arc<str>>,
}

struct Known {
    link: Link,
    end: End,
}

/// Which end of a link is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Dialing,
    Accepting,
}

/// Which link: the peer's role and name, and the number among those with it.
type Place = (&'static str, Box<str>, u32);

impl Links {
    pub(crate) fn add(&self, end: End, (role, name): (&'static str, &str), number: u32, link: Link) {
        self.inside().links.insert((role, name.into(), number), Known { link, end });
    }

    /// Ends the links that a process has made which is let in no more. Those to it are refused when they are made anew.
    pub(super) fn cut(&self, role: &str, name: &str) {
        let mut inside = self.inside();
        inside.links.retain(|(of, peer, _), known| {
            let goes = *of == role && **peer == *name && known.end == End::Accepting;
            if goes {
                known.link.stop();
            }
            !goes
        });
    }

    /// A link to a backend that is reached now.
    pub(super) fn to_backend(&self, backend: &str) -> Option<Link> {
        let inside = self.inside();
        let of_it = inside.links.iter().filter(|((role, name, _), _)| *role == "backend" && **name == *backend);
        of_it.map(|(_, known)| &known.link).find(|link| link.status().borrow().phase == Phase::Up).cloned()
    }

    /// Has each link go on on a new connection, with the certificates of now.
    pub(super) fn renew(&self) {
        self.inside().links.values().for_each(|known| known.link.renew());
    }

    /// Ends them all, once the peers have what waits for them, or the links' own deadline has passed.
    pub(crate) fn stop(&self) {
        self.inside().links.values().for_each(|known| known.link.stop());
    }

    /// Whether all have said what they had to say: they have ended, or there is nobody to say it to.
    pub(crate) fn have_fallen_silent(&self) -> bool {
        self.inside().links.values().all(|known| known.link.status().borrow().phase != Phase::Up)
    }

    /// Tells in the log what keeps peers from being reached, once each, and that they are reached again.
    pub(crate) fn look(&self) {
        let mut inside = self.inside();
        let mut troubles: BTreeMap<Box<str>, Arc<str>> = BTreeMap::new();
        for ((_, name, _), known) in &inside.links {
            let status = known.link.status();
            let status = status.borrow();
            if status.phase != Phase::Up
                && let Some(trouble) = &status.trouble
            {
                troubles.entry(name.clone()).or_insert_with(|| Arc::clone(trouble));
            }
        }
        for (peer, trouble) in &troubles {
            if inside.told.get(peer) != Some(trouble) {
                tracing::warn!(%peer, %trouble, "a peer is not reached");
            }
        }
        for peer in inside.told.keys().filter(|peer| !troubles.contains_key(*peer)) {
            tracing::info!(%peer, "a peer is reached again");
        }
        inside.told = troubles;
    }

    /// What they have done, added up by peer.
    pub(super) fn figures(&self) -> Vec<LinkFigures> {
        let inside = self.inside();
        let mut all: Vec<LinkFigures> = Vec::new();
        // In the order of peers.
        for ((role, name, _), known) in &inside.links {
            if !all.last().is_some_and(|last| last.is_of(role, name)) {
                all.push(LinkFigures::new(role, name));
            }
            if let Some(of_peer) = all.last_mut() {
                of_peer.add(&known.link.status().borrow(), &known.link.counters());
            }
        }
        all
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // Nothing that could panic is done while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
