//! What authentication and the port's policy give a client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use auth::authentication::{Accepted, MethodKind};
use auth::{Denial, Policy, Principal, Rights, Wanted};
use partition::Timestamp;

use super::{Connection, Session};
use crate::worker::Worker;

/// Replaced by a re-authentication, and where another policy guards the port.
pub(crate) struct Grant {
    pub policy: Arc<Policy>,
    pub rights: Rights,
    /// What let the client in; `None` on a port that lets everybody in.
    pub by: Option<MethodKind>,
    /// When the credential ends.
    pub expires: Option<Timestamp>,
    /// Since a re-authentication, in place of those of CONNECT.
    pub attributes: Option<BTreeMap<Box<str>, Box<str>>>,
}

impl Grant {
    pub fn new(policy: Arc<Policy>, principal: &Principal, accepted: Option<&Accepted>) -> Self {
        Self {
            rights: policy.rights(principal),
            policy,
            by: accepted.map(|accepted| accepted.by),
            expires: accepted.and_then(end),
            attributes: None,
        }
    }

    /// The client has authenticated again.
    pub fn renew(&mut self, accepted: Accepted) {
        self.expires = end(&accepted);
        self.by = Some(accepted.by);
        self.attributes = Some(accepted.attributes);
    }
}

fn end(accepted: &Accepted) -> Option<Timestamp> {
    let since = accepted.expires?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}

impl Session {
    /// Who the client is, with the attributes that it has now.
    pub fn current_principal(&self) -> Principal {
        let attributes = self.grant.borrow().attributes.clone();
        let Principal { client_id, username, standing, .. } = &self.principal;
        Principal {
            client_id: client_id.clone(),
            username: username.clone(),
            attributes: attributes.unwrap_or_else(|| self.principal.attributes.clone()),
            standing: *standing,
        }
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
