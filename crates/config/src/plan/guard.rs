//! Who guards a port: the BrokerAuthentication and the BrokerAuthorization that it refers to.

use std::collections::BTreeMap;

use super::certificate::Port;
use crate::Listener;
use crate::authentication::Authentication;
use crate::authorization::Authorization;
use crate::reading::{Reading, Spot};
use crate::resource::{PortSpec, Resources};
use crate::schema::nearest;

/// All that ports may refer to, by name.
pub(super) struct Guards<'a> {
    pub(super) authentications: &'a BTreeMap<String, Authentication>,
    pub(super) authorizations: &'a BTreeMap<String, Authorization>,
}

/// Refuses references to nothing, and what cannot be together.
pub(super) fn check(port: &Port<'_>, spec: &PortSpec, guards: &Guards<'_>, reading: &mut Reading) {
    const AUTHENTICATION: &str = "authenticationRef";
    const AUTHORIZATION: &str = "authorizationRef";
    if let Some(name) = &spec.authentication_ref {
        match guards.authentications.get(name) {
            Some(authentication) => {
                if authentication.takes_certificates() && port.given("tls").is_none() {
                    let expected = "has the method X509, and client certificates need TLS; give the port tls, or another BrokerAuthentication";
                    reading.refuse_at(&port.place(AUTHENTICATION), format!("\"{name}\""), expected);
                }
            }
            None => {
                let known = guards.authentications.keys().map(String::as_str);
                refuse_dangling((&port.place(AUTHENTICATION), "BrokerAuthentication"), name, known, reading);
            }
        }
    }
    let Some(name) = &spec.authorization_ref else { return };
    if !guards.authorizations.contains_key(name) {
        let known = guards.authorizations.keys().map(String::as_str);
        refuse_dangling((&port.place(AUTHORIZATION), "BrokerAuthorization"), name, known, reading);
    }
    if port.given(AUTHENTICATION).is_none() {
        let expected = "needs authenticationRef, too: without it anybody is who he says he is";
        reading.refuse_at(&port.place(AUTHORIZATION), format!("\"{name}\""), expected);
    }
}

fn refuse_dangling<'a>(
    (spot, kind): (&Spot, &str),
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    reading: &mut Reading,
) {
    let hint = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => match known.collect::<Vec<_>>()[..] {
            [] => format!("give a {kind} of this name, or leave the field out"),
            ref names => format!("give one of {}, or a {kind} of this name", names.join(", ")),
        },
    };
    reading.refuse_at(spot, format!("\"{name}\""), format!("there is no {kind} of this name; {hint}"));
}

impl Guards<'_> {
    /// Who writes a guard and no port that refers to it may believe to be guarded.
    pub(super) fn notice_unused(&self, resources: &Resources, listeners: &[Listener], reading: &mut Reading) {
        const SENTENCE: &str = "no port refers to it, so it guards nothing";
        let used = |name: &str, of: fn(&Listener) -> &Option<String>| {
            listeners.iter().any(|listener| of(listener).as_deref() == Some(name))
        };
        for unused in resources.authentications.iter().filter(|a| !used(&a.name, |l| &l.authentication)) {
            reading.notice(&unused.place("").place(), format!("BrokerAuthentication {}", unused.name), SENTENCE);
        }
        for unused in resources.authorizations.iter().filter(|a| !used(&a.name, |l| &l.authorization)) {
            reading.notice(&unused.place("").place(), format!("BrokerAuthorization {}", unused.name), SENTENCE);
        }
    }
}
