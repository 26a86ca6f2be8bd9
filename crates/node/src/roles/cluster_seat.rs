//! The place of a running process in its cluster: its links, and the thread that keeps its certificate good.

use std::io;
use std::time::SystemTime;

use config::{InternalCertificates, Plan};
use frontend::{FarLink, FarPartitions};
use partition::Incarnation;

use super::broker::Company;
use crate::certs;
use crate::cluster::{Keeper, KeeperVoice, Membership};

/// Where it stands, as long as it runs.
pub(super) struct ClusterSeat {
    pub(super) membership: Membership,
    keeper: Option<Keeper>,
}

impl ClusterSeat {
    /// Of a frontend, with all its links: one of each worker to each backend.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn of_frontend(membership: Membership, plan: &Plan) -> io::Result<(Self, FarPartitions)> {
        let cluster = &membership.plan;
        let backends = 0..u16::try_from(cluster.backends.len()).unwrap_or(u16::MAX);
        let links_of = |worker: u16| -> Vec<FarLink> {
            let dialed =
                backends.clone().filter(|backend| cluster.hosts_any(*backend, plan.partitions) || *backend == 0);
            let link = |backend| {
                let (link, driver) = membership.dial(backend, worker.into())?;
                Some(FarLink { backend, link, driver })
            };
            dialed.filter_map(link).collect()
        };
        let links: Vec<Vec<FarLink>> = (0..plan.workers.get()).map(links_of).collect();
        let to_authority = links.first().and_then(|of_worker| of_worker.first()).map(|first| first.link.clone());
        let keeper = membership.keep(to_authority)?;
        let far = FarPartitions {
            frontend: cluster.us.ordinal,
            incarnation: Incarnation(now_ms()),
            replicas: (0..plan.partitions.get()).map(|partition| cluster.replicas(partition).collect()).collect(),
            links,
        };
        Ok((Self { membership, keeper }, far))
    }

    pub(super) fn new(membership: Membership, keeper: Option<Keeper>) -> Self {
        Self { membership, keeper }
    }

    /// Who rotates certificates; `None` where there are none.
    pub(super) fn voice(&self) -> Option<KeeperVoice> {
        self.keeper.as_ref().map(Keeper::voice)
    }

    /// Has certificates be so from the next on, which comes soon.
    pub(super) fn set(&self, asked: &InternalCertificates) {
        if let Some(keeper) = &self.keeper {
            keeper.voice().set(&certs::settings::of(asked));
        }
    }

    /// Whether a peer is reached.
    pub(super) fn company(&self) -> Company {
        if self.membership.links.have_fallen_silent() { Company::Gone } else { Company::Here }
    }

    /// Says in the log what of its links has changed.
    pub(super) fn look(&self) {
        self.membership.links.look();
    }

    /// Ends the thread; links have ended.
    pub(super) fn end(self) {
        if let Some(keeper) = self.keeper {
            keeper.stop();
        }
    }
}

/// A later start of the process has a greater one; where its clock was set back, backends say which would be.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
