//! Authorities and certificates, as settings have them.

use auth::authentication::{ClientIdentity, PemFile, Secret};
use causeway_tests::pki::TestAuthority;
use causeway_tests::pki::client::{Issued, ListEnd};
use rcgen::DnType;
use rustls_pki_types::CertificateDer;

/// A root.
pub fn authority(common_name: &str) -> TestAuthority {
    TestAuthority::of(&[
        (DnType::CommonName, common_name),
        (DnType::OrganizationalUnitName, "Engineering"),
        (DnType::CountryName, "US"),
    ])
}

/// A client's certificate, and its key in PEM form.
pub fn issued(how: &Issued, by: &TestAuthority) -> (CertificateDer<'static>, String) {
    let pair = by.issue(how);
    (pair.ders().remove(0), pair.key)
}

/// A list that revokes one serial number.
pub fn list(by: &TestAuthority, serial: u64, end: ListEnd) -> PemFile {
    PemFile { name: "revoked.crl".to_owned(), content: by.revocation_list(&[serial], end).into_bytes() }
}

pub fn file(name: &str, authorities: &[&TestAuthority]) -> PemFile {
    let content: String = authorities.iter().map(|authority| authority.certificate.as_str()).collect();
    PemFile { name: name.to_owned(), content: content.into_bytes() }
}

/// What a client shows to a server: certificate and key as settings have them.
pub fn server_identity(how: &Issued, by: &TestAuthority) -> ClientIdentity {
    let pair = by.issue(how);
    ClientIdentity {
        name: "client-secret".to_owned(),
        chain_pem: pair.chain.into_bytes(),
        key_pem: Secret::from(pair.key.as_str()),
    }
}
