//! A certificate in use with its key and the list of authorities it came with: checked before it is used, kept in one file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::super::record::{Reader, Writer};
use super::super::trust::{Side, Trust, unix};
use super::super::{InternalError, InternalSettings, Issued, Member, PendingCertificate};
use crate::KeyRotation;
use crate::certificate::Inspected;
use crate::files::{self, KEY_MODE};
use crate::issue::CLOCK_SKEW;
use crate::key::PrivateKey;

const VERSION: u8 = 1;

/// The certificate in use.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) key: Arc<PrivateKey>,
    pub(crate) issued: Issued,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
}

impl Held {
    /// What peers would say, on either side of a handshake.
    pub(crate) fn check(
        key: Arc<PrivateKey>,
        issued: Issued,
        member: &Member,
        trust: &Trust,
        now: SystemTime,
    ) -> Result<Self, InternalError> {
        let unusable = |reason: &str| InternalError::Unusable { reason: reason.to_owned() };
        let (leaf, above) = issued.chain.split_first().ok_or_else(|| unusable("there is none"))?;
        if !key.fits(leaf) {
            return Err(unusable("it belongs to another key"));
        }
        for side in [Side::Server, Side::Client] {
            let peer = trust.judge(side, leaf, above, unix(now))?;
            if peer.member() != *member {
                return Err(InternalError::Unusable { reason: format!("it is made out to {}", peer.member()) });
            }
        }
        let inspected = Inspected::parse(leaf).map_err(|reason| InternalError::Unusable { reason })?;
        let (not_before, not_after) = (inspected.not_before(), inspected.not_after());
        Ok(Self { key, issued, not_before, not_after })
    }

    pub(crate) fn certified(&self) -> CertifiedKey {
        self.key.certified(self.issued.chain.clone())
    }

    /// Key, chain and roots in one file, so that there is no half of it after a crash.
    pub(crate) fn store(&self, file: &Path) -> Result<(), InternalError> {
        let mut record = Writer::new(VERSION);
        record.bytes(self.key.to_der());
        record.bytes(&self.issued.to_bytes());
        Ok(files::replace(file, &record.finish(), KEY_MODE)?)
    }

    /// How long before its end it is renewed: as the settings say, but one that the authority made shorter than that must not be
    /// due from its first moment on.
    pub(crate) fn renew_before(&self, settings: &InternalSettings) -> Duration {
        let lasts = self.not_after.duration_since(self.not_before).unwrap_or_default().saturating_sub(CLOCK_SKEW);
        if settings.renew_before < lasts { settings.renew_before } else { lasts / 2 }
    }
}

/// What a file of [`Held`] says, whether it is good or not.
pub(crate) struct Stored {
    pub(crate) key: Arc<PrivateKey>,
    pub(crate) issued: Issued,
}

impl Stored {
    /// `None` where there is no such file.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub(crate) fn read(file: &Path, provider: &CryptoProvider) -> Result<Option<Self>, InternalError> {
        let Some(bytes) = files::read_secret(file)? else {
            return Ok(None);
        };
        let remedy = "delete it and let the process join the cluster anew";
        let damaged =
            |e: InternalError| InternalError::Damaged { path: file.to_owned(), reason: e.to_string(), remedy };
        Self::parse(&bytes, provider).map(Some).map_err(damaged)
    }

    fn parse(bytes: &[u8], provider: &CryptoProvider) -> Result<Self, InternalError> {
        let mut record = Reader::new("an internal certificate with its key", bytes, VERSION)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(record.bytes()?.to_vec()));
        let issued = Issued::from_bytes(record.bytes()?)?;
        record.finish()?;
        Ok(Self { key: Arc::new(PrivateKey::new(key, provider)?), issued })
    }
}

/// The key for the next certificate, the present one or a new one by `rotationPolicy`, and the request.
pub(crate) fn next_key(
    present: &Arc<PrivateKey>,
    settings: &InternalSettings,
    provider: &CryptoProvider,
) -> Result<PendingCertificate, InternalError> {
    let is_fitting = present.kind().is_some_and(|kind| kind.is(settings.algorithm));
    match settings.rotation {
        KeyRotation::Never if is_fitting => PendingCertificate::with(present.clone()),
        _ => PendingCertificate::make(settings.algorithm, provider),
    }
}
