//! Looking into a certificate: whose it is, how long it lasts, what its key is, who signed it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::CryptoProvider;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
    OID_SIG_ED25519,
};
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Version};

use crate::KeyAlgorithm;

/// The fewest and the most bits of an RSA key that TLS libraries take.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A parsed certificate.
pub(crate) struct Inspected<'a>(X509Certificate<'a>);

/// What kind of public key a certificate has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Rsa { bits: usize },
    EcP256,
    EcP384,
    EcP521,
    Ed25519,
    Unknown { object_identifier: String },
}

/// Keys that go together in one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyFamily {
    Rsa,
    Elliptic,
}

/// Whether one certificate was signed with the key of another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Signature {
    Good,
    Bad,
    /// No TLS client would check it.
    Unsupported {
        object_identifier: String,
    },
}

impl<'a> Inspected<'a> {
    /// # Errors
    /// Why it is no X.509 certificate.
    pub(crate) fn parse(der: &'a CertificateDer<'_>) -> Result<Self, String> {
        match parse_x509_certificate(der) {
            Ok(([], parsed)) => Ok(Self(parsed)),
            Ok(_) => Err("something follows the certificate".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(crate) fn not_before(&self) -> SystemTime {
        moment(self.0.validity().not_before.timestamp())
    }

    pub(crate) fn not_after(&self) -> SystemTime {
        moment(self.0.validity().not_after.timestamp())
    }

    pub(crate) fn subject(&self) -> String {
        self.0.subject().to_string()
    }

    pub(crate) fn issuer(&self) -> String {
        self.0.issuer().to_string()
    }

    pub(crate) fn names_as_issuer(&self, other: &Inspected<'_>) -> bool {
        self.0.issuer().as_raw() == other.0.subject().as_raw()
    }

    pub(crate) fn is_authority(&self) -> bool {
        self.0.is_ca()
    }

    /// Whether a client may take it for a server's: where its uses are limited, this is one of them.
    pub(crate) fn is_for_servers(&self) -> bool {
        match self.0.extended_key_usage() {
            Ok(Some(usage)) => usage.value.any || usage.value.server_auth,
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// Whether its key may sign handshakes, as every one that both TLS versions know asks of it.
    pub(crate) fn may_sign(&self) -> bool {
        self.0.key_usage().is_ok_and(|usage| usage.is_none_or(|usage| usage.value.digital_signature()))
    }

    /// The DNS names and addresses it is good for, in small letters.
    pub(crate) fn alternative_names(&self) -> (BTreeSet<String>, BTreeSet<IpAddr>) {
        let (mut dns, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        let found = self.0.subject_alternative_name().ok().flatten();
        for name in found.iter().flat_map(|found| &found.value.general_names) {
            match name {
                GeneralName::DNSName(name) => {
                    dns.insert(name.to_ascii_lowercase());
                }
                GeneralName::IPAddress(bytes) => {
                    let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                    let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
                    addresses.extend(address);
                }
                _ => {}
            }
        }
        (dns, addresses)
    }

    /// The URIs it is good for.
    pub(crate) fn uris(&self) -> Vec<&str> {
        let found = self.0.subject_alternative_name().ok().flatten();
        let names = found.iter().flat_map(|found| found.value.general_names.iter());
        names.filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None }).collect()
    }

    /// Its public key (SubjectPublicKeyInfo).
    pub(crate) fn public_key(&self) -> &[u8] {
        self.0.public_key().raw
    }

    /// The bits of its public key, as signatures are checked with.
    pub(crate) fn public_key_bits(&self) -> &[u8] {
        &self.0.public_key().subject_public_key.data
    }

    /// X.509 of 1988, without extensions, as some tools still make it unasked.
    pub(crate) fn is_version_1(&self) -> bool {
        self.0.version() == X509Version::V1
    }

    pub(crate) fn has_key(&self, key: &SubjectPublicKeyInfoDer<'_>) -> bool {
        self.0.public_key().raw == key.as_ref()
    }

    pub(crate) fn key_kind(&self) -> KeyKind {
        KeyKind::from(self.0.public_key())
    }

    /// Checks this certificate's signature against the key of `issuer`.
    pub(crate) fn signed_by(&self, issuer: &Inspected<'_>, provider: &CryptoProvider) -> Signature {
        let key = issuer.0.public_key();
        match Signed::check(self.0.as_raw(), &self.0.signature_value.data, key, provider) {
            Some(true) => Signature::Good,
            Some(false) => Signature::Bad,
            None => Signature::Unsupported { object_identifier: self.0.signature_algorithm.algorithm.to_id_string() },
        }
    }
}

/// What certificates and requests for them have in common: contents, an algorithm, a signature.
pub(crate) struct Signed;

impl Signed {
    /// Whether `key` made `signature` over the contents of `der`; `None` where no TLS library checks such signatures.
    pub(crate) fn check(
        der: &[u8],
        signature: &[u8],
        key: &SubjectPublicKeyInfo<'_>,
        provider: &CryptoProvider,
    ) -> Option<bool> {
        let (inside, _) = element(der)?;
        let (_, after_contents) = element(inside)?;
        let contents = inside.get(..inside.len() - after_contents.len())?;
        let (signed_with, _) = element(after_contents)?;
        let key_of = element(key.raw).and_then(inner_element)?;
        let known = provider.signature_verification_algorithms.all;
        let mut fitting = known.iter().filter(|known| known.signature_alg_id().as_ref() == signed_with).peekable();
        fitting.peek()?;
        let mut of_key = fitting.filter(|known| known.public_key_alg_id().as_ref() == key_of);
        Some(of_key.any(|known| known.verify_signature(&key.subject_public_key.data, contents, signature).is_ok()))
    }
}

impl KeyKind {
    pub(crate) fn of(key: &SubjectPublicKeyInfoDer<'_>) -> Self {
        match SubjectPublicKeyInfo::from_der(key) {
            Ok((_, key)) => Self::from(&key),
            Err(_) => Self::Unknown { object_identifier: "unknown".to_owned() },
        }
    }

    fn from(key: &SubjectPublicKeyInfo<'_>) -> Self {
        let algorithm = &key.algorithm;
        let unknown = || Self::Unknown { object_identifier: algorithm.algorithm.to_id_string() };
        if algorithm.algorithm == OID_PKCS1_RSAENCRYPTION {
            return match key.parsed() {
                Ok(PublicKey::RSA(rsa)) => Self::Rsa { bits: bits(rsa.modulus) },
                _ => unknown(),
            };
        }
        if algorithm.algorithm == OID_SIG_ED25519 {
            return Self::Ed25519;
        }
        if algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY {
            return unknown();
        }
        let curve = algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        match curve {
            Some(curve) if curve == OID_EC_P256 => Self::EcP256,
            Some(curve) if curve == OID_NIST_EC_P384 => Self::EcP384,
            Some(curve) if curve == OID_NIST_EC_P521 => Self::EcP521,
            Some(curve) => Self::Unknown { object_identifier: curve.to_id_string() },
            None => unknown(),
        }
    }

    /// `None` for a key that TLS clients do not take.
    pub(crate) fn family(&self) -> Option<KeyFamily> {
        match self {
            Self::Rsa { bits } => RSA_BITS.contains(bits).then_some(KeyFamily::Rsa),
            Self::EcP256 | Self::EcP384 | Self::EcP521 | Self::Ed25519 => Some(KeyFamily::Elliptic),
            Self::Unknown { .. } => None,
        }
    }

    pub(crate) fn is(&self, algorithm: KeyAlgorithm) -> bool {
        let wanted = match algorithm {
            KeyAlgorithm::Ec256 => Self::EcP256,
            KeyAlgorithm::Ec384 => Self::EcP384,
            KeyAlgorithm::Ec521 => Self::EcP521,
            KeyAlgorithm::Ed25519 => Self::Ed25519,
            KeyAlgorithm::Rsa2048 => Self::Rsa { bits: 2048 },
            KeyAlgorithm::Rsa4096 => Self::Rsa { bits: 4096 },
            KeyAlgorithm::Rsa8192 => Self::Rsa { bits: 8192 },
        };
        *self == wanted
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA key of {bits} bits"),
            Self::EcP256 => f.write_str("EC key on P-256"),
            Self::EcP384 => f.write_str("EC key on P-384"),
            Self::EcP521 => f.write_str("EC key on P-521"),
            Self::Ed25519 => f.write_str("Ed25519 key"),
            Self::Unknown { object_identifier } => write!(f, "key of kind {object_identifier}"),
        }
    }
}

impl KeyFamily {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Elliptic => "EC",
        }
    }
}

/// A moment as people write it: `2026-01-31 23:59:59 UTC`.
pub(crate) fn written(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let (date, time) = (at.date(), at.time());
    let (hour, minute, second) = time.as_hms();
    format!("{date} {hour:02}:{minute:02}:{second:02} UTC")
}

fn moment(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    match seconds >= 0 {
        true => UNIX_EPOCH + distance,
        false => UNIX_EPOCH - distance,
    }
}

fn bits(modulus: &[u8]) -> usize {
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let significant = modulus.get(zeros..).unwrap_or_default();
    let unused = significant.first().map_or(0, |byte| byte.leading_zeros() as usize);
    significant.len() * 8 - unused
}

/// The contents of the DER element at the start of `bytes`, and what follows it.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.get(1..)?.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            // More than four digits would be a certificate of over 4 GiB.
            let length = (digits.len() <= 4).then(|| digits.iter().fold(0, |n, digit| n << 8 | usize::from(*digit)))?;
            (length, rest)
        }
    };
    rest.split_at_checked(length)
}

/// The contents of the first element within the contents of another.
fn inner_element<'a>((contents, _): (&'a [u8], &'a [u8])) -> Option<&'a [u8]> {
    element(contents).map(|(inner, _)| inner)
}
