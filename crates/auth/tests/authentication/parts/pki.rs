//! Authorities, certificates and revocation lists.

use auth::authentication::{ClientIdentity, PemFile, Secret};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

/// A certificate with what is needed to sign others.
pub struct Made {
    pub certificate: Certificate,
    pub issuer: Issuer<'static, KeyPair>,
}

/// How a client's certificate differs from a good one.
pub struct Issued {
    pub subject: Vec<(DnType, &'static str)>,
    pub usage: ExtendedKeyUsagePurpose,
    /// Days from now.
    pub begins: i64,
    pub ends: i64,
    pub serial: u64,
}

impl Default for Issued {
    fn default() -> Self {
        Self {
            subject: vec![(DnType::CommonName, "thermostat-01")],
            usage: ExtendedKeyUsagePurpose::ClientAuth,
            begins: -1,
            ends: 30,
            serial: 77,
        }
    }
}

fn authority_params(subject: &[(DnType, &str)]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name = name(subject);
    params
}

fn name(subject: &[(DnType, &str)]) -> rcgen::DistinguishedName {
    let mut name = rcgen::DistinguishedName::new();
    subject.iter().for_each(|(kind, value)| name.push(kind.clone(), *value));
    name
}

/// A root.
pub fn authority(common_name: &str) -> Made {
    let key = KeyPair::generate().unwrap();
    let subject = [
        (DnType::CommonName, common_name),
        (DnType::OrganizationalUnitName, "Engineering"),
        (DnType::CountryName, "US"),
    ];
    let params = authority_params(&subject);
    let certificate = params.self_signed(&key).unwrap();
    Made { certificate, issuer: Issuer::new(params, key) }
}

/// An authority below another.
pub fn intermediate(common_name: &str, by: &Made) -> Made {
    let key = KeyPair::generate().unwrap();
    let params = authority_params(&[(DnType::CommonName, common_name)]);
    let certificate = params.signed_by(&key, &by.issuer).unwrap();
    Made { certificate, issuer: Issuer::new(params, key) }
}

/// A client's certificate, and its key in PEM form.
pub fn issued(how: &Issued, by: &Made) -> (CertificateDer<'static>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = name(&how.subject);
    params.extended_key_usages = vec![how.usage.clone()];
    params.not_before = OffsetDateTime::now_utc() + Duration::days(how.begins);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(how.ends);
    params.serial_number = Some(SerialNumber::from(how.serial));
    (params.signed_by(&key, &by.issuer).unwrap().der().clone(), key.serialize_pem())
}

/// A list that revokes one serial number.
pub fn list(by: &Made, serial: u64, ended: bool) -> PemFile {
    let now = OffsetDateTime::now_utc();
    let params = CertificateRevocationListParams {
        this_update: now - Duration::days(10),
        next_update: now + Duration::days(if ended { -1 } else { 10 }),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: now - Duration::days(10),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    PemFile {
        name: "revoked.crl".to_owned(),
        content: params.signed_by(&by.issuer).unwrap().pem().unwrap().into_bytes(),
    }
}

pub fn file(name: &str, made: &[&Made]) -> PemFile {
    let content: String = made.iter().map(|made| made.certificate.pem()).collect();
    PemFile { name: name.to_owned(), content: content.into_bytes() }
}

/// What a client shows to a server: certificate and key as settings have them.
pub fn server_identity(how: &Issued, by: &Made) -> ClientIdentity {
    let (certificate, key) = issued(how, by);
    let pem = pem_of(&certificate);
    ClientIdentity {
        name: "client-secret".to_owned(),
        chain_pem: pem.into_bytes(),
        key_pem: Secret::from(key.as_str()),
    }
}

fn pem_of(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n")
}
