//! Clients in a process of their own, whose partitions are in backends.

use config::{ClusterPlan, Host, Plan};

use super::serving;
use crate::dataflows::Share;
use crate::logging::Logging;
use crate::reading::Reading;
use crate::signals::Signals;
use crate::sources::Signature;
use crate::start::StartError;

/// What a process is started with.
pub(crate) struct Asked {
    pub(crate) reading: Reading,
    pub(crate) host: Host,
    /// Of what is on disk, from which the plan was made.
    pub(crate) signature: Signature,
    pub(crate) plan: Plan,
    pub(crate) cluster: ClusterPlan,
    pub(crate) logging: Logging,
}

/// Serves clients until a signal comes. It listens once it has its certificate; until then, and while a partition has no leader that it
/// reaches, it is not ready.
pub(crate) fn run(asked: Asked, signals: &Signals) -> Result<(), StartError> {
    let Asked { reading, host, signature, plan, cluster, logging } = asked;
    if !plan.dataflows.is_empty() {
        tracing::info!("a frontend runs no dataflows; causeway bridge does, beside it");
    }
    let cluster = Some(cluster);
    serving::run(serving::Asked { reading, host, signature, plan, logging, share: Share::None, cluster }, signals)
}
