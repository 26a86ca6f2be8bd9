//! The links to other processes, as they are given to the partitions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use link::inbox;
use link::wire::{Link, StreamId};
use partition::{Lane, PartitionId};

use crate::groups::Switchboard;
use crate::lanes::{self, Elsewhere, Entrance, Event, Gate};
use crate::leaders::Leaders;
use crate::roads::{self, CommandGate};

/// The stream of figures to a frontend.
pub(crate) const FIGURES: StreamId = StreamId(1 << 32);

/// The worker of a frontend whose link carries the figures.
const FIGURES_WORKER: u16 = 0;

/// A partition of this process, for those who bring it something.
pub(crate) struct Quarter {
    pub partition: PartitionId,
    pub inbox: inbox::Sender,
    pub entrance: Arc<Entrance>,
}

struct Shared {
    partitions: u16,
    leaders: Arc<Leaders>,
    switchboard: Switchboard,
    quarters: Vec<Quarter>,
    /// By frontend, the link that its figures go over.
    figures: Mutex<BTreeMap<u16, Link>>,
}

/// Gives links to the partitions; for any thread, cheap to clone. The links stay the caller's, who ends them with
/// [`Link::stop`], at best behind [`Backend::stop`](crate::Backend::stop).
#[derive(Clone)]
pub struct Links {
    shared: Option<Arc<Shared>>,
}

impl Links {
    /// Where everything is in one process.
    pub(crate) fn none() -> Self {
        Self { shared: None }
    }

    pub(crate) fn new(
        partitions: u16,
        leaders: Arc<Leaders>,
        switchboard: Switchboard,
        hosted: Vec<(PartitionId, inbox::Sender)>,
        entrance_bytes: usize,
    ) -> Self {
        let quarter = |(partition, inbox): (PartitionId, inbox::Sender)| Quarter {
            partition,
            entrance: Arc::new(Entrance::new(inbox.clone(), entrance_bytes)),
            inbox,
        };
        let quarters = hosted.into_iter().map(quarter).collect();
        let figures = Mutex::default();
        Self { shared: Some(Arc::new(Shared { partitions, leaders, switchboard, quarters, figures })) }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.shared.is_none()
    }

    pub(crate) fn quarters(&self) -> &[Quarter] {
        self.shared.as_ref().map_or(&[], |shared| &shared.quarters)
    }

    /// Takes the link to one worker of a frontend process: of every partition it hears at least where it is. To be given
    /// before its first connection is attached. Another link of the same worker takes its place.
    pub fn frontend_link(&self, frontend: u16, worker: u16, link: &Link) {
        let Some(shared) = &self.shared else {
            return tracing::error!(
                frontend,
                worker,
                "a frontend's link is not taken: the partitions serve this process only"
            );
        };
        let lane = Lane { frontend, worker };
        for partition in (0..shared.partitions).map(PartitionId) {
            let stream = lanes::stream(partition);
            let link_of = link.clone();
            match self.quarters().iter().find(|quarter| quarter.partition == partition) {
                Some(quarter) => {
                    let entrance = Arc::clone(&quarter.entrance);
                    let gate = Gate { lane, partition, link: link_of, entrance };
                    link.receive(stream, lanes::WINDOW_BYTES, Box::new(gate));
                }
                None => {
                    let leaders = Arc::clone(&shared.leaders);
                    let elsewhere = Elsewhere { lane, partition, leaders, link: link_of };
                    link.receive(stream, lanes::WINDOW_BYTES, Box::new(elsewhere));
                }
            }
        }
        if worker == FIGURES_WORKER {
            shared.figures.lock().unwrap_or_else(PoisonError::into_inner).insert(frontend, link.clone());
        }
    }

    /// Takes the link to another backend. Another link to the same takes its place.
    pub fn peer_link(&self, backend: u16, link: &Link) {
        let Some(shared) = &self.shared else {
            return tracing::error!(backend, "a backend's link is not taken: the partitions serve this process only");
        };
        let hosted: Vec<_> = self.quarters().iter().map(|quarter| quarter.partition).collect();
        shared.switchboard.add(backend, link, &hosted);
        for Quarter { partition, inbox, entrance } in self.quarters() {
            let gate =
                CommandGate { backend, partition: *partition, inbox: inbox.clone(), entrance: Arc::clone(entrance) };
            link.receive(roads::stream(*partition), roads::WINDOW_BYTES, Box::new(gate));
            // A partition that has stopped needs no telling.
            let _ = entrance.send(&mut vec![Event::Peer { backend, link: link.clone() }]);
        }
    }

    /// The frontends that hear figures.
    pub(crate) fn figures(&self) -> Vec<Link> {
        let Some(shared) = &self.shared else { return Vec::new() };
        shared.figures.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Nothing more is let in.
    pub(crate) fn close(&self) {
        self.quarters().iter().for_each(|quarter| quarter.entrance.close());
    }
}
