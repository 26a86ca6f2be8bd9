//! Certificates made in the test: an authority of its own and what it signs.

pub mod client;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};

/// A certificate authority that lives as long as the test.
pub struct TestAuthority {
    issuer: Issuer<'static, KeyPair>,
    /// What clients are to trust, in PEM.
    pub certificate: String,
}

/// A certificate with its key, both in PEM.
pub struct Pair {
    pub chain: String,
    pub key: String,
}

impl TestAuthority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("a certificate of an authority").pem();
        TestAuthority { issuer: Issuer::new(params, key), certificate }
    }

    /// An authority whose certificate this one signs; servers present it behind their own.
    pub fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate of an authority").pem();
        TestAuthority { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate that names a process of a cluster.
    pub fn process(&self, uri: &str) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.subject_alt_names.push(SanType::URI(uri.try_into().expect("a URI")));
        let chain = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Pair { chain, key: key.serialize_pem() }
    }

    /// A certificate for a server on this machine; `name` is its subject.
    pub fn server(&self, name: &str) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_string()]).expect("a name");
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        params.distinguished_name.push(DnType::CommonName, name);
        let chain = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Pair { chain, key: key.serialize_pem() }
    }
}
