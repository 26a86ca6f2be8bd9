//! The certificate authority of this machine: made where it is missing, checked where it is there, asked for leaves.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{Issuer, KeyPair};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificate::{Inspected, written};
use crate::files::{self, CERTIFICATE_MODE, KEY_MODE, PairPaths};
use crate::issue::{self, Validity};
use crate::key::PrivateKey;
use crate::verdict::{Judge, Verdict};
use crate::{IdentityError, ServerNames, pem};

mod pair;

pub use pair::AuthorityPair;

/// A certificate authority for one machine, or for all frontends of a cluster: `ca.crt` and `ca.key` of the certificate folder.
#[derive(Debug)]
pub struct Authority {
    provider: Arc<CryptoProvider>,
    folder: PathBuf,
    pair: PairPaths,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    judge: Judge,
    not_after: SystemTime,
}

impl Authority {
    /// Takes the authority from `folder`, and makes what is missing there.
    ///
    /// # Errors
    /// Files that cannot be read or written, that do not hold what their name says, or that do not belong together. An
    /// authority whose time is over is found when it is asked for a certificate: manual ones go on without it.
    pub fn open(folder: &Path, now: SystemTime) -> Result<Self, IdentityError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pair = pair_paths(folder);
        files::create_folder(folder)?;
        let (key, certificate) = open_pair(&provider, &pair, now)?;
        let judge = Judge::new(&provider, &certificate)?;
        let not_after = Inspected::parse(&certificate).map_err(|e| pair.corrupt_certificate(e))?.not_after();
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self { provider, folder: folder.to_owned(), pair, certificate, issuer, judge, not_after })
    }

    /// The file with the certificate that clients have to trust.
    pub fn ca_certificate(&self) -> &Path {
        &self.pair.certificate
    }

    /// A certificate such as an authority of this machine has, in PEM form: for checking settings where there is none yet.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn example(now: SystemTime) -> Result<String, IdentityError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        Ok(issue::authority_certificate(&aws_lc_rs::default_provider(), &key, now)?.pem())
    }

    pub(crate) fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    /// Where the folders of the listeners' certificates are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(crate) fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// What a client that trusts this authority would say of `leaf`.
    pub(crate) fn verdict(&self, leaf: &CertificateDer<'_>, names: &ServerNames, at: SystemTime) -> Verdict {
        self.judge.verdict(leaf, names, at)
    }

    /// Issues a certificate that is known to be good, for `duration` or until the authority ends, whichever is earlier.
    pub(crate) fn issue(
        &self,
        key: &PrivateKey,
        names: &ServerNames,
        duration: Duration,
        now: SystemTime,
    ) -> Result<CertificateDer<'static>, IdentityError> {
        let validity = Validity::from(now, duration, self.not_after);
        let leaf = issue::server_certificate(&self.provider, &self.issuer, key, names, validity)?;
        let unusable = |reason| IdentityError::AuthorityUnusable { path: self.pair.certificate.clone(), reason };
        match self.judge.verdict(leaf.der(), names, now) {
            Verdict::Valid => {}
            Verdict::OutOfTime(reason) | Verdict::Foreign(reason) => return Err(unusable(reason)),
            Verdict::OtherNames => return Err(unusable("it may not issue for these names".to_owned())),
        }
        if validity.not_after >= self.not_after {
            tracing::warn!(
                path = %self.pair.certificate.display(),
                end = written(self.not_after),
                "the certificate authority ends before a certificate of the usual length would; delete ca.crt and ca.key and \
                 restart to get a new one (clients then need the new ca.crt)"
            );
        }
        Ok(leaf.der().clone())
    }
}

fn pair_paths(folder: &Path) -> PairPaths {
    PairPaths {
        certificate: folder.join("ca.crt"),
        key: folder.join("ca.key"),
        remedy: "delete ca.crt and ca.key to get a new authority (clients then need the new ca.crt)",
    }
}

/// The authority's pair. The key is written first: a key without a certificate is a start that was cut short.
fn open_pair(
    provider: &CryptoProvider,
    pair: &PairPaths,
    now: SystemTime,
) -> Result<(KeyPair, CertificateDer<'static>), IdentityError> {
    match (read_key(pair)?, pair.read_certificate()?) {
        (Some(key), Some(certificate)) => {
            check_pair(provider, pair, &certificate, &key)?;
            Ok((key, certificate))
        }
        (None, Some(_)) => {
            Err(IdentityError::KeyMissing { key: pair.key.clone(), certificate: pair.certificate.clone() })
        }
        (found, None) => {
            let key = match found {
                Some(key) => key,
                None => {
                    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
                    files::replace(&pair.key, key.serialize_pem().as_bytes(), KEY_MODE)?;
                    key
                }
            };
            let certificate = issue::authority_certificate(provider, &key, now)?;
            files::replace(&pair.certificate, certificate.pem().as_bytes(), CERTIFICATE_MODE)?;
            tracing::info!(path = %pair.certificate.display(), "made a development certificate authority");
            Ok((key, certificate.der().clone()))
        }
    }
}

fn read_key(pair: &PairPaths) -> Result<Option<KeyPair>, IdentityError> {
    let Some(text) = pair.read_key()? else {
        return Ok(None);
    };
    let der = PrivateKeyDer::from_pem_slice(&text).map_err(|e| pair.corrupt_key(pem::described(&e)))?;
    KeyPair::try_from(&der).map(Some).map_err(|e| pair.corrupt_key(e.to_string()))
}

fn check_pair(
    provider: &CryptoProvider,
    pair: &PairPaths,
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
) -> Result<(), IdentityError> {
    let der = PrivateKeyDer::try_from(key.serialize_der()).map_err(|e| pair.corrupt_key(e.to_owned()))?;
    let key = PrivateKey::new(der, provider).map_err(|e| pair.corrupt_key(e.to_string()))?;
    Inspected::parse(certificate).map_err(|e| pair.corrupt_certificate(e))?;
    match key.fits(certificate) {
        true => Ok(()),
        false => Err(IdentityError::NotAPair {
            key: pair.key.clone(),
            certificate: pair.certificate.clone(),
            remedy: pair.remedy,
        }),
    }
}

#[cfg(test)]
mod tests;
