//! The partitions of which several backends hold replicas: who of their groups is here, what they say to the others, and
//! who tends them.
//!
//! ```text
//! partition's thread -- Replica::run --> Member --> Exchange --> Peer --> link       requests, by lane and partition
//!                                        Member <-- Exchange <-- Desk <-- link
//! Tending (a task for each member) -- Membership --> Member                          voters, learners, who leads
//! ```
//!
//! All tasks are on one small runtime of the process; partitions' threads, and who starts and stops a backend, only wait
//! for it where they open, close or hand over.

mod arriving;
mod census;
mod desk;
mod directory;
mod exchange;
mod letter;
mod life;
mod opening;
mod patience;
mod peer;
mod tending;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use link::inbox;
use link::wire::Link;
use partition::{PartitionId, SlotTable};
use replica::raft::{Member, Members};
use replica::solo::Durability;
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

pub(crate) use arriving::Arriving;
use exchange::{Exchange, Resident};
use opening::{Course, Opener, Opening, wait_for};

use crate::leaders::Leaders;
use crate::placement::Placement;
use crate::settings::StartError;

const THREADS: usize = 2;

/// How often other backends hear what this one leads, besides when it changes.
const TELL: Duration = Duration::from_millis(500);

/// How soon they hear of a change.
const CHANGE: Duration = Duration::from_millis(20);

/// For all partitions that are handed over when the process ends.
const HAND_OVER: Duration = Duration::from_secs(5);

/// See the module.
pub(crate) struct Groups {
    tasks: Tasks,
    opener: Arc<Opener>,
}

/// The runtime, which may be dropped on a thread that must not wait.
struct Tasks(Option<Runtime>);

impl Drop for Tasks {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How a partition begins here.
pub(crate) enum Beginning {
    /// It is alone: no group.
    Alone,
    Member(Box<Member>),
    /// It is not clear yet.
    Arriving(Arriving),
}

impl Groups {
    pub fn start(
        dir: &Path,
        durability: Durability,
        slots: &SlotTable,
        placement: &Placement,
        leaders: &Arc<Leaders>,
    ) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("groups")
            .enable_time()
            .build()?;
        let exchange = Arc::new(Exchange::new(runtime.handle().clone(), Arc::clone(leaders)));
        runtime.spawn(tell(Arc::clone(&exchange), Arc::clone(leaders)));
        let opener = Opener {
            dir: dir.to_owned(),
            slots: slots.clone(),
            durability,
            placement: placement.clone(),
            leaders: Arc::clone(leaders),
            exchange,
            runtime: runtime.handle().clone(),
        };
        Ok(Self { tasks: Tasks(Some(runtime)), opener: Arc::new(opener) })
    }

    /// For whoever is given links to other backends.
    pub fn switchboard(&self) -> Switchboard {
        Switchboard { exchange: Arc::clone(&self.opener.exchange) }
    }

    /// Whether a partition that is not placed here is here all the same, until its group has gone on without it.
    pub fn is_left_over(&self, partition: PartitionId) -> bool {
        let is_member = self.opener.path(partition).join("ballot").exists();
        let life = self.opener.life(partition).read().ok().flatten();
        is_member && life.is_none_or(|life| life.stage != life::Stage::Removed)
    }

    /// Opens what is to be opened of a partition that is placed here or left over.
    pub fn begin(&self, partition: PartitionId, inbox: &inbox::Sender) -> Result<Beginning, StartError> {
        let arriving = |stranded| {
            let (opener, inbox) = (Arc::clone(&self.opener), inbox.clone());
            Ok(Beginning::Arriving(Arriving { opener, partition, stranded, inbox }))
        };
        let opened = match self.opener.course(partition)? {
            Course::Alone => {
                self.opener.exchange.settle(partition, Resident::Alone);
                return Ok(Beginning::Alone);
            }
            Course::Ask => return arriving(None),
            Course::Stranded { life } => Ok(self.opener.strand_again(partition, life)),
            Course::Open { life, origin } => self.opener.open(partition, life, origin, inbox),
        };
        match opened.map_err(|source| StartError::Member { partition, source })? {
            Opening::Member(member) => Ok(Beginning::Member(member)),
            Opening::Stranded { id, why } => arriving(Some((id, why))),
        }
    }

    /// Has others take the lead of what this process leads, where somebody is ready for it; waits for it some seconds.
    pub fn hand_over(&self) {
        let opener = Arc::clone(&self.opener);
        let handing = async move {
            let led = opener.leaders.ours().into_iter().map(|(partition, _)| hand_over(Arc::clone(&opener), partition));
            let handing: Vec<_> = led.map(tokio::spawn).collect();
            for one in handing {
                if one.await.is_err() {
                    tracing::error!("a task that hands a partition over has panicked");
                }
            }
        };
        // Whoever is late is replaced as if this process had died.
        let _ = wait_for(&self.opener.runtime, async { timeout(HAND_OVER, handing).await });
        // Members that are closed are asked nothing more.
        self.opener.exchange.close();
    }

    /// For whoever shows who belongs to the groups.
    pub fn roll(&self) -> Roll {
        Roll { exchange: Arc::clone(&self.opener.exchange) }
    }

    /// Ends the tasks. The members are closed before.
    pub fn stop(self) {
        drop(self.tasks);
    }
}

async fn hand_over(opener: Arc<Opener>, partition: PartitionId) {
    let Some(Resident::Member { membership, .. }) = opener.exchange.resident(partition) else { return };
    for backend in opener.placement.replicas(partition) {
        let members = membership.members();
        let is_other = *backend != opener.leaders.us() && opener.exchange.is_up(*backend);
        let Some(to) = tending::ready(&members, *backend).filter(|_| is_other) else { continue };
        opener.leaders.hands_over(partition, *backend);
        match membership.hand_over(to).await {
            Ok(()) => return tracing::info!(%partition, %to, "the lead is handed over: this process ends"),
            Err(error) => tracing::warn!(%partition, %to, %error, "the lead could not be handed over"),
        }
    }
}

/// Tells the other backends what this one leads: at once when it changes, and now and then.
async fn tell(exchange: Arc<Exchange>, leaders: Arc<Leaders>) {
    let mut told = leaders.changes();
    let mut since = Duration::ZERO;
    loop {
        sleep(CHANGE).await;
        since += CHANGE;
        if leaders.changes() != told || since >= TELL {
            told = leaders.changes();
            since = Duration::ZERO;
            exchange.tell_leads();
        }
    }
}

/// Who belongs to the groups of this process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Roll {
    exchange: Arc<Exchange>,
}

impl Roll {
    /// None where there is no member.
    pub fn members(&self, partition: PartitionId) -> Option<Members> {
        match self.exchange.resident(partition)? {
            Resident::Member { membership, .. } => Some(membership.members()),
            _ => None,
        }
    }
}

/// Where links to other backends are plugged in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Switchboard {
    exchange: Arc<Exchange>,
}

impl Switchboard {
    pub fn add(&self, backend: u16, link: &Link, partitions: &[PartitionId]) {
        self.exchange.add(backend, link, partitions);
    }
}
