//! Judging a peer's certificate by the authorities that are trusted at present.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, Error, RootCertStore};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::member::{Member, excerpt};
use super::{InternalError, PeerIdentity, Refusal, TrustedRoots};
use crate::certificate::Inspected;

/// Which end of the handshake the judged one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// Trusted authorities, ready to judge by.
#[derive(Debug)]
pub(crate) struct Trust {
    roots: TrustedRoots,
    store: Arc<RootCertStore>,
    clients: Arc<dyn ClientCertVerifier>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// # Errors
    /// An entry of the list is no authority's certificate.
    pub(crate) fn new(roots: TrustedRoots, provider: &Arc<CryptoProvider>) -> Result<Self, InternalError> {
        let mut store = RootCertStore::empty();
        for certificate in roots.certificates() {
            let inspected = Inspected::parse(certificate);
            if !inspected.is_ok_and(|inspected| inspected.is_authority()) {
                return Err(InternalError::Roots { reason: "an entry is not an authority's certificate".to_owned() });
            }
            store.add(certificate.clone())?;
        }
        let store = Arc::new(store);
        let clients = WebPkiClientVerifier::builder_with_provider(store.clone(), provider.clone())
            .build()
            .map_err(|e| InternalError::Roots { reason: e.to_string() })?;
        Ok(Self { roots, store, clients, provider: provider.clone() })
    }

    pub(crate) fn roots(&self) -> &TrustedRoots {
        &self.roots
    }

    /// Whose certificate it is, if it is good at `at`. Cluster and role are not looked at.
    pub(crate) fn judge(
        &self,
        side: Side,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        at: UnixTime,
    ) -> Result<PeerIdentity, Refusal> {
        let verified = match side {
            Side::Server => ParsedCertificate::try_from(leaf).and_then(|parsed| {
                let algorithms = self.provider.signature_verification_algorithms.all;
                verify_server_cert_signed_by_trust_anchor(&parsed, &self.store, intermediates, at, algorithms)
            }),
            Side::Client => self.clients.verify_client_cert(leaf, intermediates, at).map(drop),
        };
        verified.map_err(|error| refusal(&error, leaf))?;
        let peer = PeerIdentity::read(leaf)?;
        self.check_issuer_lives(leaf, &peer, at)?;
        match self.roots.removed().iter().any(|removed| removed.key == peer.key) {
            true => Err(Refusal::Removed { member: peer.member() }),
            false => Ok(peer),
        }
    }

    /// The verifiers take the word of an authority for ever; its own certificate has an end as well, and nothing that it has
    /// issued may outlive that.
    fn check_issuer_lives(&self, leaf: &CertificateDer<'_>, peer: &PeerIdentity, at: UnixTime) -> Result<(), Refusal> {
        let at = UNIX_EPOCH + Duration::from_secs(at.as_secs());
        let leaf = Inspected::parse(leaf).map_err(|reason| Refusal::BadCertificate { reason })?;
        let lives = self.roots.certificates().iter().any(|root| {
            Inspected::parse(root).is_ok_and(|root| {
                leaf.names_as_issuer(&root) && root.not_after() > at && root.not_after() >= peer.not_after
            })
        });
        match lives {
            true => Ok(()),
            false => Err(Refusal::BadCertificate { reason: "its authority has ended".to_owned() }),
        }
    }
}

fn refusal(error: &Error, leaf: &CertificateDer<'_>) -> Refusal {
    let Ok(inspected) = Inspected::parse(leaf) else {
        return Refusal::BadCertificate { reason: "it is not an X.509 certificate".to_owned() };
    };
    match error {
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            Refusal::Expired { ended: inspected.not_after() }
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            Refusal::NotYetValid { begins: inspected.not_before() }
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            let claimed = match Member::among(inspected.uris().into_iter()) {
                Ok(member) => member.to_string(),
                Err(_) => excerpt(&inspected.subject()),
            };
            Refusal::ForeignAuthority { claimed }
        }
        other => Refusal::of(other),
    }
}

/// A moment as the TLS library has it.
pub(crate) fn unix(at: SystemTime) -> UnixTime {
    UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO))
}
