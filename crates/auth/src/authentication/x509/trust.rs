//! Authorities and revocation lists, and the path from a certificate up to one of them.

use std::time::SystemTime;

use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, KeyUsage, OwnedCertRevocationList, RevocationOptionsBuilder,
    UnknownStatusPolicy, anchor_from_trusted_cert,
};

use super::names::Name;
use crate::authentication::pem::{self, PemError, PemFile};

/// Whose certificates are good, and which of them are not any more.
pub(super) struct Trust {
    pub certificates: Vec<CertificateDer<'static>>,
    pub lists: Vec<CertificateRevocationListDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    revoked: Vec<CertRevocationList<'static>>,
}

/// What is wrong with authorities or revocation lists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("certificate {position} of {files} cannot be an authority ({reason})")]
    Authority { files: String, position: usize, reason: String },
    #[error("a revocation list in {file} cannot be used ({reason})")]
    RevocationList { file: String, reason: String },
    #[error("the authorities and revocation lists cannot be used together: {0}")]
    Together(String),
}

impl Trust {
    /// Every certificate of every file of `authorities` is one; each file of `revocation_lists` holds one list or more.
    pub fn new(authorities: &[PemFile], revocation_lists: &[PemFile]) -> Result<Self, TrustError> {
        let certificates = pem::certificates(authorities)?;
        let mut anchors = Vec::new();
        for certificate in &certificates {
            let anchor = anchor_from_trusted_cert(certificate).map_err(|error| TrustError::Authority {
                files: authorities.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", "),
                position: anchors.len() + 1,
                reason: error.to_string(),
            })?;
            anchors.push(anchor.to_owned());
        }
        let (mut lists, mut revoked) = (Vec::new(), Vec::new());
        for file in revocation_lists {
            for list in pem::revocation_lists(file)? {
                let parsed = OwnedCertRevocationList::from_der(&list).map_err(|error| TrustError::RevocationList {
                    file: file.name.clone(),
                    reason: error.to_string(),
                })?;
                revoked.push(CertRevocationList::Owned(parsed));
                lists.push(list);
            }
        }
        Ok(Self { certificates, lists, anchors, revoked })
    }

    /// The subjects from a client's own certificate up to the authority, along the path that holds. A certificate whose
    /// authority publishes no list is not revoked; a list that should have been renewed still counts.
    pub fn path(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<Vec<Option<Name>>, String> {
        let (own, others) = chain.split_first().ok_or("there is no certificate")?;
        let own = EndEntityCert::try_from(own).map_err(|error| error.to_string())?;
        let lists: Vec<&CertRevocationList<'_>> = self.revoked.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists);
        let revocation = revocation.ok().map(|builder| builder.with_status_policy(UnknownStatusPolicy::Allow).build());
        let since = now.duration_since(SystemTime::UNIX_EPOCH).map_err(|error| error.to_string())?;
        let path = own
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &self.anchors,
                others,
                UnixTime::since_unix_epoch(since),
                KeyUsage::client_auth(),
                revocation,
                None,
            )
            .map_err(|error| error.to_string())?;
        let mut subjects = vec![Name::of_certificate(own.subject())];
        subjects
            .extend(path.intermediate_certificates().map(|certificate| Name::of_certificate(certificate.subject())));
        subjects.push(Name::of_certificate(&path.anchor().subject));
        Ok(subjects)
    }
}
