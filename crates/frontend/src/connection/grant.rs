//! What authentication and the port's policy give a client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use auth::authentication::{Accepted, MethodKind};
use auth::{Denial, Policy, Principal, Rights, Wanted};
use partition::Timestamp;

use super::{Connection, Session};
use crate::worker::Worker;

/// Another where another policy guards the port.
pub(crate) struct Grant {
    pub policy: Arc<Policy>,
    pub rights: Rights,
    /// `None` on a port that lets everybody in: most connections hold no more than this.
    pub credential: Option<Box<Credential>>,
}

/// What the client has proved, and by what; replaced by a re-authentication.
pub(crate) struct Credential {
    pub by: MethodKind,
    pub ends: Option<Timestamp>,
    pub attributes: BTreeMap<Box<str>, Box<str>>,
}

impl Grant {
    pub fn new(policy: Arc<Policy>, principal: &Principal, accepted: Option<Accepted>) -> Self {
        let credential = accepted.map(|accepted| Box::new(accepted.into()));
        Self { rights: policy.rights(principal), policy, credential }
    }

    pub fn attributes(&self) -> BTreeMap<Box<str>, Box<str>> {
        self.credential.as_ref().map(|credential| credential.attributes.clone()).unwrap_or_default()
    }
}

impl From<Accepted> for Credential {
    fn from(accepted: Accepted) -> Self {
        let ends = accepted.expires.map(|at| {
            let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
            Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
        });
        Self { by: accepted.by, ends, attributes: accepted.attributes }
    }
}

impl Session {
    /// Who the client is, with the attributes that it has now.
    pub fn current_principal(&self) -> Principal {
        Principal { attributes: self.grant.borrow().attributes(), ..self.principal.clone() }
    }
}

impl Connection {
    /// The client does not get what it wanted.
    pub(super) fn report(&self, worker: &Worker, principal: &Principal, wanted: Wanted, why: &str) {
        worker.report(Denial {
            wanted,
            client_id: principal.client_id.clone(),
            username: principal.username.clone(),
            listener: Arc::clone(&self.entrance.name),
            peer: self.peer,
            why: why.into(),
        });
    }
}
