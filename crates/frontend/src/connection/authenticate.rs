//! Who the client is: found out by the gate, away from this thread, while the client's next packets wait. The same for its
//! re-authentication (MQTT 5, 4.12.1), during which they do not.
//!
//! Every method takes one step: CONNECT or AUTH brings all there is. The only AUTH 0x18 that is sent says "try again".

use std::rc::Rc;
use std::sync::Arc;

use auth::Wanted;
use auth::authentication::{Accepted, Credentials, Enhanced, Methods, Purpose, Reply, Request as Judge, Verdict};
use mqtt::{Auth, Connect, ReasonCode};

use super::session::{Authenticating, Inbound, Phase, Renewal, Session};
use super::{Connection, Flow};
use crate::fault::Fault;
use crate::worker::{Request, Worker};

impl Connection {
    /// Goes on with a CONNECT: at once where everybody is let in.
    pub(super) fn authenticate(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        mut connect: Connect,
        assigned: bool,
    ) -> Result<Flow, Fault> {
        let policy = self.entrance.policy();
        let Some(methods) = policy.methods() else {
            if connect.authentication.is_some() {
                // MQTT-4.12.0-1: nobody here knows any method.
                tracing::info!(peer = %self.peer, client_id = connect.client_id, "this port has no authentication methods");
                return Err(Fault::Denied(ReasonCode::BadAuthenticationMethod));
            }
            connect.password = None;
            return self.accept(worker, inbound, Authenticating { connect, policy, assigned }, None);
        };
        let credentials = Credentials {
            client_id: connect.client_id.as_str().into(),
            username: connect.username.as_deref().map(Into::into),
            password: connect.password.take(),
            enhanced: connect.authentication.as_mut().map(|authentication| Enhanced {
                method: authentication.method.as_str().into(),
                data: authentication.data.take(),
            }),
            chain: self.transport.borrow().client_chain(),
            address: self.peer.ip(),
        };
        self.judge(worker, credentials, Purpose::Connect, methods);
        inbound.phase = Phase::Authenticating(Box::new(Authenticating { connect, policy, assigned }));
        Ok(Flow::Stop)
    }

    fn judge(&self, worker: &Worker, credentials: Credentials, purpose: Purpose, methods: &Arc<Methods>) {
        let (shared, worker_id, owner) = (Arc::clone(&worker.shared), usize::from(worker.id), self.owner);
        let reply = Reply::new(move |verdict| shared.request(worker_id, Request::Verdict(owner, verdict)));
        worker.gate.submit(Judge { credentials, purpose, methods: Arc::clone(methods) }, reply);
    }

    /// What the gate says, of CONNECT or of a re-authentication.
    pub fn on_verdict(self: &Rc<Self>, worker: &Rc<Worker>, verdict: Verdict) {
        let mut inbound = self.inbound.borrow_mut();
        let inbound = &mut *inbound;
        let went = match &mut inbound.phase {
            Phase::Authenticating(_) => self.on_connect_judged(worker, inbound, verdict),
            Phase::Open if inbound.renewal == Renewal::Judging => self.on_renewal_judged(worker, inbound, verdict),
            _ => return,
        };
        if let Err(fault) = went {
            self.fail(worker, inbound, fault);
        }
    }

    fn on_connect_judged(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        verdict: Verdict,
    ) -> Result<(), Fault> {
        let accepted = match verdict {
            Verdict::Accept(accepted) => accepted,
            Verdict::Deny { reason, why } => return Err(self.denied(worker, inbound, reason, &why)),
            Verdict::Unavailable { why } => {
                return Err(self.denied(worker, inbound, ReasonCode::ServerUnavailable, &why));
            }
        };
        let phase = std::mem::replace(&mut inbound.phase, Phase::AwaitConnect);
        let Phase::Authenticating(authenticating) = phase else { return Err(Fault::Authentication) };
        self.accept(worker, inbound, *authenticating, Some(accepted)).map(|_| ())
    }

