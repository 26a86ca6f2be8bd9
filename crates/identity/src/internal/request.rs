//! Asking for a certificate, and what comes back.

use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName};
use rustls::crypto::CryptoProvider;
use rustls_pki_types::CertificateDer;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::record::{Reader, Writer};
use super::signer::Signer;
use super::{InternalError, TrustedRoots};
use crate::KeyAlgorithm;
use crate::certificate::Signed;
use crate::key::PrivateKey;

const VERSION: u8 = 1;
/// The certificate of the process, the one of its authority, and room for a hierarchy above it.
const LONGEST_CHAIN: u8 = 4;

/// A request for a certificate (PKCS#10). The key in it is all that is taken from it: who asks is known from elsewhere, and the
/// names are the authority's to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningRequest(Vec<u8>);

/// A key, and the request for its certificate. The key stays here.
#[derive(Debug, Clone)]
pub struct PendingCertificate {
    pub(crate) key: Arc<PrivateKey>,
    request: SigningRequest,
}

/// What the authority answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate, then its authority's.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// Whom to trust.
    pub(crate) roots: TrustedRoots,
}

impl SigningRequest {
    /// The request as it was received; what is in it is checked when it is granted.
    pub fn from_der(der: Vec<u8>) -> Self {
        Self(der)
    }

    /// The request in DER form.
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// The public key (SubjectPublicKeyInfo), whose holder is known to have signed the request.
    pub(crate) fn public_key(&self, provider: &CryptoProvider) -> Result<Vec<u8>, InternalError> {
        let refused = |reason: &str| InternalError::Request { reason: reason.to_owned() };
        let Ok(([], request)) = X509CertificationRequest::from_der(&self.0) else {
            return Err(refused("it is not a PKCS#10 request"));
        };
        let key = &request.certification_request_info.subject_pki;
        match Signed::check(&self.0, &request.signature_value.data, key, provider) {
            Some(true) => Ok(key.raw.to_vec()),
            Some(false) => Err(refused("its signature was not made with its key")),
            None => Err(refused("its kind of signature is not known")),
        }
    }
}

impl PendingCertificate {
    /// Makes a key of that kind, and the request. An RSA key takes its time.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(crate) fn make(algorithm: KeyAlgorithm, provider: &CryptoProvider) -> Result<Self, InternalError> {
        Self::with(Arc::new(PrivateKey::make(algorithm, provider)?))
    }

    pub(crate) fn with(key: Arc<PrivateKey>) -> Result<Self, InternalError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&Signer::new(&key)?)?;
        Ok(Self { key, request: SigningRequest(request.der().to_vec()) })
    }

    /// What to send to the authority.
    pub fn request(&self) -> &SigningRequest {
        &self.request
    }
}

impl Issued {
    /// For the wire and for the process's own file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut record = Writer::new(VERSION);
        record.byte(self.chain.len() as u8);
        for certificate in &self.chain {
            record.bytes(certificate);
        }
        record.bytes(&self.roots.to_bytes());
        record.finish().to_vec()
    }

    /// # Errors
    /// They are not such an answer.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InternalError> {
        let mut record = Reader::new("a certificate from the authority", bytes, VERSION)?;
        let mut chain = Vec::new();
        for _ in 0..record.count(LONGEST_CHAIN)? {
            chain.push(CertificateDer::from(record.bytes()?.to_vec()));
        }
        let roots = TrustedRoots::from_bytes(record.bytes()?)?;
        record.finish()?;
        Ok(Self { chain, roots })
    }

    /// Whom the authority trusts.
    pub fn roots(&self) -> &TrustedRoots {
        &self.roots
    }
}
