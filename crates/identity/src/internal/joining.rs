//! The joiner's side: it knows its authority by a token, or from when it was a member, and comes out with credentials.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

use super::credentials::{Stored, next_key};
use super::tls;
use super::trust::Trust;
use super::verifier::{Authorities, Expected, PeerVerifier};
use super::{
    Clock, Credentials, InternalError, InternalSettings, Issued, JoinRefusal, JoinRequest, JoinToken, Member,
    MemberName, PeerIdentity, PendingCertificate, TrustedRoots,
};
use crate::key::PrivateKey;

/// A process on its way into a cluster, for the first time or again. The key for its certificate is made; what is left is one
/// question and one answer.
///
/// A value to keep until it has succeeded: a token that is good once stays good for the key that it was used with, so an answer
/// that got lost is given again to the same value, and to no other. Nor is a long key made again for each attempt.
#[derive(Debug)]
pub struct Joining {
    warrant: Warrant,
    member: Member,
    settings: InternalSettings,
    clock: Clock,
    pending: PendingCertificate,
    provider: Arc<CryptoProvider>,
}

/// Why it should be let in, and by whom.
#[derive(Debug)]
enum Warrant {
    /// By the authority that the token pins.
    Token(JoinToken),
    /// By an authority that it trusted when it was a member; its key is known there.
    Membership { key: Arc<PrivateKey>, roots: TrustedRoots },
}

impl Joining {
    /// The first time. Makes the key; an RSA key takes its time.
    ///
    /// # Errors
    /// The token has ended by `clock`; the system gives no random numbers.
    pub fn begin(
        token: JoinToken,
        name: MemberName,
        settings: InternalSettings,
        clock: Clock,
    ) -> Result<Self, InternalError> {
        if token.not_after() <= clock.now() {
            return Err(JoinRefusal::Ended.into());
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pending = PendingCertificate::make(settings.algorithm, &provider)?;
        let member = Member { cluster: token.cluster().clone(), role: token.role(), name };
        Ok(Self { warrant: Warrant::Token(token), member, settings, clock, pending, provider })
    }

    /// Again, for a process that was away until its certificate had ended: the authority knows the key in `file`
    /// ([`super::RETURN_WITHIN`]). `None` where there is no such file, or it is not this member's: a token is needed then, as it is
    /// where the answer is [`JoinRefusal::Stale`], or where the authority was replaced meanwhile
    /// ([`Refusal::ForeignAuthority`] at this side of the handshake).
    ///
    /// # Errors
    /// The file cannot be read, or holds something else; the system gives no random numbers.
    pub fn again(
        file: &Path,
        member: Member,
        settings: InternalSettings,
        clock: Clock,
    ) -> Result<Option<Self>, InternalError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let Some(Stored { key, issued }) = Stored::read(file, &provider)? else {
            return Ok(None);
        };
        let leaf = issued.chain.first().filter(|leaf| key.fits(leaf));
        let is_ours = leaf.is_some_and(|leaf| PeerIdentity::read(leaf).is_ok_and(|peer| peer.member() == member));
        if !is_ours || *issued.roots.cluster() != member.cluster {
            return Ok(None);
        }
        let pending = next_key(&key, &settings, &provider)?;
        let warrant = Warrant::Membership { key, roots: issued.roots };
        Ok(Some(Self { warrant, member, settings, clock, pending, provider }))
    }

    /// Who the process will be.
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// How to dial the process that holds the authority: with no certificate, accepting none but a backend's or an operator's
    /// under the authority that the token pins, or that was trusted before.
    ///
    /// # Errors
    /// The TLS library does not do what links need; a list of trusted authorities from before is damaged.
    pub fn client(&self) -> Result<Arc<ClientConfig>, InternalError> {
        let expected = Expected::authority_of(&self.member.cluster);
        let authorities = match &self.warrant {
            Warrant::Token(token) => Authorities::PinnedBy(token.clone()),
            Warrant::Membership { roots, .. } => {
                Authorities::Trusted(Arc::new(ArcSwap::from_pointee(Trust::new(roots.clone(), &self.provider)?)))
            }
        };
        tls::joiner(PeerVerifier::new(authorities, expected, &self.provider), &self.provider, &self.clock)
    }

    /// What to send over the connection with that `binding` ([`super::binding`]); worth nothing on any other.
    ///
    /// # Errors
    /// The key that was kept is of a kind that internal certificates do not have.
    pub fn request(&self, binding: &[u8; 32]) -> Result<JoinRequest, InternalError> {
        let request = self.pending.request().clone();
        match &self.warrant {
            Warrant::Token(token) => Ok(JoinRequest::by_token(token, self.member.name.clone(), request, binding)),
            Warrant::Membership { key, .. } => JoinRequest::by_key(key, &self.member, request, binding),
        }
    }

    /// Checks the answer, stores it in `file`, and makes credentials of it.
    ///
    /// # Errors
    /// The list of trusted authorities is not signed by the one that the token pins, or by one that was trusted before; peers
    /// would refuse the certificate; the file cannot be written.
    pub fn finish(&self, issued: Issued, file: &Path) -> Result<Credentials, InternalError> {
        let wrong = |reason: String| InternalError::Roots { reason };
        match &self.warrant {
            Warrant::Token(token) => {
                let pinned = issued.chain.iter().find(|link| token.pins(link)).cloned();
                let pinned = pinned.ok_or_else(|| {
                    wrong("the answer comes from another authority than the one of the join token".to_owned())
                })?;
                issued.roots.check_signed_by(&[pinned])?;
            }
            Warrant::Membership { roots, .. } => {
                issued.roots.check_signed_by(roots.certificates())?;
                if issued.roots.generation() < roots.generation() {
                    return Err(wrong("it is older than the one from before".to_owned()));
                }
            }
        }
        if *issued.roots.cluster() != self.member.cluster {
            return Err(wrong(format!("it is that of cluster {}", issued.roots.cluster())));
        }
        let terms = (self.member.clone(), self.settings.clone(), self.clock.clone());
        Credentials::establish(file, self.pending.clone(), issued, terms)
    }
}
