//! The folder of one listener's certificate: `tls.crt`, `tls.key` and the authority's `ca.crt`.
//!
//! A new pair is written beside the old one (`tls.key.new`, `tls.crt.new`), down to the disk, and then takes its place in two
//! renames. A crash leaves one of these:
//!
//! ```text
//!   tls.key  tls.crt  tls.key.new  tls.crt.new
//!   old      old      any          any           not swapped: the drafts go
//!   new      old      -            new           half swapped: tls.crt.new takes its place
//!   old      new      new          -             half swapped, where renames reach the disk out of order: likewise
//!   new      new      -            -             done
//! ```
//!
//! So there is always a whole pair to start with, and the next look into the folder finishes what was begun.

use std::path::{Path, PathBuf};

use rustls::crypto::CryptoProvider;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::files::{self, CERTIFICATE_MODE, KEY_MODE, PairPaths, draft_of};
use crate::key::PrivateKey;
use crate::{IdentityError, pem};

/// Where one listener's certificate is kept.
#[derive(Debug)]
pub(crate) struct PairFolder {
    path: PathBuf,
    pair: PairPaths,
    authority: PathBuf,
}

/// What is in the folder. Each may be missing, and they need not fit together.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) key: Result<Option<PrivateKey>, Damage>,
    pub(crate) certificate: Result<Option<CertificateDer<'static>>, Damage>,
}

/// A file that can be read and holds something else than it should.
#[derive(Debug)]
pub(crate) struct Damage(pub(crate) IdentityError);

impl PairFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        let pair = PairPaths {
            certificate: path.join("tls.crt"),
            key: path.join("tls.key"),
            remedy: "delete tls.crt and tls.key, and new ones are made",
        };
        let authority = path.join("ca.crt");
        Self { path, pair, authority }
    }

    pub(crate) fn certificate_path(&self) -> &Path {
        &self.pair.certificate
    }

    /// Makes the folder and the authority's certificate in it, finishes an interrupted swap, and reads the pair.
    ///
    /// # Errors
    /// The system lets nobody read or write there. What the files hold is no error here.
    pub(crate) fn open(
        &self,
        authority: &CertificateDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Found, IdentityError> {
        files::create_folder(&self.path)?;
        let text = pem::encode("CERTIFICATE", authority);
        let present = files::read(&self.authority)?;
        if present.as_deref() != Some(text.as_bytes()) {
            files::replace(&self.authority, text.as_bytes(), CERTIFICATE_MODE)?;
        }
        self.recover(provider)?;
        let key = damage(self.read_key(provider))?;
        Ok(Found { key, certificate: damage(self.pair.read_certificate())? })
    }

    /// Replaces the pair as a whole, crash or not.
    pub(crate) fn store(&self, key: &PrivateKey, certificate: &CertificateDer<'static>) -> Result<(), IdentityError> {
        files::create_folder(&self.path)?;
        self.write_drafts(key, certificate)?;
        files::adopt_draft(&self.pair.key)?;
        files::adopt_draft(&self.pair.certificate)?;
        files::sync_folder_of(&self.pair.certificate)
    }

    fn write_drafts(&self, key: &PrivateKey, certificate: &CertificateDer<'static>) -> Result<(), IdentityError> {
        files::write_draft(&self.pair.key, key.to_pem().as_bytes(), KEY_MODE)?;
        let certificate = pem::encode("CERTIFICATE", certificate);
        files::write_draft(&self.pair.certificate, certificate.as_bytes(), CERTIFICATE_MODE)?;
        files::sync_folder_of(&self.pair.certificate)
    }

    /// Finishes or undoes a swap that a crash interrupted.
    fn recover(&self, provider: &CryptoProvider) -> Result<(), IdentityError> {
        let pair = &self.pair;
        let drafts =
            PairPaths { certificate: draft_of(&pair.certificate), key: draft_of(&pair.key), remedy: pair.remedy };
        if !drafts.certificate.exists() && !drafts.key.exists() {
            return Ok(());
        }
        let fits = |key: &Path, certificate: &Path| {
            let of = PairPaths { certificate: certificate.to_owned(), key: key.to_owned(), remedy: pair.remedy };
            let key = read_pem(&of.key).and_then(|text| parse_key(&text, provider).ok());
            let certificate = of.read_certificate().ok().flatten();
            key.zip(certificate).is_some_and(|(key, certificate)| key.fits(&certificate))
        };
        if !fits(&pair.key, &pair.certificate) {
            if fits(&pair.key, &drafts.certificate) {
                files::adopt_draft(&pair.certificate)?;
            } else if fits(&drafts.key, &pair.certificate) {
                files::adopt_draft(&pair.key)?;
            }
        }
        files::remove(&drafts.key)?;
        files::remove(&drafts.certificate)?;
        tracing::info!(folder = %self.path.display(), "cleaned up after a certificate renewal that was cut short");
        files::sync_folder_of(&pair.certificate)
    }

    fn read_key(&self, provider: &CryptoProvider) -> Result<Option<PrivateKey>, IdentityError> {
        let Some(text) = self.pair.read_key()? else {
            return Ok(None);
        };
        parse_key(&text, provider).map(Some).map_err(|reason| self.pair.corrupt_key(reason))
    }
}

fn read_pem(path: &Path) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    files::read(path).ok().flatten().map(zeroize::Zeroizing::new)
}

fn parse_key(text: &[u8], provider: &CryptoProvider) -> Result<PrivateKey, String> {
    let der = PrivateKeyDer::from_pem_slice(text).map_err(|e| pem::described(&e))?;
    PrivateKey::new(der, provider).map_err(|e| e.to_string())
}

/// Tells what a file holds from what the system says of it.
fn damage<T>(read: Result<T, IdentityError>) -> Result<Result<T, Damage>, IdentityError> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(corrupt @ IdentityError::Corrupt { .. }) => Ok(Err(Damage(corrupt))),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests;
