//! What a certificate says.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub der: Vec<u8>,
    /// As resources name it: `Ec256`, `Rsa2048`.
    pub algorithm: String,
    /// The public key.
    pub key: Vec<u8>,
    pub serial: String,
    pub subject: String,
    pub names: Vec<String>,
    pub addresses: Vec<IpAddr>,
    pub not_after: SystemTime,
}

impl Leaf {
    /// Reads one certificate.
    pub fn read(der: &[u8]) -> Leaf {
        let (_, certificate) = X509Certificate::from_der(der).expect("a certificate");
        let alternatives = certificate.subject_alternative_name().expect("readable extensions");
        let alternatives = alternatives.map(|extension| extension.value.general_names.clone()).unwrap_or_default();
        let seconds = u64::try_from(certificate.validity().not_after.timestamp()).expect("an end after 1970");
        let mut leaf = Leaf {
            der: der.to_vec(),
            algorithm: algorithm(&certificate),
            key: certificate.public_key().subject_public_key.data.to_vec(),
            serial: certificate.raw_serial_as_string(),
            subject: certificate.subject().to_string(),
            names: Vec::new(),
            addresses: Vec::new(),
            not_after: UNIX_EPOCH + Duration::from_secs(seconds),
        };
        for name in alternatives {
            match name {
                GeneralName::DNSName(name) | GeneralName::URI(name) => leaf.names.push(name.to_string()),
                GeneralName::IPAddress(bytes) => leaf.addresses.push(address(bytes)),
                other => panic!("a name of another kind: {other:?}"),
            }
        }
        leaf
    }
}

fn algorithm(certificate: &X509Certificate) -> String {
    let key = certificate.public_key();
    if let Ok(PublicKey::RSA(rsa)) = key.parsed() {
        let zeros = rsa.modulus.iter().take_while(|byte| **byte == 0).count();
        return format!("Rsa{}", (rsa.modulus.len() - zeros) * 8);
    }
    let curve = key.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok()).map(|oid| oid.to_id_string());
    let name = match (key.algorithm.algorithm.to_id_string().as_str(), curve.as_deref()) {
        ("1.3.101.112", None) => "Ed25519",
        ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => "Ec256",
        ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => "Ec384",
        ("1.2.840.10045.2.1", Some("1.3.132.0.35")) => "Ec521",
        (kind, curve) => panic!("a key of kind {kind}, {curve:?}"),
    };
    name.to_string()
}

fn address(bytes: &[u8]) -> IpAddr {
    match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).expect("four bytes")),
        _ => IpAddr::from(<[u8; 16]>::try_from(bytes).expect("four or sixteen bytes")),
    }
}
