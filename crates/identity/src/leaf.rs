//! A listener's certificate with its key, and when it begins and ends.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

use crate::certificate::Inspected;
use crate::key::PrivateKey;
use crate::{IdentityError, authority::Authority, automatic::AutomaticSettings};

/// A certificate issued by the authority here, and its key.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) key: Arc<PrivateKey>,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
}

impl Leaf {
    pub(crate) fn new(key: Arc<PrivateKey>, certificate: CertificateDer<'static>) -> Result<Self, rustls::Error> {
        let (not_before, not_after) = match Inspected::parse(&certificate) {
            Ok(inspected) => (inspected.not_before(), inspected.not_after()),
            Err(reason) => return Err(rustls::Error::General(reason)),
        };
        Ok(Self { key, certificate, not_before, not_after })
    }

    /// Issues a certificate for `key`.
    pub(crate) fn issue(
        authority: &Authority,
        settings: &AutomaticSettings,
        key: Arc<PrivateKey>,
        now: SystemTime,
    ) -> Result<Self, IdentityError> {
        let certificate = authority.issue(&key, &settings.names, settings.duration, now)?;
        Ok(Self::new(key, certificate)?)
    }

    /// As rustls shows it. The authority's own certificate is not part of it: who trusts it has it.
    pub(crate) fn certified(&self) -> CertifiedKey {
        self.key.certified(vec![self.certificate.clone()])
    }

    /// When the certificate is to be renewed; `None` if a new one would end no later, because the authority ends.
    pub(crate) fn due(&self, settings: &AutomaticSettings, authority: &Authority) -> Option<SystemTime> {
        if self.not_after >= authority.not_after() {
            return None;
        }
        self.not_after.checked_sub(settings.renew_before)
    }
}
