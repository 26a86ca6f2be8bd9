//! Everything in one process.

use config::{Host, Plan};

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
    pub(crate) logging: Logging,
    /// Which dataflows run here.
    pub(crate) share: Share,
}

/// Serves clients with partitions of its own until a signal comes.
pub(crate) fn run(asked: Asked, signals: &Signals) -> Result<(), StartError> {
    let Asked { reading, host, signature, plan, logging, share } = asked;
    serving::run(serving::Asked { reading, host, signature, plan, logging, share, cluster: None }, signals)
}
