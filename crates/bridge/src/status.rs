//! How a dataflow is doing.

use std::time::SystemTime;

use mqtt::ProtocolVersion;

use crate::credentials::CredentialFailure;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::health::{Health, judge};

/// A dataflow, and how its two sides are doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataflowStatus {
    pub name: String,
    pub profile: String,
    pub instance: u16,
    pub health: Health,
    /// Why it is not [`Health::Available`], as a reason code; `None` where no code fits.
    pub reason: Option<&'static str>,
    pub source: LinkStatus,
    pub destination: LinkStatus,
    /// The last publish the destination or the dead letter topic did not take, as long as messages wait because of it.
    pub publish: Option<Failure>,
    /// When what `publish` keeps back is tried again.
    pub publish_retry: Option<SystemTime>,
    /// Why the destination refused the last message that went to the dead letter topic.
    pub dead_letter: Option<Failure>,
    /// Messages held here; the others wait in the source's session.
    pub backlog: u64,
}

impl DataflowStatus {
    /// The same with `health` and `reason` as they are at `now`.
    pub(crate) fn judged(self, now: SystemTime) -> Self {
        let (health, reason) = judge(&self, now);
        Self { health, reason, ..self }
    }
}

/// One side of a dataflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    /// The endpoint's name.
    pub endpoint: String,
    /// Where it is, as a URL.
    pub address: String,
    pub client_id: String,
    pub state: LinkState,
    /// Of the connection that stands, or of the last.
    pub version: Option<ProtocolVersion>,
    /// The last failure; `None` when everything has worked since.
    pub failure: Option<Failure>,
    /// When what was shown to the server ends.
    pub credential_expires: Option<SystemTime>,
    /// Why there is no credential, or no newer one.
    pub credential_failure: Option<CredentialFailure>,
    /// When the server last turned out to have forgotten the session.
    pub session_lost: Option<SystemTime>,
}

impl LinkStatus {
    /// Of a side that has not begun.
    pub(crate) fn new(endpoint: &Endpoint, client_id: String) -> Self {
        Self {
            endpoint: endpoint.name.clone(),
            address: format!("{:?}", endpoint.address),
            client_id,
            state: LinkState::Connecting,
            version: None,
            failure: None,
            credential_expires: None,
            credential_failure: None,
            session_lost: None,
        }
    }
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    Connecting,
    /// Accepted, and subscribed if it is a source.
    Up {
        since: SystemTime,
    },
    /// Until the next try.
    Waiting {
        until: SystemTime,
    },
    /// Ended on purpose.
    Stopped,
}
