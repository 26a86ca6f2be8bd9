//! The internal authority of a site, in its first backend, and the files of all processes' certificates.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use identity::internal::{
    AuthoritySettings, Clock, ClusterName, Credentials, InternalAuthority, InternalError, InternalSettings,
    JoinRequest, Joining, Member, MemberName, PeerIdentity, Role, SigningRequest,
};
use identity::{KeyAlgorithm, KeyRotation};
use link::wire::{Answer, Answering, Asker, Proof};
use tokio::runtime::Builder;

use super::network::{Network, Place};
use super::protection::ask_authority;
use super::wishes::{Encryption, Wishes};

/// The backend that holds the authority.
pub const HOLDER: u16 = 0;

pub const CLUSTER: &str = "site";

/// What a question over a link begins with.
pub const RENEW: u8 = 1;
pub const ROOTS: u8 = 2;
/// What its answer begins with, if it is granted.
pub const GRANTED: u8 = 0;
const REFUSED: u8 = 1;

/// How certificates are to be, where there are any. Ed25519: every signature has the same length.
pub fn settings(wishes: &Wishes) -> Option<InternalSettings> {
    let Encryption::Mutual { certificates_last: duration } = wishes.encryption else { return None };
    let renew_before = (duration / 2).min(Duration::from_secs(3600));
    Some(InternalSettings { duration, renew_before, algorithm: KeyAlgorithm::Ed25519, rotation: KeyRotation::Always })
}

fn cluster() -> Result<ClusterName, InternalError> {
    ClusterName::new(CLUSTER)
}

pub fn member(place: Place) -> Result<Member, InternalError> {
    let role = if matches!(place, Place::Frontend(_)) { Role::Frontend } else { Role::Backend };
    Ok(Member { cluster: cluster()?, role, name: MemberName::new(&place.to_string())? })
}

/// Of a process whose folder that is.
pub fn file(folder: &Path) -> PathBuf {
    folder.join("tls/certificate")
}

fn authority(folder: &Path, settings: &InternalSettings) -> Result<InternalAuthority, InternalError> {
    let of_leaves = AuthoritySettings::for_leaves(settings);
    InternalAuthority::open(&folder.join("authority"), cluster()?, of_leaves, SystemTime::now())
}

/// Gives every process its first certificate, as an operator with tokens would.
///
/// # Errors
/// Files cannot be written.
pub fn equip(holder: &Path, members: &[(Place, PathBuf)], settings: &InternalSettings) -> Result<(), InternalError> {
    let authority = authority(holder, settings)?;
    for (place, folder) in members {
        let (member, pending) = (member(*place)?, Credentials::first_request(settings)?);
        let issued = authority.issue(pending.request(), &member, SystemTime::now())?;
        Credentials::establish(&file(folder), pending, issued, (member, settings.clone(), Clock::system()))?;
    }
    Ok(())
}

/// The certificate that a process has, or another where that has ended while the process was away.
///
/// # Errors
/// Its file cannot be read or written; the authority gives none.
pub fn admission(
    (network, place): (&Network, Place),
    folder: &Path,
    settings: &InternalSettings,
    desk: Option<&Desk>,
) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
    let (file, member, clock) = (file(folder), member(place)?, Clock::system());
    let kept = Credentials::open(&file, member.clone(), settings.clone(), clock.clone())?;
    let Some(desk) = desk else {
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let joining = Joining::again(&file, member, settings.clone(), clock)?.ok_or("there is no key of before")?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let request = |bound: &[u8; 32]| joining.request(bound);
        let issued = runtime.block_on(ask_authority((network, place), joining.client(), request))?;
        return Ok(joining.finish(issued, &file)?);
    };
    let now = SystemTime::now();
    match kept {
        Some(kept) if kept.adopt_roots(&desk.authority.roots(), now).is_ok() => Ok(kept),
        _ => {
            let pending = Credentials::first_request(settings)?;
            let issued = desk.authority.issue(pending.request(), &member, now)?;
            Ok(Credentials::establish(&file, pending, issued, (member, settings.clone(), clock))?)
        }
    }
}

/// Role and name of a process.
type Who = (Box<str>, Box<str>);

/// The authority at work.
pub struct Desk {
    authority: InternalAuthority,
    /// Whom links were made with.
    seen: Mutex<BTreeMap<Who, PeerIdentity>>,
}

impl Desk {
    /// # Errors
    /// Files cannot be read or written.
    pub fn open(folder: &Path, settings: &InternalSettings) -> Result<Self, InternalError> {
        Ok(Self { authority: authority(folder, settings)?, seen: Mutex::default() })
    }

    pub fn authority(&self) -> &InternalAuthority {
        &self.authority
    }

    /// A handshake has shown who this is.
    pub fn note(&self, peer: PeerIdentity) {
        let who = (peer.role.as_str().into(), peer.name.as_str().into());
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(who, peer);
    }

    /// Answers somebody whose certificate has ended.
    pub fn admit(&self, question: &[u8], binding: &[u8; 32]) -> Vec<u8> {
        let request = JoinRequest::from_bytes(question);
        let admitted = request.ok().and_then(|request| self.authority.admit(&request, binding, SystemTime::now()).ok());
        admitted.map(|issued| issued.to_bytes()).unwrap_or_default()
    }

    fn serve(&self, asker: &Asker, question: &[u8]) -> Option<Vec<u8>> {
        let (kind, rest) = question.split_first()?;
        match *kind {
            RENEW => {
                let Proof::Certificate { role, name, .. } = &asker.proof else { return None };
                let who = (role.clone(), name.clone());
                let peer = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&who).cloned()?;
                let request = SigningRequest::from_der(rest.to_vec());
                self.authority.renew(&request, &peer, SystemTime::now()).ok().map(|issued| issued.to_bytes())
            }
            ROOTS => {
                let have = u64::from_le_bytes(rest.try_into().ok()?);
                let roots = self.authority.roots();
                (roots.generation() > have).then(|| roots.to_bytes())
            }
            _ => None,
        }
    }
}

/// Answers the questions of links.
pub struct Counter(pub Arc<Desk>);

impl Answer for Counter {
    fn answer(&self, asker: Asker, question: Bytes) -> Answering {
        let desk = Arc::clone(&self.0);
        Box::pin(async move {
            let (kind, content) = match desk.serve(&asker, &question) {
                Some(content) => (GRANTED, content),
                None => (REFUSED, Vec::new()),
            };
            [&[kind], &content[..]].concat().into()
        })
    }
}
