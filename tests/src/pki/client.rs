//! Certificates of clients, intermediate authorities, and lists of what is revoked.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

use super::{Pair, TestAuthority};

/// How a certificate differs from a good one of a client.
#[derive(Clone, Debug)]
pub struct Issued {
    pub subject: Vec<(DnType, String)>,
    pub usage: ExtendedKeyUsagePurpose,
    /// From now.
    pub begins: Duration,
    pub ends: Duration,
    pub serial: u64,
}

impl Default for Issued {
    fn default() -> Self {
        Issued {
            subject: vec![(DnType::CommonName, "thermostat-01".into())],
            usage: ExtendedKeyUsagePurpose::ClientAuth,
            begins: Duration::days(-1),
            ends: Duration::days(30),
            serial: 77,
        }
    }
}

impl Issued {
    /// With this common name and nothing else.
    pub fn named(common_name: &str) -> Self {
        Issued::of(&[(DnType::CommonName, common_name)])
    }

    /// With this subject, its parts in this order.
    pub fn of(subject: &[(DnType, &str)]) -> Self {
        let subject = subject.iter().map(|(kind, value)| (kind.clone(), (*value).to_string())).collect();
        Issued { subject, ..Issued::default() }
    }

    pub fn serial(self, serial: u64) -> Self {
        Issued { serial, ..self }
    }
}

/// Until when a list of revoked certificates says that it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListEnd {
    Ahead,
    Past,
}

impl TestAuthority {
    /// A root whose name has several parts.
    pub fn of(subject: &[(DnType, &str)]) -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = authority_params(subject);
        let certificate = params.self_signed(&key).expect("a certificate of an authority").pem();
        TestAuthority { issuer: Issuer::new(params, key), certificate }
    }

    /// An authority below this one, below which there may be others, with lists of its own.
    pub fn below(&self, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = authority_params(&[(DnType::CommonName, name)]);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate of an authority").pem();
        TestAuthority { issuer: Issuer::new(params, key), certificate }
    }

    /// An authority that somebody else made, from its certificate and its key in PEM.
    pub fn made_elsewhere(certificate: String, key: &str) -> Self {
        let key = KeyPair::from_pem(key).expect("a key");
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).expect("a certificate of an authority");
        TestAuthority { issuer, certificate }
    }

    /// Somebody who signs with the key of a certificate that is no authority's.
    pub fn posing_as(common_name: &str, pair: &Pair) -> Self {
        let params = authority_params(&[(DnType::CommonName, common_name)]);
        let key = KeyPair::from_pem(&pair.key).expect("a key");
        TestAuthority { issuer: Issuer::new(params, key), certificate: pair.chain.clone() }
    }

    /// The certificate of a client.
    pub fn issue(&self, how: &Issued) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&how.subject);
        params.extended_key_usages = vec![how.usage.clone()];
        params.not_before = OffsetDateTime::now_utc() + how.begins;
        params.not_after = OffsetDateTime::now_utc() + how.ends;
        params.serial_number = Some(SerialNumber::from(how.serial));
        let chain = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Pair { chain, key: key.serialize_pem() }
    }

    /// A list that revokes these serial numbers, in PEM.
    pub fn revocation_list(&self, serials: &[u64], end: ListEnd) -> String {
        let now = OffsetDateTime::now_utc();
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now - Duration::days(10),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: now - Duration::days(10),
            next_update: now + Duration::days(if end == ListEnd::Past { -1 } else { 10 }),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a signed list").pem().expect("a list in PEM")
    }

    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate in PEM")
    }
}

impl Pair {
    /// With this authority's certificate behind its own.
    pub fn through(mut self, intermediate: &TestAuthority) -> Self {
        self.chain.push_str(&intermediate.certificate);
        self
    }

    /// The chain, leaf first.
    pub fn ders(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.chain.as_bytes()).map(|one| one.expect("a certificate in PEM")).collect()
    }

    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key in PEM")
    }
}

fn authority_params(subject: &[(DnType, &str)]) -> CertificateParams {
    let subject: Vec<_> = subject.iter().map(|(kind, value)| (kind.clone(), (*value).to_string())).collect();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name = name(&subject);
    params
}

fn name(subject: &[(DnType, String)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    subject.iter().for_each(|(kind, value)| name.push(kind.clone(), value.as_str()));
    name
}
