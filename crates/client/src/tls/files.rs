//! Certificates and keys in PEM files, and what can be wrong with them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why TLS could not be set up; each sentence names the file and what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// A file without what it should hold.
    #[error("{} holds no {expected} in PEM form ({reason})", path.display())]
    Content { path: PathBuf, expected: &'static str, reason: String },
    /// A trusted certificate that is none.
    #[error("a certificate in {} cannot be trusted: {reason}", path.display())]
    Authority { path: PathBuf, reason: rustls::Error },
    /// Certificate and key do not go together.
    #[error("{} and {} are not a certificate and its key: {reason}", certificate.display(), key.display())]
    Identity { certificate: PathBuf, key: PathBuf, reason: rustls::Error },
    /// Nothing to check a server's certificate against.
    #[error("no trusted certificate was found; name a CA file, or install the system's CA certificates")]
    NoAuthorities,
    /// The TLS library refused the settings.
    #[error("cannot set up TLS: {0}")]
    Settings(#[from] rustls::Error),
}

/// The certificates of one file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let content = |reason: String| TlsError::Content { path: path.to_owned(), expected: "certificate", reason };
    match found {
        Ok(certificates) if certificates.is_empty() => Err(content("no BEGIN CERTIFICATE".to_owned())),
        Ok(certificates) => Ok(certificates),
        Err(reason) => Err(content(reason.to_string())),
    }
}

/// The certificates of every file in a folder; files that hold none are passed over.
pub(crate) fn certificates_below(folder: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() {
            found.extend(certificates(&path).unwrap_or_default());
        }
    }
    if found.is_empty() {
        return Err(TlsError::Content {
            path: folder.to_owned(),
            expected: "certificate",
            reason: "none of its files does".to_owned(),
        });
    }
    Ok(found)
}

/// The first private key of a file.
pub(crate) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|reason| {
        let encrypted = text.windows(9).any(|window| window == b"ENCRYPTED");
        let reason = match reason {
            pem::Error::NoItemsFound if encrypted => "it is encrypted; decrypt it with openssl pkey".to_owned(),
            other => other.to_string(),
        };
        TlsError::Content { path: path.to_owned(), expected: "private key", reason }
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}
