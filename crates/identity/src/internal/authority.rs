//! The internal authority of a cluster: issues to its processes, and is rotated with an overlap. One process holds it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

use super::join::{Proof, is_signed_by};
use super::retry::Retry;
use super::roots::{fingerprint, short};
use super::settings::LONGEST_TOKEN;
use super::signer::key_print;
use super::tokens::Tokens;
use super::{
    AuthoritySettings, ClusterName, InternalError, Issued, JoinRefusal, JoinRequest, JoinToken, Member, MemberName,
    PeerIdentity, Role, SigningRequest, TokenUse, TrustedRoots,
};
use crate::files;
use crate::issue::Validity;

mod issuer;
mod members;
mod removal;
mod rotation;
mod state;
mod status;

pub use members::{MemberStatus, Standing};
pub use status::{AuthorityPhase, AuthorityStatus};

use issuer::Issuing;
use members::{Grounds, Members};
use state::{Published, State};

/// Issues to the processes of one cluster. Its key is in the file `authority` of the folder, readable by its owner only.
///
/// A second process that opens the folder is refused as long as the first lives. What issues, rotates or notes down writes files:
/// not on a thread that serves clients. [`InternalAuthority::roots`] and [`InternalAuthority::status`] wait for nobody.
#[derive(Debug)]
pub struct InternalAuthority {
    provider: Arc<CryptoProvider>,
    cluster: ClusterName,
    folder: PathBuf,
    tokens: Tokens,
    members: Members,
    /// Replaced by whoever has the desk.
    published: ArcSwap<Published>,
    desk: Mutex<Retry>,
    counts: Counts,
    /// Unlocked when it goes.
    _lock: File,
}

#[derive(Debug, Default)]
struct Counts {
    issued: AtomicU64,
    refused: AtomicU64,
    failures: AtomicU64,
}

impl InternalAuthority {
    /// Takes the authority from `folder`, or makes one there.
    ///
    /// # Errors
    /// Settings out of range; another process holds it; files that cannot be read or written, are damaged, or belong to
    /// another cluster.
    pub fn open(
        folder: &Path,
        cluster: ClusterName,
        settings: AuthoritySettings,
        now: SystemTime,
    ) -> Result<Self, InternalError> {
        settings.check()?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        files::create_private_folder(folder)?;
        let lock = lock(&folder.join("authority.lock"))?;
        let tokens = Tokens::open(folder.join("tokens"))?;
        let file = folder.join("authority");
        let state = match files::read_secret(&file)? {
            Some(bytes) => State::read(&file, &bytes, &cluster)?,
            None => {
                let issuing = Issuing::make(&provider, &cluster, &settings, now)?;
                let roots = vec![issuing.certificate().clone()];
                let roots = TrustedRoots::sign(cluster.clone(), 1, (roots, Vec::new()), &[issuing.signer()])?;
                tracing::info!(path = %file.display(), %cluster, "made an internal certificate authority");
                State { roots, issuing, announced: None, outgoing: None }
            }
        };
        let authority = Self {
            members: Members::open(folder.join("members"), cluster.clone())?,
            provider,
            cluster,
            folder: folder.to_owned(),
            tokens,
            published: ArcSwap::from_pointee(Published { state, settings: settings.clone() }),
            desk: Mutex::new(Retry::default()),
            counts: Counts::default(),
            _lock: lock,
        };
        authority.set_settings(settings)?;
        Ok(authority)
    }

    /// The cluster it issues for.
    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// Other settings, from the next certificate on.
    ///
    /// # Errors
    /// They are out of range, or cannot be noted down.
    pub fn set_settings(&self, settings: AuthoritySettings) -> Result<(), InternalError> {
        settings.check()?;
        let _desk = self.desk();
        // How long the old one has to be trusted in a rotation depends on the longest that it ever issued.
        let mut state = self.published.load().state.clone();
        state.issuing.note_longest(settings.leaf_duration);
        if let Some(announced) = &mut state.announced {
            announced.issuing.note_longest(settings.leaf_duration);
        }
        self.put(state, settings)
    }

    /// Issues a certificate to the process that holds the authority, which is `member`.
    ///
    /// # Errors
    /// A member of another cluster, a request that its key has not signed, an authority that has ended.
    pub fn issue(&self, request: &SigningRequest, member: &Member, now: SystemTime) -> Result<Issued, InternalError> {
        self.counted(self.make(request, member, Grounds::Trust, now))
    }

    /// Issues the next certificate to a peer, as whom its link knows it.
    ///
    /// # Errors
    /// The peer was removed; as [`InternalAuthority::issue`].
    pub fn renew(
        &self,
        request: &SigningRequest,
        peer: &PeerIdentity,
        now: SystemTime,
    ) -> Result<Issued, InternalError> {
        self.counted(self.make(request, &peer.member(), Grounds::Key(peer.key), now))
    }

    fn counted(&self, issued: Result<Issued, InternalError>) -> Result<Issued, InternalError> {
        let count = if issued.is_ok() { &self.counts.issued } else { &self.counts.refused };
        count.fetch_add(1, Ordering::Relaxed);
        issued
    }

