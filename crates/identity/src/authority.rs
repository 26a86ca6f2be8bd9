//! The development authority: makes what is missing, checks what is there, renews what ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{Issuer, KeyPair};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::files::{Folder, PairPaths};
use crate::issue::{self, DAY};
use crate::verdict::{Judge, Verdict};
use crate::{IdentityError, ServerNames, ServerTls};

/// How many days a server certificate is valid.
pub const LEAF_DAYS: u32 = 90;
/// How many days before its end a server certificate is renewed.
pub const RENEW_BEFORE_DAYS: u32 = 30;

const LEAF_LIFETIME: Duration = DAY.saturating_mul(LEAF_DAYS);
const RENEW_BEFORE: Duration = DAY.saturating_mul(RENEW_BEFORE_DAYS);

/// A certificate authority for one machine, and the server certificate it keeps valid.
#[derive(Debug)]
pub struct DevelopmentAuthority {
    provider: Arc<CryptoProvider>,
    folder: Folder,
    names: ServerNames,
    issuer: Issuer<'static, KeyPair>,
    judge: Judge,
    leaf_key: KeyPair,
    leaf: CertificateDer<'static>,
    tls: ServerTls,
}

/// Whether [`DevelopmentAuthority::renew_if_due`] did anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewed {
    Yes,
    NotDue,
}

impl DevelopmentAuthority {
    /// Takes the authority and the server certificate from `folder`, and makes what is missing there.
    ///
    /// The server certificate is made anew when it ends within [`RENEW_BEFORE_DAYS`] or lacks one of `names`.
    ///
    /// # Errors
    /// Files that cannot be read or written, that do not hold what their name says, or that do not belong together.
    pub fn open(folder: &Path, names: ServerNames, now: SystemTime) -> Result<Self, IdentityError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let folder = Folder::new(folder);
        folder.create()?;
        let (key, certificate) = authority(&provider, &folder, now)?;
        let judge = Judge::new(&provider, &certificate)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        let (leaf_key, found) = server_pair(&provider, &folder.server)?;
        let found = match found {
            Some(leaf) => keep(&judge, &folder, leaf, &names, now)?,
            None => None,
        };
        let leaf = match found {
            Some(leaf) => leaf,
            None => issue_leaf(&provider, &folder, &judge, (&issuer, &leaf_key), &names, now)?,
        };
        let tls = ServerTls::new(&provider, certified(&provider, &leaf, &leaf_key)?)?;
        Ok(Self { provider, folder, names, issuer, judge, leaf_key, leaf, tls })
    }

    /// The certificate that clients have to trust.
    pub fn ca_certificate(&self) -> PathBuf {
        self.folder.authority.certificate.clone()
    }

    /// The handle that listeners take their configuration from.
    pub fn server_tls(&self) -> ServerTls {
        self.tls.clone()
    }

    /// Issues, stores and publishes a new server certificate when the present one nears its end. Its key stays, so that
    /// only one file changes and a crash in between leaves a valid pair.
    pub(crate) fn renew_if_due(&mut self, now: SystemTime) -> Result<Renewed, IdentityError> {
        let soon = now + RENEW_BEFORE;
        if self.judge.verdict(&self.leaf, &self.names, soon) == Verdict::Valid {
            return Ok(Renewed::NotDue);
        }
        self.renew_now(now)?;
        Ok(Renewed::Yes)
    }

    pub(crate) fn renew_now(&mut self, now: SystemTime) -> Result<(), IdentityError> {
        let keys = (&self.issuer, &self.leaf_key);
        let leaf = issue_leaf(&self.provider, &self.folder, &self.judge, keys, &self.names, now)?;
        let next = certified(&self.provider, &leaf, &self.leaf_key)?;
        self.tls.publish(&self.provider, next)?;
        self.leaf = leaf;
        Ok(())
    }
}

