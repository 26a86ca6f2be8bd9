//! Certificates and keys out of PEM files, with words for what is wrong with one.

use rustls_pki_types::pem::{Error, PemObject};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::secret::Secret;

/// A file by name, so that an error can say which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemFile {
    pub name: String,
    pub content: Vec<u8>,
}

/// A certificate chain with its key, to show who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Where it comes from, for errors.
    pub name: String,
    /// Our own certificate first.
    pub chain_pem: Vec<u8>,
    pub key_pem: Secret,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    #[error("{file} is damaged after {read} sections ({reason}); write each as a whole PEM section")]
    Damaged { file: String, read: usize, reason: String },
    #[error("certificate {position} of {file} cannot be read; it must be an X.509 certificate in PEM form")]
    Certificate { file: String, position: usize },
    #[error("there is no certificate in {files}; at least one in PEM form is needed")]
    NoCertificate { files: String },
    #[error("{file} is no certificate revocation list in PEM or DER form")]
    RevocationList { file: String },
    #[error("the private key of {file} cannot be used ({reason}); it must be one in PEM form, unencrypted")]
    Key { file: String, reason: String },
    #[error("the certificate and the private key of {file} cannot be used together: {reason}")]
    Pair { file: String, reason: String },
}

/// The certificates of all files, at least one. Files may hold other PEM sections as well, or none.
pub(crate) fn certificates(files: &[PemFile]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let mut found = Vec::new();
    for file in files {
        found.extend(certificates_of(&file.name, &file.content)?);
    }
    if found.is_empty() {
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let files = if names.is_empty() { "an empty bundle".to_owned() } else { names.join(", ") };
        return Err(PemError::NoCertificate { files });
    }
    Ok(found)
}

fn certificates_of(name: &str, content: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let mut found: Vec<CertificateDer<'static>> = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(content) {
        let certificate = certificate.map_err(|error| damaged(name, found.len(), &error))?;
        if X509Certificate::from_der(&certificate).is_err() {
            return Err(PemError::Certificate { file: name.to_owned(), position: found.len() + 1 });
        }
        found.push(certificate);
    }
    Ok(found)
}

/// The revocation lists of a file, in PEM form (any number) or DER form (one).
pub(crate) fn revocation_lists(file: &PemFile) -> Result<Vec<CertificateRevocationListDer<'static>>, PemError> {
    let mut found: Vec<CertificateRevocationListDer<'static>> = Vec::new();
    for list in CertificateRevocationListDer::pem_slice_iter(&file.content) {
        found.push(list.map_err(|error| damaged(&file.name, found.len(), &error))?);
    }
    // A DER list begins with a SEQUENCE; nothing in PEM form does.
    if found.is_empty() && file.content.first() == Some(&0x30) {
        found.push(CertificateRevocationListDer::from(file.content.clone()));
    }
    match found.is_empty() {
        true => Err(PemError::RevocationList { file: file.name.clone() }),
        false => Ok(found),
    }
}

/// Chain and key of an identity.
pub(crate) fn identity(
    identity: &ClientIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), PemError> {
    let chain = certificates_of(&identity.name, &identity.chain_pem)?;
    if chain.is_empty() {
        return Err(PemError::NoCertificate { files: identity.name.clone() });
    }
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.bytes())
        .map_err(|error| PemError::Key { file: identity.name.clone(), reason: described(&error) })?;
    Ok((chain, key))
}

fn damaged(file: &str, read: usize, error: &Error) -> PemError {
    PemError::Damaged { file: file.to_owned(), read, reason: described(error) }
}

/// What is wrong with a PEM text, without showing any of it.
fn described(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { .. } => "a section has no END line".to_owned(),
        Error::IllegalSectionStart { .. } => "a BEGIN line is damaged".to_owned(),
        Error::Base64Decode(_) => "a section is not base64".to_owned(),
        Error::NoItemsFound => "there is none in it".to_owned(),
        _ => "it is not PEM".to_owned(),
    }
}

/// A chain as PEM text.
pub(crate) fn encoded(chain: &[CertificateDer<'_>]) -> String {
    use base64::Engine;
    let mut text = String::new();
    for certificate in chain {
        let encoded = base64::engine::general_purpose::STANDARD.encode(certificate);
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(64));
            text.extend([line, "\n"]);
            rest = after;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}
