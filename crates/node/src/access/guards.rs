//! What guards all ports of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use auth::Policy;
use auth::authorization::Authorization;
use config::{Listener, Plan, Problem};
use rustls::server::danger::ClientCertVerifier;

use super::authentication::Authentication;
use super::authorization::{authorization, is_same};
use super::ground::Ground;

/// Everything a plan says of who is let in and what they may do, ready. It never changes: a change is another one.
#[derive(Default)]
pub(crate) struct Guards {
    authentications: BTreeMap<String, Authentication>,
    authorizations: BTreeMap<String, Arc<Authorization>>,
    /// By listener.
    ports: BTreeMap<String, Port>,
}

struct Port {
    policy: Arc<Policy>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
}

/// What is wrong with authentications and authorizations of a plan. Asks nobody, and needs nothing of this machine but the
/// authorities that it trusts.
pub(crate) fn problems(plan: &Plan) -> Vec<Problem> {
    let ground = match Ground::example() {
        Ok(ground) => ground,
        Err(error) => {
            let text = "authentications".to_owned();
            return vec![Problem { place: "this machine".to_owned(), text, expected: error.to_string() }];
        }
    };
    Guards::compile(plan, None, &ground).err().unwrap_or_default()
}

impl Guards {
    /// Makes them ready, those that no port refers to as well. What did not change is taken over from `before`, with the
    /// connections and answers that it has. Asks nobody.
    ///
    /// # Errors
    /// Everything that cannot be, each with its place.
    pub(crate) fn compile(plan: &Plan, before: Option<&Self>, ground: &Ground) -> Result<Self, Vec<Problem>> {
        let (mut guards, mut problems) = (Self::default(), Vec::new());
        for (name, asked) in &plan.authentications {
            let ports = plan.listeners.iter().filter(|listener| listener.authentication.as_ref() == Some(name));
            let ports: Vec<&str> = ports.map(|listener| listener.name.as_str()).collect();
            let same = before.and_then(|before| before.authentications.get(name));
            match Authentication::compile(asked, same, ground, &ports) {
                Ok(made) => drop(guards.authentications.insert(name.clone(), made)),
                Err(found) => problems.extend(found),
            }
        }
        for (name, asked) in &plan.authorizations {
            let same =
                before.and_then(|before| before.authorizations.get(name)).filter(|before| is_same(before, asked));
            match same.map_or_else(|| authorization(name, asked).map(Arc::new), |same| Ok(same.clone())) {
                Ok(made) => drop(guards.authorizations.insert(name.clone(), made)),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        for listener in &plan.listeners {
            let port = guards.port(listener).map_err(|problem| vec![problem])?;
            guards.ports.insert(listener.name.clone(), port);
        }
        Ok(guards)
    }

    /// What guards a listener; `None` for one that the plan does not have.
    pub(crate) fn policy(&self, listener: &str) -> Option<&Arc<Policy>> {
        self.ports.get(listener).map(|port| &port.policy)
    }

    /// What judges the certificates of a listener's clients in the TLS handshake; `None` where they are not asked for any. The
    /// very same as before where nothing of it changed.
    pub(crate) fn verifier(&self, listener: &str) -> Option<Arc<dyn ClientCertVerifier>> {
        self.ports.get(listener).and_then(|port| port.verifier.clone())
    }

    fn port(&self, listener: &Listener) -> Result<Port, Problem> {
        let authentication = found(listener, "BrokerAuthentication", &listener.authentication, &self.authentications)?;
        let authorization = found(listener, "BrokerAuthorization", &listener.authorization, &self.authorizations)?;
        let methods = authentication.map(|authentication| authentication.methods.clone());
        let verifier = authentication.filter(|_| listener.tls.is_some()).and_then(Authentication::verifier);
        Ok(Port { policy: Arc::new(Policy::new(methods, authorization.cloned())), verifier })
    }
}

/// What a listener refers to. A name that leads nowhere is never taken for none: that would let everybody in.
fn found<'a, T>(
    listener: &Listener,
    kind: &str,
    name: &Option<String>,
    all: &'a BTreeMap<String, T>,
) -> Result<Option<&'a T>, Problem> {
    let Some(name) = name else { return Ok(None) };
    all.get(name).map(Some).ok_or_else(|| Problem {
        place: format!("listener {}", listener.name),
        text: format!("{kind} {name}"),
        expected: "there is none of this name; write one".to_owned(),
    })
}
