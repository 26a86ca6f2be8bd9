//! Making certificates: the authority's own, and a server's under it.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::crypto::CryptoProvider;
use rustls_pki_types::{DnsName, ServerName};
use time::OffsetDateTime;

use crate::IdentityError;

const AUTHORITY_NAME: &str = "Causeway development CA";
const AUTHORITY_DAYS: u32 = 3650;
/// How far a client's clock may be behind ours.
const CLOCK_SKEW: Duration = Duration::from_secs(24 * 3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The names a client may reach this server by; the subject alternative names of its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNames(Vec<ServerName<'static>>);

impl ServerNames {
    /// `localhost`, 127.0.0.1 and ::1, and the machine's host name where it is a valid DNS name.
    pub fn local(host_name: Option<&str>) -> Self {
        let mut names = vec![ServerName::from(IpAddr::from([127, 0, 0, 1]))];
        names.push(ServerName::from(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])));
        for name in ["localhost"].into_iter().chain(host_name) {
            let parsed = DnsName::try_from(name.to_owned()).map(ServerName::DnsName);
            if let Ok(name) = parsed
                && !names.contains(&name)
            {
                names.push(name);
            }
        }
        Self(names)
    }

    /// Adds an address that a listener is bound to.
    pub fn and_address(mut self, address: IpAddr) -> Self {
        let name = ServerName::from(address);
        if !address.is_unspecified() && !self.0.contains(&name) {
            self.0.push(name);
        }
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &ServerName<'static>> {
        self.0.iter()
    }

    fn subject_alternatives(&self) -> Result<Vec<SanType>, rcgen::Error> {
        let mut alternatives = Vec::with_capacity(self.0.len());
        for name in &self.0 {
            match name {
                ServerName::DnsName(name) => {
                    alternatives.push(SanType::DnsName(name.as_ref().try_into()?));
                }
                ServerName::IpAddress(address) => {
                    alternatives.push(SanType::IpAddress(IpAddr::from(*address)));
                }
                _ => {}
            }
        }
        Ok(alternatives)
    }
}

/// A new key on P-256.
pub(crate) fn new_key() -> Result<KeyPair, IdentityError> {
    Ok(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?)
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
    params.not_after = OffsetDateTime::from(now + DAY * AUTHORITY_DAYS);
    params.serial_number = Some(serial(provider)?);
    Ok(params.self_signed(key)?)
}

/// A server certificate for `key`, valid for `lifetime` from `now` on.
pub(crate) fn server_certificate(
    provider: &CryptoProvider,
    issuer: &Issuer<'_, KeyPair>,
    key: &KeyPair,
    names: &ServerNames,
    now: SystemTime,
    lifetime: Duration,
) -> Result<Certificate, IdentityError> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.subject_alternatives()?;
    params.distinguished_name = named("causeway");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = OffsetDateTime::from(now - CLOCK_SKEW);
    params.not_after = OffsetDateTime::from(now + lifetime);
    params.serial_number = Some(serial(provider)?);
    Ok(params.signed_by(key, issuer)?)
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// A random serial number: the default one is a hash of the key, and a renewed certificate keeps its key.
fn serial(provider: &CryptoProvider) -> Result<SerialNumber, IdentityError> {
    let mut bytes = [0u8; 16];
    provider.secure_random.fill(&mut bytes).map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
    // RFC 5280 4.1.2.2: positive, so the highest bit is clear; the next one keeps all 16 bytes.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
