//! Who is at the other end of a finished handshake.

use std::time::SystemTime;

use rustls_pki_types::CertificateDer;

use super::signer::{KeyPrint, key_print};
use super::{ClusterName, Member, MemberName, Refusal, Role};
use crate::certificate::Inspected;

/// Who is at the other end, and until when its word is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// Its cluster, which is ours.
    pub cluster: ClusterName,
    /// Its role, which is one that was asked for.
    pub role: Role,
    /// Its name.
    pub name: MemberName,
    /// When its certificate ends. A link has to be made anew before.
    pub not_after: SystemTime,
    pub(crate) key: KeyPrint,
}

impl PeerIdentity {
    /// Reads it out of what `peer_certificates` of a finished handshake says. The handshake must have been made with a
    /// configuration of [`super::Credentials`]: that has judged the certificate, this only reads it.
    ///
    /// # Errors
    /// The peer has shown none, as one that joins.
    pub fn of(shown: Option<&[CertificateDer<'_>]>) -> Result<Self, Refusal> {
        let leaf = shown.and_then(<[_]>::first).ok_or(Refusal::NoCertificate)?;
        Self::read(leaf)
    }

    pub(crate) fn read(leaf: &CertificateDer<'_>) -> Result<Self, Refusal> {
        let inspected = Inspected::parse(leaf).map_err(|reason| Refusal::BadCertificate { reason })?;
        let uris = inspected.uris();
        let member = Member::among(uris.iter().copied()).map_err(|reason| Refusal::NoIdentity { reason })?;
        let Member { cluster, role, name } = member;
        Ok(Self { cluster, role, name, not_after: inspected.not_after(), key: key_print(inspected.public_key()) })
    }

    /// The same without its end.
    pub fn member(&self) -> Member {
        Member { cluster: self.cluster.clone(), role: self.role, name: self.name.clone() }
    }
}
