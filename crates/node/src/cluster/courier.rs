//! Brings questions about what partitions hold to the backends that may lead them.

use std::time::Duration;

use backend::{Carry, Carrying};
use bytes::Bytes;
use config::{BackendAddress, ClusterPlan};

use super::errand::{Errand, Reply};
use super::links::Links;

/// For an answer; the asker's own deadline is somewhat longer.
const ANSWER: Duration = Duration::from_secs(4);

/// Goes by the links of this process.
pub(crate) struct Courier {
    pub(super) links: Links,
    pub(super) backends: Vec<BackendAddress>,
}

impl Courier {
    /// Which backends may lead each of so many partitions.
    pub(super) fn placement(plan: &ClusterPlan, partitions: u16) -> backend::Placement {
        backend::Placement((0..partitions).map(|partition| plan.replicas(partition).collect()).collect())
    }
}

impl Carry for Courier {
    fn ask(&self, backend: u16, question: Bytes) -> Carrying {
        let name = self.backends.get(usize::from(backend)).map(|backend| backend.name.clone()).unwrap_or_default();
        let link = self.links.to_backend(&name);
        Box::pin(async move {
            let link = link.ok_or_else(|| format!("{name} is not reached"))?;
            let answer = link.ask(Errand::View(question).to_bytes().into(), ANSWER).await;
            match answer.map(|answer| Reply::from_bytes(&answer)) {
                Ok(Ok(Reply::Viewed(answer))) => Ok(answer),
                Ok(Ok(Reply::Refused(reason))) => Err(format!("{name}: {reason}")),
                Ok(Ok(_)) => Err(format!("{name} answered something else than was asked")),
                Ok(Err(error)) => Err(format!("{name}: {error}")),
                Err(error) => Err(format!("{name}: {error}")),
            }
        })
    }
}
