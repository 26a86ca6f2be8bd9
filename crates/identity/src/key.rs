//! Private keys: making, reading and writing them.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, RsaKeyPair,
};
use rustls::crypto::CryptoProvider;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use zeroize::{Zeroize, Zeroizing};

use crate::certificate::{Inspected, KeyKind};
use crate::{IdentityError, pem};

/// The kinds of key a listener's certificate may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256.
    Ec256,
    /// ECDSA on P-384.
    Ec384,
    /// ECDSA on P-521.
    Ec521,
    /// EdDSA on Curve25519.
    Ed25519,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 4096 bits.
    Rsa4096,
    /// RSA with 8192 bits: seconds to minutes to make, and slow handshakes.
    Rsa8192,
}

/// What happens to the key when a certificate is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRotation {
    /// Each certificate gets a new key.
    Always,
    /// The key stays as long as its kind does.
    Never,
}

/// A private key of this process. Its bytes are wiped when it goes, and shown nowhere.
pub(crate) struct PrivateKey {
    der: PrivateKeyDer<'static>,
    signing: Arc<dyn SigningKey>,
}

impl PrivateKey {
    /// Makes a new key. Says so before it makes a long RSA key, which may take minutes on a small machine.
    pub(crate) fn make(algorithm: KeyAlgorithm, provider: &CryptoProvider) -> Result<Self, IdentityError> {
        let failed = |_| IdentityError::MakeKey { algorithm };
        let der = match algorithm {
            KeyAlgorithm::Ec256 => elliptic(&ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyAlgorithm::Ec384 => elliptic(&ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyAlgorithm::Ec521 => elliptic(&ECDSA_P521_SHA512_ASN1_SIGNING),
            // Version 1 of PKCS#8: OpenSSL reads no later one.
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::generate().and_then(|key| Ok(key.to_pkcs8v1()?.as_ref().to_vec())),
            KeyAlgorithm::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa4096 => rsa(KeySize::Rsa4096),
            KeyAlgorithm::Rsa8192 => rsa(KeySize::Rsa8192),
        };
        let der = PrivatePkcs8KeyDer::from(der.map_err(failed)?);
        Ok(Self::new(PrivateKeyDer::Pkcs8(der), provider)?)
    }

    pub(crate) fn new(der: PrivateKeyDer<'static>, provider: &CryptoProvider) -> Result<Self, rustls::Error> {
        let signing = provider.key_provider.load_private_key(der.clone_key())?;
        Ok(Self { der, signing })
    }

    /// The key in PEM form, as it is kept in a file.
    pub(crate) fn to_pem(&self) -> Zeroizing<String> {
        let label = match &self.der {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        Zeroizing::new(pem::encode(label, self.der.secret_der()))
    }

    pub(crate) fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.signing.public_key()
    }

    pub(crate) fn kind(&self) -> Option<KeyKind> {
        self.public_key().map(|key| KeyKind::of(&key))
    }

    /// As it is kept in a record of ours.
    pub(crate) fn to_der(&self) -> &[u8] {
        self.der.secret_der()
    }

    /// What makes its signatures.
    pub(crate) fn signing(&self) -> &dyn SigningKey {
        self.signing.as_ref()
    }

    /// The chain, the first of which must be this key's certificate, as rustls shows it.
    pub(crate) fn certified(&self, chain: Vec<CertificateDer<'static>>) -> CertifiedKey {
        debug_assert!(chain.first().is_some_and(|first| self.fits(first)), "the certificate of another key");
        CertifiedKey::new(chain, self.signing.clone())
    }

    pub(crate) fn fits(&self, certificate: &CertificateDer<'_>) -> bool {
        // Not rustls' own comparison: that one fails for certificates of version 1.
        let key = self.public_key();
        Inspected::parse(certificate).is_ok_and(|certificate| key.is_some_and(|key| certificate.has_key(&key)))
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.der.zeroize();
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("algorithm", &self.signing.algorithm()).finish_non_exhaustive()
    }
}

fn elliptic(curve: &'static EcdsaSigningAlgorithm) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
    Ok(EcdsaKeyPair::generate(curve)?.to_pkcs8v1()?.as_ref().to_vec())
}

fn rsa(size: KeySize) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
    let bits = size.len() * 8;
    if bits > 2048 {
        tracing::info!(bits, "making an RSA key; one of 8192 bits may take minutes on a small machine");
    }
    let begin = Instant::now();
    let made = RsaKeyPair::generate(size)?.as_der()?.as_ref().to_vec();
    tracing::debug!(bits, seconds = begin.elapsed().as_secs(), "made an RSA key");
    Ok(made)
}
