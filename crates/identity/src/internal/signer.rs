//! Signatures of a process's key outside of TLS: on certificate requests, and to come back with a certificate that has ended.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};
use rustls::SignatureScheme;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::InternalError;
use crate::certificate::KeyKind;
use crate::key::PrivateKey;

/// SHA-256 over a SubjectPublicKeyInfo.
pub(crate) type KeyPrint = [u8; 32];

/// Signs with the key where it lies, so that no second copy of it is made.
pub(crate) struct Signer<'a> {
    key: &'a PrivateKey,
    info: SubjectPublicKeyInfoDer<'a>,
    public: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
    scheme: SignatureScheme,
}

impl<'a> Signer<'a> {
    /// # Errors
    /// A key of a kind that internal certificates do not have.
    pub(crate) fn new(key: &'a PrivateKey) -> Result<Self, InternalError> {
        let unfit = || InternalError::Request { reason: "a key of this kind signs no request".to_owned() };
        let info = key.public_key().ok_or_else(unfit)?;
        let (algorithm, scheme) = match KeyKind::of(&info) {
            KeyKind::Rsa { .. } => (&rcgen::PKCS_RSA_SHA256, SignatureScheme::RSA_PKCS1_SHA256),
            KeyKind::EcP256 => (&rcgen::PKCS_ECDSA_P256_SHA256, SignatureScheme::ECDSA_NISTP256_SHA256),
            KeyKind::EcP384 => (&rcgen::PKCS_ECDSA_P384_SHA384, SignatureScheme::ECDSA_NISTP384_SHA384),
            KeyKind::EcP521 => (&rcgen::PKCS_ECDSA_P521_SHA512, SignatureScheme::ECDSA_NISTP521_SHA512),
            KeyKind::Ed25519 => (&rcgen::PKCS_ED25519, SignatureScheme::ED25519),
            KeyKind::Unknown { .. } => return Err(unfit()),
        };
        let (_, parsed) = SubjectPublicKeyInfo::from_der(&info).map_err(|_| unfit())?;
        let public = parsed.subject_public_key.data.to_vec();
        Ok(Self { key, info, public, algorithm, scheme })
    }

    /// The public key as it stands in certificates.
    pub(crate) fn info(&self) -> &[u8] {
        self.info.as_ref()
    }
}

/// Whether the key in `info`, a SubjectPublicKeyInfo, made `signature` over `message` as a [`Signer`] does.
pub(crate) fn is_signed(info: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let algorithm: &dyn VerificationAlgorithm = match KeyKind::of(&SubjectPublicKeyInfoDer::from(info)) {
        KeyKind::Rsa { .. } => &RSA_PKCS1_2048_8192_SHA256,
        KeyKind::EcP256 => &ECDSA_P256_SHA256_ASN1,
        KeyKind::EcP384 => &ECDSA_P384_SHA384_ASN1,
        KeyKind::EcP521 => &ECDSA_P521_SHA512_ASN1,
        KeyKind::Ed25519 => &ED25519,
        KeyKind::Unknown { .. } => return false,
    };
    let Ok(([], parsed)) = SubjectPublicKeyInfo::from_der(info) else {
        return false;
    };
    UnparsedPublicKey::new(algorithm, &parsed.subject_public_key.data).verify(message, signature).is_ok()
}

pub(crate) fn key_print(info: &[u8]) -> KeyPrint {
    let mut print = [0; 32];
    print.copy_from_slice(digest::digest(&digest::SHA256, info).as_ref());
    print
}

impl PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signer = self.key.signing().choose_scheme(&[self.scheme]).ok_or(rcgen::Error::RemoteKeyError)?;
        signer.sign(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
