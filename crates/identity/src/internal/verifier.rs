//! What rustls asks about a peer's certificate, on both sides of a link.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::trust::{Side, Trust};
use super::{ClusterName, InternalError, JoinToken, MemberName, PeerIdentity, Refusal, Role, Roles, TrustedRoots};

/// Who may be at the other end.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) cluster: ClusterName,
    pub(crate) roles: Roles,
    /// `None`: any member with such a role.
    pub(crate) name: Option<MemberName>,
}

impl Expected {
    /// Whoever may hold the authority.
    pub(crate) fn authority_of(cluster: &ClusterName) -> Self {
        Self { cluster: cluster.clone(), roles: Roles::only(Role::Backend).and(Role::Operator), name: None }
    }

    pub(crate) fn check(&self, peer: PeerIdentity) -> Result<(), Refusal> {
        if peer.cluster != self.cluster {
            return Err(Refusal::WrongCluster { expected: self.cluster.clone(), found: peer.cluster });
        }
        if !self.roles.contain(peer.role) {
            return Err(Refusal::WrongRole { expected: self.roles.clone(), found: peer.role });
        }
        match &self.name {
            Some(name) if *name != peer.name => Err(Refusal::WrongName { expected: name.clone(), found: peer.name }),
            _ => Ok(()),
        }
    }
}

/// Under whose word a peer is who it says.
#[derive(Debug)]
pub(crate) enum Authorities {
    /// Those that are trusted at that moment.
    Trusted(Arc<ArcSwap<Trust>>),
    /// The one that the token names, wherever it stands in what the peer shows.
    PinnedBy(JoinToken),
}

/// Lets in who belongs to the cluster and has one of the roles, by the word of an authority.
#[derive(Debug)]
pub(crate) struct PeerVerifier {
    pub(crate) authorities: Authorities,
    pub(crate) expected: Expected,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl PeerVerifier {
    pub(crate) fn new(authorities: Authorities, expected: Expected, provider: &Arc<CryptoProvider>) -> Arc<Self> {
        Arc::new(Self { authorities, expected, provider: provider.clone() })
    }

    fn judge(
        &self,
        side: Side,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let peer = match &self.authorities {
            Authorities::Trusted(trust) => trust.load().judge(side, leaf, intermediates, now)?,
            Authorities::PinnedBy(token) => self.pinned(token, intermediates)?.judge(side, leaf, intermediates, now)?,
        };
        self.expected.check(peer)
    }

    fn pinned(&self, token: &JoinToken, shown: &[CertificateDer<'_>]) -> Result<Trust, Refusal> {
        let bad = |e: InternalError| Refusal::BadCertificate { reason: e.to_string() };
        let Some(authority) = shown.iter().find(|link| token.pins(link)) else {
            let claimed =
                "of another authority than the join token; if the authority was rotated since, make a new token";
            return Err(Refusal::ForeignAuthority { claimed: claimed.to_owned() });
        };
        let roots = vec![authority.clone().into_owned()];
        let roots = TrustedRoots::sign(self.expected.cluster.clone(), 0, (roots, Vec::new()), &[]).map_err(bad)?;
        Trust::new(roots, &self.provider).map_err(bad)
    }

    fn verify_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        // Addresses say nothing: a process is known by its role and cluster.
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(Side::Server, leaf, intermediates, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // A process has one certificate: there is nothing to choose by hints.
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(Side::Client, leaf, intermediates, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}
