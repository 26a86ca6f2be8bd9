//! Whether a client may still have what it has: when other rules guard its port, when it has authenticated again, and when
//! it comes back to a session whose subscriptions were made under rules that nobody remembers.

use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use auth::authentication::{Admission, Admitted};
use auth::{Policy, Wanted};
use mqtt::ReasonCode;
use partition::{ListSubscriptions, PartitionId, Unsubscribe};

use super::Connection;
use super::session::Session;
use crate::fault::Fault;
use crate::pending_acks::FENCE_TAG;
use crate::sys::SYS;
use crate::worker::Worker;

impl Connection {
    /// Goes by the policy that guards the port now.
    pub fn review(self: &Rc<Self>, worker: &Rc<Worker>) {
        let mut inbound = self.inbound.borrow_mut();
        // Without a session it is looked at again when there is one.
        let Some(session) = inbound.session.clone().filter(|_| !self.is_ending()) else { return };
        let policy = self.entrance.policy();
        let before = std::mem::replace(&mut session.grant.borrow_mut().policy, Arc::clone(&policy));
        let went = self.admit_anew(worker, &session, &before, &policy).and_then(|admission| {
            let changed = match admission {
                Admission::Same => false,
                Admission::Renewed(accepted) => self.renew(worker, &session, accepted),
            };
            if changed || !have_same_rules(&before, &policy) {
                self.grant_anew(worker, &session)?;
            }
            Ok(())
        });
        if let Err(fault) = went {
            self.fail(worker, &mut inbound, fault);
        }
    }

    /// Whether the client would still be let in, as far as that can be said without its secrets.
    fn admit_anew(
        &self,
        worker: &Worker,
        session: &Session,
        before: &Policy,
        policy: &Policy,
    ) -> Result<Admission, Fault> {
        if policy.methods().is_none() {
            // Nothing that was proved counts any more, its end neither.
            session.grant.borrow_mut().credential = None;
        }
        let by = session.grant.borrow().credential.as_ref().map(|credential| credential.by);
        let (old, new) = match (before.methods(), policy.methods()) {
            (Some(old), Some(new)) if !Arc::ptr_eq(old, new) => (Some(old), new),
            (None, Some(new)) => (None, new),
            _ => return Ok(Admission::Same),
        };
        let admission = match (old, by) {
            (Some(old), Some(by)) => {
                let chain = self.transport.borrow().client_chain();
                let username = session.principal.username.as_deref();
                new.still_accept(old, &Admitted { by, username, chain: chain.as_deref() }, SystemTime::now())
            }
            _ => Err("the port lets in nobody any more who has not proved who he is".to_owned()),
        };
        admission.map_err(|why| {
            let client_id = session.client_id();
            tracing::warn!(client_id, peer = %self.peer, why, "not let in any more");
            let wanted = Wanted::Authenticate(ReasonCode::NotAuthorized);
            self.report(worker, &session.principal, wanted, &why);
            Fault::Denied(ReasonCode::NotAuthorized)
        })
    }

    /// Gives the client the rights that it has by the rules and its attributes now, and takes what it may not have.
    ///
    /// # Errors
    /// It may not even connect.
    pub(super) fn grant_anew(&self, worker: &Worker, session: &Session) -> Result<(), Fault> {
        let principal = session.current_principal();
        let mut grant = session.grant.borrow_mut();
        grant.rights = grant.policy.rights(&principal);
        if grant.rights.connect(&principal).is_none() {
            session.category.authorization_deny.add(1);
            tracing::info!(client_id = session.client_id(), peer = %self.peer, "not allowed to be connected any more");
            self.report(worker, &principal, Wanted::Connect, "the rules have changed");
            return Err(Fault::NotAllowed);
        }
        if grant.rights.are_limited() {
            drop(grant);
            self.begin_review(worker, session);
        }
        Ok(())
    }

    /// Has the partitions name the session's subscriptions, behind what attaches it there. Until the connection ends, what
    /// they have for the client is looked at before it is given: messages may wait for subscriptions that are no more.
    pub(super) fn begin_review(&self, worker: &Worker, session: &Session) {
        self.is_guarded.set(true);
        self.list_subscriptions(worker, session);
    }

    /// Has the partitions name the session's subscriptions.
    pub(super) fn list_subscriptions(&self, worker: &Worker, session: &Session) {
        for partition in session.touched.get().iter() {
            let (client_id, epoch) = (session.client_id(), session.epoch);
            // Whatever the answer is, it is for this session.
            worker.send(
                partition,
                ListSubscriptions { owner: self.owner, tag: FENCE_TAG, client_id, epoch, after: None },
            );
        }
    }

    /// Some of the session's subscriptions at one partition; those that are not allowed end.
    pub(super) fn on_subscriptions(
        &self,
        worker: &Worker,
        from: PartitionId,
        filters: &[Box<str>],
        more: Option<&[u8]>,
    ) {
        let Some(session) = self.session().filter(|_| !self.is_ending()) else { return };
        for filter in filters {
            if session.grant.borrow().rights.subscribe(filter).is_some() {
                if filter.starts_with(SYS) {
                    self.watch_sys(worker, filter, None);
                }
                continue;
            }
            session.category.authorization_deny.add(1);
            tracing::info!(
                client_id = session.client_id(),
                filter = &**filter,
                "subscription ended: not allowed any more"
            );
            let why = "a subscription that the rules do not allow any more has been ended";
            self.report(worker, &session.principal, Wanted::Subscribe(filter.clone()), why);
            worker.send(
                from,
                Unsubscribe {
                    owner: self.owner,
                    // Nobody waits for the answer.
                    tag: FENCE_TAG,
                    client_id: session.client_id(),
                    epoch: session.epoch,
                    filter,
                },
            );
        }
        if let Some(more) = more {
            worker.send_encoded(from, more);
        }
    }

    /// Whether a message of this topic may be given to the client: it is there, and nothing forbids it.
    pub fn takes(&self, worker: &Worker, topic: &str) -> bool {
        !self.is_ending() && (!self.is_guarded.get() || self.may_receive(worker, topic))
    }

    #[cold]
    fn may_receive(&self, worker: &Worker, topic: &str) -> bool {
        let Some(session) = self.session() else { return true };
        let allowed = session.grant.borrow().rights.may_receive(topic);
        if !allowed {
            session.category.authorization_deny.add(1);
            tracing::debug!(client_id = session.client_id(), topic, "message not given: not allowed any more");
            let why = "the message was for a subscription that the rules do not allow any more";
            self.report(worker, &session.principal, Wanted::Receive(topic.into()), why);
        }
        allowed
    }
}

fn have_same_rules(one: &Policy, other: &Policy) -> bool {
    match (one.authorization(), other.authorization()) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}
