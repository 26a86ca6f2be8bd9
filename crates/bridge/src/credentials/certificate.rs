//! A client certificate and its key, out of PEM.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{Error, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::error::{CredentialError, FileProblem, shown};
use super::presented::{Presented, Shown};
use super::settings::{Source, X509Sources};

const CERTIFICATE: &str = "a certificate in PEM form (BEGIN CERTIFICATE)";
const KEY: &str = "an unencrypted private key in PEM form (BEGIN PRIVATE KEY)";

/// Reads all parts and puts them together.
pub(super) fn presented(sources: &X509Sources, now: SystemTime) -> Result<Presented, CredentialError> {
    let mut chain = certificates(&sources.certificate)?;
    if let Some(intermediates) = &sources.intermediates {
        chain.extend(certificates(intermediates)?);
    }
    let expires = end(&chain);
    if let Some(end) = expires.filter(|end| *end <= now) {
        let place = sources.certificate.to_string();
        return Err(CredentialError::CertificateEnded { place, at: shown(end) });
    }
    let key = key(&sources.key)?;
    let pair = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    let pair = pair.map_err(|reason| CredentialError::Pair {
        certificate: sources.certificate.to_string(),
        key: sources.key.to_string(),
        reason: reason.to_string(),
    })?;
    Ok(Presented::new(Shown::Certificate(Arc::new(pair)), expires))
}

fn certificates(source: &Source) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    let content = source.read(CERTIFICATE)?;
    let wrong = |reason: String| CredentialError::File {
        place: source.to_string(),
        problem: FileProblem::Other(reason),
        expected: CERTIFICATE,
    };
    let found: Result<Vec<_>, Error> = CertificateDer::pem_slice_iter(&content).collect();
    let found = found.map_err(|error| wrong(described(Some(&error), &content)))?;
    if found.is_empty() {
        return Err(wrong(described(None, &content)));
    }
    if found.iter().any(|certificate| X509Certificate::from_der(certificate).is_err()) {
        return Err(wrong("a section is no X.509 certificate".to_owned()));
    }
    Ok(found)
}

fn key(source: &Source) -> Result<PrivateKeyDer<'static>, CredentialError> {
    let content = source.read(KEY)?;
    PrivateKeyDer::from_pem_slice(&content).map_err(|error| CredentialError::File {
        place: source.to_string(),
        problem: FileProblem::Other(described(Some(&error), &content)),
        expected: KEY,
    })
}

/// When the client's own certificate ends.
fn end(chain: &[CertificateDer<'_>]) -> Option<SystemTime> {
    let (_, own) = X509Certificate::from_der(chain.first()?).ok()?;
    let seconds = u64::try_from(own.validity().not_after.timestamp()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// What is wrong with a PEM text, without showing any of it: a common mistake if it is one, else what the reader found.
fn described(found: Option<&Error>, content: &[u8]) -> String {
    let text = std::str::from_utf8(content).unwrap_or_default();
    let compact: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    let decoded = Zeroizing::new(STANDARD.decode(compact.as_bytes()).unwrap_or_default());
    let said = match found {
        _ if decoded.starts_with(b"-----BEGIN") => "it is in base64 once more; decode it once",
        _ if text.contains("ENCRYPTED") => "the key is encrypted; decrypt it with openssl pkey",
        _ if text.contains("-----BEGIN") && text.contains("\\n") => {
            "its line ends are written as \\n; write them as line ends"
        }
        None | Some(Error::NoItemsFound) => "no such section",
        Some(Error::MissingSectionEnd { .. }) => "a section has no END line",
        Some(Error::IllegalSectionStart { .. }) => "a BEGIN line is damaged",
        Some(Error::Base64Decode(_)) => "a section is not base64",
        Some(_) => "it is not PEM",
    };
    said.to_owned()
}