/// The authority's pair. The key is written first: a key without a certificate is a start that was cut short.
fn authority(
    provider: &CryptoProvider,
    folder: &Folder,
    now: SystemTime,
) -> Result<(KeyPair, CertificateDer<'static>), IdentityError> {
    let pair = &folder.authority;
    match (pair.read_key()?, pair.read_certificate()?) {
        (Some(key), Some(certificate)) => {
            check_pair(provider, pair, &certificate, &key)?;
            Ok((key, certificate))
        }
        (None, Some(_)) => {
            Err(IdentityError::KeyMissing { key: pair.key.clone(), certificate: pair.certificate.clone() })
        }
        (found, None) => {
            // What an authority that is gone has issued would be refused as foreign.
            folder.server.remove_certificate()?;
            let key = match found {
                Some(key) => key,
                None => {
                    let key = issue::new_key()?;
                    pair.write_key(&key)?;
                    key
                }
            };
            let certificate = issue::authority_certificate(provider, &key, now)?;
            pair.write_certificate(&certificate.pem())?;
            tracing::info!(path = %pair.certificate.display(), "made a development certificate authority");
            Ok((key, certificate.der().clone()))
        }
    }
}

/// The server's key, made where it is missing, and its certificate where there is one.
fn server_pair(
    provider: &CryptoProvider,
    pair: &PairPaths,
) -> Result<(KeyPair, Option<CertificateDer<'static>>), IdentityError> {
    match (pair.read_key()?, pair.read_certificate()?) {
        (Some(key), Some(leaf)) => {
            check_pair(provider, pair, &leaf, &key)?;
            Ok((key, Some(leaf)))
        }
        (Some(key), None) => Ok((key, None)),
        (None, _) => {
            pair.remove_certificate()?;
            let key = issue::new_key()?;
            pair.write_key(&key)?;
            Ok((key, None))
        }
    }
}

/// The certificate found, if it can go on being used; `None` if a new one is due.
fn keep(
    judge: &Judge,
    folder: &Folder,
    leaf: CertificateDer<'static>,
    names: &ServerNames,
    now: SystemTime,
) -> Result<Option<CertificateDer<'static>>, IdentityError> {
    match judge.verdict(&leaf, names, now + RENEW_BEFORE) {
        Verdict::Valid => Ok(Some(leaf)),
        Verdict::OutOfTime(_) | Verdict::OtherNames => Ok(None),
        Verdict::Foreign(reason) => Err(IdentityError::Foreign {
            leaf: folder.server.certificate.clone(),
            authority: folder.authority.certificate.clone(),
            reason,
            remedy: folder.server.remedy,
        }),
    }
}

/// Issues a server certificate and stores it once it is known to be good.
fn issue_leaf(
    provider: &CryptoProvider,
    folder: &Folder,
    judge: &Judge,
    (issuer, leaf_key): (&Issuer<'_, KeyPair>, &KeyPair),
    names: &ServerNames,
    now: SystemTime,
) -> Result<CertificateDer<'static>, IdentityError> {
    let leaf = issue::server_certificate(provider, issuer, leaf_key, names, now, LEAF_LIFETIME)?;
    match judge.verdict(leaf.der(), names, now) {
        Verdict::Valid => {}
        Verdict::OutOfTime(reason) | Verdict::Foreign(reason) => {
            return Err(IdentityError::AuthorityUnusable { path: folder.authority.certificate.clone(), reason });
        }
        Verdict::OtherNames => {
            return Err(IdentityError::AuthorityUnusable {
                path: folder.authority.certificate.clone(),
                reason: "it may not issue for this machine's names".to_owned(),
            });
        }
    }
    if let Verdict::OutOfTime(_) = judge.verdict(leaf.der(), names, now + RENEW_BEFORE) {
        tracing::warn!(
            path = %folder.authority.certificate.display(),
            "the certificate authority ends within {RENEW_BEFORE_DAYS} days; delete ca.crt and ca.key to get a new one"
        );
    }
    folder.server.write_certificate(&leaf.pem())?;
    tracing::info!(
        path = %folder.server.certificate.display(),
        days = LEAF_DAYS,
        "issued a server certificate"
    );
    Ok(leaf.der().clone())
}

fn check_pair(
    provider: &CryptoProvider,
    pair: &PairPaths,
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
) -> Result<(), IdentityError> {
    match certified(provider, certificate, key) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err(IdentityError::NotAPair {
            key: pair.key.clone(),
            certificate: pair.certificate.clone(),
            remedy: pair.remedy,
        }),
        Err(other) => Err(IdentityError::Corrupt {
            path: pair.certificate.clone(),
            expected: "a certificate",
            reason: other.to_string(),
            remedy: pair.remedy,
        }),
    }
}

fn certified(
    provider: &CryptoProvider,
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
) -> Result<CertifiedKey, rustls::Error> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    CertifiedKey::from_der(vec![certificate.clone()], key, provider)
}

#[cfg(test)]
mod tests;
