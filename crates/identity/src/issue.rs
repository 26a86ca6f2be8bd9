//! Making certificates: the authority's own, and a server's under it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SerialNumber, SubjectPublicKeyInfo,
};
use rustls::crypto::CryptoProvider;
use time::OffsetDateTime;

use crate::key::PrivateKey;
use crate::{IdentityError, ServerNames};

const AUTHORITY_NAME: &str = "Causeway development CA";
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(3650 * 24 * 3600);
/// How far a client's clock may be behind ours: certificates begin this long before they are made.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(24 * 3600);

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
}

impl Validity {
    /// `duration` from now on, in whole seconds as certificates have them, and not beyond `end`.
    pub(crate) fn from(now: SystemTime, duration: Duration, end: SystemTime) -> Self {
        let not_after = now.checked_add(duration).map(next_second).map_or(end, |not_after| not_after.min(end));
        Self { not_before: now - CLOCK_SKEW, not_after }
    }
}

/// The authority's certificate, signed by itself.
pub(crate) fn authority_certificate(
    provider: &CryptoProvider,
    key: &KeyPair,
    now: SystemTime,
) -> Result<Certificate, IdentityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(AUTHORITY_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = OffsetDateTime::from(now - CLOCK_SKEW);
    params.not_after = OffsetDateTime::from(now + AUTHORITY_LIFETIME);
    params.serial_number = Some(serial(provider)?);
    Ok(params.self_signed(key)?)
}

/// A server certificate for `key`.
pub(crate) fn server_certificate(
    provider: &CryptoProvider,
    issuer: &Issuer<'_, KeyPair>,
    key: &PrivateKey,
    names: &ServerNames,
    validity: Validity,
) -> Result<Certificate, IdentityError> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.subject_alternatives()?;
    params.distinguished_name = named("causeway");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = OffsetDateTime::from(validity.not_before);
    params.not_after = OffsetDateTime::from(validity.not_after);
    params.serial_number = Some(serial(provider)?);
    let key = key.public_key().ok_or(rcgen::Error::UnsupportedSignatureAlgorithm)?;
    Ok(params.signed_by(&SubjectPublicKeyInfo::from_der(&key)?, issuer)?)
}

pub(crate) fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// A random serial number: the default one is a hash of the key, and a renewed certificate may keep its key.
pub(crate) fn serial(provider: &CryptoProvider) -> Result<SerialNumber, IdentityError> {
    let mut bytes = [0u8; 16];
    provider.secure_random.fill(&mut bytes).map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
    // RFC 5280 4.1.2.2: positive, so the highest bit is clear; the next one keeps all 16 bytes.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// The first whole second that is not earlier, so that a short certificate does not lose part of its time.
pub(crate) fn next_second(at: SystemTime) -> SystemTime {
    let Ok(since) = at.duration_since(UNIX_EPOCH) else {
        return at;
    };
    match since.subsec_nanos() {
        0 => at,
        nanos => at + Duration::from_nanos(1_000_000_000 - u64::from(nanos)),
    }
}
