//! The ways in and out of a partition's thread beside its inbox, chosen once for the life of the process.

use std::sync::Arc;

use bytes::Bytes;
use link::{inbox, mailbox};
use partition::{Answer, PartitionId};
use replica::{Outgoing, Replica, ReplicaError};

use crate::clock::now;
use crate::far::Far;
use crate::lanes::{Lanes, LanesView};
use crate::leaders::Leaders;
use crate::links::Quarter;
use crate::near::{FRONTEND, Near};
use crate::roads::Roads;
use crate::settings::FarSettings;

/// See the module.
pub(crate) enum Exits {
    Near(Near),
    Far(Box<Far>),
}

impl Exits {
    /// Of partitions with these inboxes, whose workers are `workers`.
    pub fn near(workers: &[mailbox::Sender<Answer>], inboxes: &[inbox::Sender]) -> Vec<Self> {
        inboxes.iter().map(|_| Self::Near(Near::new(workers.to_vec(), inboxes.to_vec()))).collect()
    }

    /// Of these of the broker's `partitions`.
    pub fn far(settings: &FarSettings, partitions: u16, quarters: &[Quarter], leaders: &Arc<Leaders>) -> Vec<Self> {
        let inbox = |partition: PartitionId| {
            let here = quarters.iter().find(|quarter| quarter.partition == partition);
            here.map(|quarter| quarter.inbox.clone())
        };
        let exits = |quarter: &Quarter| {
            let Quarter { partition, entrance, .. } = quarter;
            let roads = Roads::new((0..partitions).map(PartitionId).map(inbox).collect(), Arc::clone(leaders));
            let lanes = Lanes::new(*partition, settings.frontend_gone_after, settings.lane_bytes);
            Self::Far(Box::new(Far::new(*partition, Arc::clone(entrance), lanes, roads, Arc::clone(leaders))))
        };
        quarters.iter().map(exits).collect()
    }

    /// Begins again what was under way when the process ended, and notes which connections have not survived it.
    pub fn resume(
        &mut self,
        replica: &mut Replica,
        batches: &mut Vec<Bytes>,
        out: &mut Outgoing,
    ) -> Result<(), ReplicaError> {
        match self {
            Self::Near(near) => {
                replica.resume(FRONTEND, batches, now(), out)?;
                near.let_out(out);
            }
            Self::Far(far) => far.resume(replica, batches, out)?,
        }
        Ok(())
    }

    /// Whether the partition is led here.
    pub fn leads(&self) -> bool {
        match self {
            Self::Near(_) => true,
            Self::Far(far) => far.leads(),
        }
    }

    /// Whether something was taken that is not applied.
    pub fn is_waiting(&self) -> bool {
        match self {
            Self::Near(_) => false,
            Self::Far(far) => far.is_waiting(),
        }
    }

    /// Takes what has come, and does nothing with it: there is no replica yet.
    pub fn pass(&mut self) {
        match self {
            Self::Near(_) => {}
            Self::Far(far) => far.pass(),
        }
    }

    /// Whether something has come that can be worked off now.
    pub fn has_more(&self) -> bool {
        match self {
            Self::Near(_) => false,
            Self::Far(far) => far.has_more(),
        }
    }

    /// Takes what has come to the end of `batches`.
    pub fn take(&mut self, replica: &Replica, batches: &mut Vec<Bytes>) {
        match self {
            Self::Near(_) => {}
            Self::Far(far) => far.take(replica, batches),
        }
    }

    /// Some times a second: adds what is due to `batches`.
    pub fn tick(&mut self, replica: &Replica, batches: &mut Vec<Bytes>) {
        match self {
            Self::Near(_) => {}
            Self::Far(far) => far.tick(replica, batches),
        }
    }

    /// Runs `batches` and lets out what follows from them.
    pub fn run(
        &mut self,
        replica: &mut Replica,
        batches: &mut Vec<Bytes>,
        out: &mut Outgoing,
    ) -> Result<(), ReplicaError> {
        match self {
            Self::Near(near) => {
                if !batches.is_empty() {
                    replica.run(batches, now(), out)?;
                    near.let_out(out);
                }
                Ok(())
            }
            Self::Far(far) => far.run(replica, batches, out),
        }
    }

    /// How the workers of other processes stand.
    pub fn lanes(&self) -> Option<LanesView> {
        match self {
            Self::Near(_) => None,
            Self::Far(far) => Some(far.view()),
        }
    }

    /// Takes nothing more.
    pub fn close(&self) {
        match self {
            Self::Near(_) => {}
            Self::Far(far) => far.close(),
        }
    }
}
