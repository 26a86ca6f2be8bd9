//! Which link a connection belongs to that somebody made to the internal port.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use config::ClusterPlan;
use link::wire::{Answer, Arrival, Deadlines, Link, Peer, Phase, Refusal, Settings};

use super::link_threads::LinkThreads;
use super::links::{End, Links};

/// Links that may be there at a time: frontends with their workers, and other backends.
const MOST_LINKS: usize = 8192;
/// Links of one frontend: as many workers as a process may have.
const MOST_NUMBERS: u32 = 1024;

/// At whose end a link begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    Frontend { ordinal: u16, worker: u16 },
    Backend { ordinal: u16 },
}

/// Takes a link before there is a session on it. It belongs to one caller, who has another only when this one was ended.
pub(crate) type Attend = Box<dyn Fn(Caller, &Link) + Send + Sync>;

/// What it is made of.
pub(crate) struct SwitchboardParts {
    pub(crate) us: Peer,
    pub(crate) plan: ClusterPlan,
    /// Answers questions of peers.
    pub(crate) answer: Option<Arc<dyn Answer>>,
    pub(crate) links: Links,
    pub(crate) threads: LinkThreads,
    pub(crate) attend: Attend,
}

/// Finds the link of a peer, or makes it.
pub(crate) struct Switchboard {
    parts: SwitchboardParts,
    known: Mutex<BTreeMap<Caller, Link>>,
}

impl Switchboard {
    pub(crate) fn new(parts: SwitchboardParts) -> Self {
        Self { parts, known: Mutex::default() }
    }

    /// What this process says of itself.
    pub(super) fn us(&self) -> &Peer {
        &self.parts.us
    }

    /// Hands a connection to the link that it belongs to. What is not wanted comes back.
    pub(super) fn connect(&self, arrival: Arrival) -> Result<(), Box<(Arrival, Refusal)>> {
        match self.link_of(arrival.peer(), arrival.link()) {
            Ok(link) => link.attach(arrival),
            Err(refusal) => Err(Box::new((arrival, refusal))),
        }
    }

    fn link_of(&self, peer: &Peer, number: u32) -> Result<Link, Refusal> {
        let caller = caller(&self.parts.plan, peer, number)?;
        // Nothing panics while it is held, and a link is made once.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was cut is made anew for who may come back.
        let is_there = |link: &&Link| link.status().borrow().phase != Phase::Stopped;
        if let Some(link) = known.get(&caller).filter(is_there) {
            return Ok(link.clone());
        }
        if known.len() >= MOST_LINKS {
            return Err(Refusal::Other(format!("this backend has {MOST_LINKS} links already").into()));
        }
        let link = self.make(caller, peer, number);
        known.insert(caller, link.clone());
        Ok(link)
    }

    fn make(&self, caller: Caller, peer: &Peer, number: u32) -> Link {
        let SwitchboardParts { us, answer, links, threads, attend, .. } = &self.parts;
        let (link, driver) = Link::accepting(Settings {
            us: us.clone(),
            peer_role: peer.role.clone(),
            // Two processes of one ordinal are told apart by their names.
            peer_name: Some(peer.name.clone()),
            number,
            deadlines: Deadlines::default(),
            answer: answer.clone(),
        });
        attend(caller, &link);
        threads.spawn(caller.number(), driver.run());
        links.add(End::Accepting, (caller.role(), &peer.name), number, link.clone());
        link
    }
}

impl Caller {
    fn role(self) -> &'static str {
        match self {
            Self::Frontend { .. } => "frontend",
            Self::Backend { .. } => "backend",
        }
    }

    /// By which links are spread over threads: those of one frontend, and the same ones of many.
    fn number(self) -> usize {
        match self {
            Self::Frontend { ordinal, worker } => usize::from(ordinal) + usize::from(worker),
            Self::Backend { ordinal } => usize::from(ordinal),
        }
    }
}

/// Who that is in this cluster.
fn caller(plan: &ClusterPlan, peer: &Peer, number: u32) -> Result<Caller, Refusal> {
    let other = |reason: String| Err(Refusal::Other(reason.into()));
    match &*peer.role {
        "frontend" => {
            let Some(ordinal) = ordinal(&peer.name) else {
                return other(format!(
                    "the name of a frontend ends in its number, as frontend-0; this is {}",
                    peer.name
                ));
            };
            match u16::try_from(number) {
                Ok(worker) if number < MOST_NUMBERS => Ok(Caller::Frontend { ordinal, worker }),
                _ => other(format!("a frontend has up to {MOST_NUMBERS} links, this is number {number}")),
            }
        }
        "backend" => {
            let Some(at) = plan.backends.iter().position(|backend| *backend.name == *peer.name) else {
                return other(format!("{} is not among the backends that --backends names here", peer.name));
            };
            match u16::try_from(at) {
                Ok(ordinal) if ordinal > plan.us.ordinal => Ok(Caller::Backend { ordinal }),
                _ => other(format!("of two backends the later dials: {} dials {}", plan.us.name, peer.name)),
            }
        }
        _ => Err(Refusal::Role { expected: "frontend or backend".into(), theirs: peer.role.clone() }),
    }
}

/// The number at the end of a name.
fn ordinal(name: &str) -> Option<u16> {
    let (_, digits) = name.rsplit_once('-')?;
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    is_plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use config::{BackendAddress, ClusterMember, ClusterPlan, ClusterRole};
    use link::wire::{Incarnation, Peer};

    use super::{Caller, caller, ordinal};

    fn plan(us: u16) -> ClusterPlan {
        let backend =
            |n: u16| BackendAddress { name: format!("backend-{n}"), host: "localhost".to_owned(), port: 7883 };
        ClusterPlan {
            name: "default".to_owned(),
            us: ClusterMember { role: ClusterRole::Backend, name: format!("backend-{us}"), ordinal: us },
            internal: None,
            backends: (0..3).map(backend).collect(),
            redundancy_factor: 1,
            join_token_file: None::<PathBuf>,
        }
    }

    fn peer(role: &str, name: &str) -> Peer {
        Peer {
            cluster: "default".into(),
            role: role.into(),
            name: name.into(),
            software: "".into(),
            incarnation: Incarnation(1),
        }
    }

    #[test]
    fn callers_are_known_by_role_name_and_number() {
        let of = |role, name, number| caller(&plan(1), &peer(role, name), number);
        assert_eq!(of("frontend", "edge-7", 2), Ok(Caller::Frontend { ordinal: 7, worker: 2 }));
        assert_eq!(of("backend", "backend-2", 0), Ok(Caller::Backend { ordinal: 2 }));
    }

    #[test]
    fn others_are_told_why_not() {
        let of = |role, name, number| caller(&plan(1), &peer(role, name), number).unwrap_err().to_string();
        assert!(of("frontend", "frontend", 0).starts_with("the name of a frontend ends in its number"));
        assert_eq!(of("frontend", "frontend-0", 1024), "a frontend has up to 1024 links, this is number 1024");
        assert_eq!(of("backend", "backend-7", 0), "backend-7 is not among the backends that --backends names here");
        assert_eq!(of("backend", "backend-0", 0), "of two backends the later dials: backend-1 dials backend-0");
        assert!(of("bridge", "bridge-0", 0).contains("\"frontend or backend\" is expected"));
    }

    #[test]
    fn a_name_has_one_number() {
        assert_eq!((ordinal("a-0"), ordinal("a-b-12"), ordinal("a-65535")), (Some(0), Some(12), Some(65535)));
        for name in ["a", "a-", "a-01", "a-65536", "a-+1", "-x"] {
            assert_eq!(ordinal(name), None, "{name}");
        }
    }
}