    fn make(
        &self,
        request: &SigningRequest,
        member: &Member,
        grounds: Grounds,
        now: SystemTime,
    ) -> Result<Issued, InternalError> {
        if member.cluster != self.cluster {
            let reason = format!("it is for cluster {}, this is the authority of {}", member.cluster, self.cluster);
            return Err(InternalError::Request { reason });
        }
        let key = request.public_key(&self.provider)?;
        // At the desk, so that nothing is issued by an authority that is being replaced, or to who is being removed.
        let _desk = self.desk();
        if matches!(grounds, Grounds::Key(_)) && self.members.is_removed(member.role, &member.name) {
            let reason = format!("{member} was removed; with a join token it may come in anew");
            return Err(InternalError::Request { reason });
        }
        let published = self.published.load();
        let issuing = &published.state.issuing;
        let validity = Validity::from(now, published.settings.leaf_duration, issuing.not_after());
        if validity.not_after <= now {
            return Err(InternalError::AuthorityEnded);
        }
        let leaf = issuing.leaf(&self.provider, &key, member, validity)?;
        let issued = Issued { chain: vec![leaf, issuing.certificate().clone()], roots: published.state.roots.clone() };
        self.members.note((member.role, &member.name), grounds, (key_print(&key), validity.not_after), now);
        Ok(issued)
    }

    /// Makes a token with which a process joins the cluster in `role`, until `lasts` from now have passed.
    ///
    /// # Errors
    /// It would be good for longer than [`super::LONGEST_TOKEN`]; there are too many; it cannot be noted down; the system gives no
    /// random numbers.
    pub fn token(
        &self,
        role: Role,
        uses: TokenUse,
        lasts: Duration,
        now: SystemTime,
    ) -> Result<JoinToken, InternalError> {
        if lasts.is_zero() || lasts > LONGEST_TOKEN {
            let expected = format!("longer than nothing, and {} seconds at most", LONGEST_TOKEN.as_secs());
            return Err(InternalError::Setting { setting: "the duration of a join token", value: lasts, expected });
        }
        let authorities = self.published.load().state.roots.certificates().iter().map(fingerprint).collect();
        let token = JoinToken::make(&self.provider, (self.cluster.clone(), role), authorities, now + lasts)?;
        self.tokens.put(&token, uses, now)?;
        Ok(token)
    }

    /// Gives a certificate to who proves, on the connection of that `binding`, that it holds a token or the key of a certificate
    /// that has ended.
    ///
    /// # Errors
    /// A [`JoinRefusal`] for the joiner; what lies behind it is logged here.
    pub fn admit(&self, request: &JoinRequest, binding: &[u8; 32], now: SystemTime) -> Result<Issued, JoinRefusal> {
        let admitted = match &request.proof {
            Proof::Token { id, tag } => self.admit_new(request, (id, tag), binding, now),
            Proof::Key { role, key, signature } => {
                let member = self.member(*role, &request.name);
                self.admit_again(request, &member, (key, signature), (binding, now))
            }
        };
        match &admitted {
            Ok(_) => self.counts.issued.fetch_add(1, Ordering::Relaxed),
            Err(refusal) => {
                tracing::warn!(name = %request.name, reason = %refusal, "a process may not join the cluster");
                self.counts.refused.fetch_add(1, Ordering::Relaxed)
            }
        };
        admitted
    }

    fn admit_new(
        &self,
        request: &JoinRequest,
        proof: (&[u8; 16], &[u8; 32]),
        binding: &[u8; 32],
        now: SystemTime,
    ) -> Result<Issued, JoinRefusal> {
        let permitted = self.tokens.check(request, proof, binding, now)?;
        let member = self.member(permitted.role, &request.name);
        // A request that cannot be granted leaves the token good.
        let key = request.request.public_key(&self.provider).map_err(|error| not_issued(&member, &error))?;
        self.tokens.use_up(&permitted, &key_print(&key))?;
        let issued = self.make(&request.request, &member, Grounds::Trust, now);
        let issued = issued.map_err(|error| not_issued(&member, &error))?;
        tracing::info!(%member, "a process joined the cluster");
        Ok(issued)
    }

    fn admit_again(
        &self,
        request: &JoinRequest,
        member: &Member,
        (key, signature): (&[u8], &[u8]),
        (binding, now): (&[u8; 32], SystemTime),
    ) -> Result<Issued, JoinRefusal> {
        let print = key_print(key);
        // Looked up first: strangers do not have signatures checked.
        let is_known = self.members.knows(member.role, &member.name, &print, now);
        if !is_known || !is_signed_by(key, signature, member, (&request.request, binding)) {
            return Err(JoinRefusal::Stale);
        }
        let issued = self.make(&request.request, member, Grounds::Key(print), now);
        let issued = issued.map_err(|error| not_issued(member, &error))?;
        tracing::info!(%member, "a process whose certificate had ended came back");
        Ok(issued)
    }

    fn member(&self, role: Role, name: &MemberName) -> Member {
        Member { cluster: self.cluster.clone(), role, name: name.clone() }
    }

    /// Whom the cluster trusts at present.
    pub fn roots(&self) -> TrustedRoots {
        self.published.load().state.roots.clone()
    }

    /// To whom it issued, in the order of their names; those whose last certificate ended long ago are forgotten.
    pub fn members(&self) -> Vec<MemberStatus> {
        self.members.status()
    }

    /// How it is.
    pub fn status(&self) -> AuthorityStatus {
        let published = self.published.load();
        let issuing = &published.state.issuing;
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        AuthorityStatus {
            fingerprint: short(&fingerprint(issuing.certificate())),
            not_after: issuing.not_after(),
            phase: published.phase(),
            generation: published.state.roots.generation(),
            issued: count(&self.counts.issued),
            refused: count(&self.counts.refused),
            failures: count(&self.counts.failures),
        }
    }

    fn desk(&self) -> MutexGuard<'_, Retry> {
        // Each change is whole before the next thing that could panic.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_issued(member: &Member, error: &InternalError) -> JoinRefusal {
    tracing::warn!(%member, %error, "could not issue a certificate to a process that joins");
    JoinRefusal::NotIssued
}

fn lock(path: &Path) -> Result<File, InternalError> {
    let lock = files::open_lock(path)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(_) => Err(InternalError::InUse { path: path.to_owned() }),
    }
}