    /// AUTH of a client that is connected: MQTT-4.12.1-1.
    pub(super) fn on_re_authentication(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        auth: Auth,
    ) -> Result<Flow, Fault> {
        let Some(session) = inbound.session.clone() else { return Err(Fault::Authentication) };
        let Some(method) = session.method.as_deref().filter(|method| auth.method.as_deref() == Some(*method)) else {
            return Err(Fault::Authentication);
        };
        match (auth.reason, inbound.renewal) {
            (ReasonCode::ReAuthenticate, Renewal::None | Renewal::Invited)
            | (ReasonCode::ContinueAuthentication, Renewal::Invited) => {}
            _ => return Err(Fault::Authentication),
        }
        inbound.renewal = Renewal::Judging;
        let policy = self.entrance.policy();
        let by = session.grant.borrow().credential.as_ref().map(|credential| credential.by);
        let (Some(by), Some(methods)) = (by, policy.methods()) else {
            // Everybody is let in by now.
            return self.tell_renewal(worker, inbound, &session, Renewal::None).map(|()| Flow::Next);
        };
        let credentials = Credentials {
            client_id: session.client_id().into(),
            username: session.principal.username.clone(),
            password: None,
            enhanced: Some(Enhanced { method: method.into(), data: auth.data }),
            chain: self.transport.borrow().client_chain(),
            address: self.peer.ip(),
        };
        let purpose = Purpose::ReAuthenticate { username: session.principal.username.clone(), by };
        self.judge(worker, credentials, purpose, methods);
        Ok(Flow::Next)
    }

    fn on_renewal_judged(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        verdict: Verdict,
    ) -> Result<(), Fault> {
        let Some(session) = inbound.session.clone() else { return Ok(()) };
        match verdict {
            Verdict::Accept(accepted) => {
                if self.renew(worker, &session, accepted) {
                    self.grant_anew(worker, &session)?;
                }
                session.category.authentication_successes.add(1);
                self.tell_renewal(worker, inbound, &session, Renewal::None)
            }
            Verdict::Unavailable { .. } => {
                session.category.authentication_failures.add(1);
                self.tell_renewal(worker, inbound, &session, Renewal::Invited)
            }
            // MQTT-4.12.1-2.
            Verdict::Deny { reason, why } => Err(self.denied(worker, inbound, reason, &why)),
        }
    }

    /// What the client has proved now holds. True if it has other attributes by it.
    pub(super) fn renew(&self, worker: &Worker, session: &Session, accepted: Accepted) -> bool {
        let changed = session.grant.borrow().attributes() != accepted.attributes;
        session.grant.borrow_mut().credential = Some(Box::new(accepted.into()));
        if let Some(at_s) = self.expiry_s(worker) {
            worker.watch(self, at_s);
        }
        changed
    }

    /// AUTH 0x00, or 0x18 if the client may try once more.
    fn tell_renewal(
        self: &Rc<Self>,
        worker: &Worker,
        inbound: &mut Inbound,
        session: &Session,
        renewal: Renewal,
    ) -> Result<(), Fault> {
        inbound.renewal = renewal;
        let reason = match renewal {
            Renewal::None => ReasonCode::Success,
            Renewal::Judging | Renewal::Invited => ReasonCode::ContinueAuthentication,
        };
        let auth = Auth { reason, method: session.method.clone(), data: None, reason_string: None };
        self.with_writer(worker, |outbound, writer| {
            let mut encoded = Ok(());
            let fits = outbound.append_if_it_fits(writer, |buffer| encoded = mqtt::encode::auth(buffer, &auth));
            // The method is the client's own, so that it can be said.
            if fits && encoded.is_ok() { Ok(()) } else { Err(Fault::AnswerTooLarge) }
        })
    }

    /// The client does not prove who it is: it is told the code, whoever operates the broker the reason.
    fn denied(&self, worker: &Worker, inbound: &Inbound, reason: ReasonCode, why: &str) -> Fault {
        let wanted = Wanted::Authenticate(reason);
        match (&inbound.phase, &inbound.session) {
            (Phase::Authenticating(authenticating), _) => {
                let Connect { client_id, username, .. } = &authenticating.connect;
                let claimed = auth::Principal::declared(client_id, username.as_deref());
                self.report(worker, &claimed, wanted, why);
            }
            (_, Some(session)) => self.report(worker, &session.principal, wanted, why),
            _ => {}
        }
        Fault::Denied(reason)
    }
}
