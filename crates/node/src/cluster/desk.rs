//! The cluster's authority at work: gives certificates to who joins, and others in time to who is there; gives frontends the
//! authority of their listeners.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use identity::Authority;
use identity::internal::{
    InternalAuthority, JoinRefusal, JoinRequest, PeerIdentity, Role, SigningRequest, TrustedRoots,
};
use link::wire::Proof;

use super::errand::{Errand, Reply};

/// Peers whose last certificate is remembered; one that is forgotten renews after its next connection.
const MOST_PEERS: usize = 4096;

/// Role and name.
type Who = (Box<str>, Box<str>);

/// The authorities in this process. Its calls write small files: not on threads that serve links.
#[derive(Debug)]
pub(crate) struct Desk {
    authority: InternalAuthority,
    listeners: Authority,
    /// Whom links were made with, as of their last handshake.
    seen: Mutex<BTreeMap<Who, PeerIdentity>>,
}

impl Desk {
    /// `listeners` is the one of the certificates that clients see.
    pub(crate) fn new(authority: InternalAuthority, listeners: Authority) -> Self {
        Self { authority, listeners, seen: Mutex::default() }
    }

    pub(crate) fn authority(&self) -> &InternalAuthority {
        &self.authority
    }

    /// A handshake has shown who this is.
    pub(super) fn note(&self, peer: PeerIdentity) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        if seen.len() >= MOST_PEERS {
            seen.retain(|_, peer| peer.not_after > now);
        }
        if seen.len() < MOST_PEERS {
            seen.insert((peer.role.as_str().into(), peer.name.as_str().into()), peer);
        }
    }

    /// Answers somebody who has no certificate yet.
    pub(super) fn admit(&self, question: &[u8], binding: &[u8; 32]) -> Vec<u8> {
        let admitted = JoinRequest::from_bytes(question).map_err(|error| {
            tracing::warn!(%error, "a request to join cannot be read");
            JoinRefusal::Unknown
        });
        let admitted = admitted.and_then(|request| self.authority.admit(&request, binding, SystemTime::now()));
        match admitted {
            Ok(issued) => Reply::Issued(Box::new(issued)),
            Err(refusal) => Reply::NotAdmitted(refusal),
        }
        .to_bytes()
    }

    pub(super) fn serve(&self, asker: &Proof, errand: Errand) -> Reply {
        match errand {
            Errand::Renew(request) => self.renew(asker, &request),
            Errand::ListenerAuthority => self.hand_over_listeners(asker),
            Errand::Roots { have } => match self.authority.roots() {
                roots if roots.generation() > have => Reply::Roots(Box::new(roots)),
                _ => Reply::NoNewer,
            },
            Errand::View(_) => Reply::Refused("it is not for the authority".to_owned()),
        }
    }

    fn hand_over_listeners(&self, asker: &Proof) -> Reply {
        let Proof::Certificate { role, name, .. } = asker else {
            return Reply::Refused("the connection is not encrypted: nobody has shown who asks".to_owned());
        };
        if **role != *Role::Frontend.as_str() {
            return Reply::Refused(format!("it is for frontends, and this is a {role}"));
        }
        match self.listeners.pair() {
            Ok(pair) => {
                tracing::info!(frontend = %name, "gave the authority of the listeners to a frontend");
                Reply::ListenerAuthority(pair)
            }
            Err(error) => {
                tracing::error!(frontend = %name, %error, "a frontend does not get the authority of the listeners");
                Reply::Refused("it cannot be read where it is; the log there says why".to_owned())
            }
        }
    }

    fn renew(&self, asker: &Proof, request: &SigningRequest) -> Reply {
        let Proof::Certificate { role, name, .. } = asker else {
            return Reply::Refused("the link is not encrypted: nobody has shown who asks".to_owned());
        };
        let who = (role.clone(), name.clone());
        let peer = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&who).cloned();
        let Some(peer) = peer else {
            return Reply::Refused("the link has to be made anew first".to_owned());
        };
        match self.authority.renew(request, &peer, SystemTime::now()) {
            Ok(issued) => {
                tracing::info!(peer = %peer.name, role = %peer.role, "issued the next internal certificate of a peer");
                Reply::Issued(Box::new(issued))
            }
            Err(error) => {
                tracing::warn!(peer = %peer.name, role = %peer.role, %error, "a peer gets no other certificate");
                Reply::Refused(error.to_string())
            }
        }
    }

    pub(super) fn roots(&self) -> TrustedRoots {
        self.authority.roots()
    }
}
