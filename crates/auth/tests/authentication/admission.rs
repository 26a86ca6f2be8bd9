//! Clients that are in when the methods change.

use std::collections::BTreeMap;
use std::time::SystemTime;

use auth::authentication::{
    Admission, Admitted, AttributeRule, MethodKind, MethodSettings, Methods, PasswordFile, PemFile,
    UserPasswordSettings, X509Settings,
};
use rustls_pki_types::CertificateDer;

use crate::parts::{Issued, ListEnd, authority, compiled, counters, file, issued, list};

fn users(text: &str) -> MethodSettings {
    let file = PemFile { name: "users".to_owned(), content: text.as_bytes().to_vec() };
    MethodSettings::UserPassword(UserPasswordSettings { file })
}

fn x509(authorities: PemFile, revocation_lists: Vec<PemFile>) -> X509Settings {
    X509Settings { authorities: vec![authorities], revocation_lists, attributes: BTreeMap::new() }
}

fn by_name(username: &str) -> Admitted<'_> {
    Admitted { by: MethodKind::UserPassword, username: Some(username), chain: None }
}

fn by_certificate<'a>(chain: &'a [CertificateDer<'static>]) -> Admitted<'a> {
    Admitted { by: MethodKind::X509, username: Some("thermostat-01"), chain: Some(chain) }
}

fn judged(new: &Methods, before: &Methods, client: &Admitted<'_>) -> Result<Admission, String> {
    new.still_accept(before, client, SystemTime::now())
}

#[test]
fn who_is_gone_from_the_file_or_has_another_password_goes() {
    let ann = PasswordFile::put("", "ann", b"correct horse", None).unwrap();
    let both = PasswordFile::put(&ann, "bob", b"battery staple", None).unwrap();
    let before = compiled(&[users(&both)]);
    let changed = PasswordFile::put(&both, "bob", b"another one", None).unwrap();
    // The same hash with attributes: put again it would have another salt.
    let site = BTreeMap::from([("site".into(), "north".into())]);
    let line = both.lines().find(|line| line.contains("ann")).unwrap();
    let attributes = r#","attributes":{"site":"north"}}"#;
    let kept = format!("{}{attributes}\n", line.strip_suffix('}').unwrap());

    let after = compiled(&[users(&changed)]);
    assert!(matches!(judged(&after, &before, &by_name("ann")), Ok(Admission::Renewed(_))));
    assert!(judged(&after, &before, &by_name("bob")).unwrap_err().contains("the password has changed"));
    assert!(judged(&compiled(&[users(&ann)]), &before, &by_name("bob")).unwrap_err().contains("no such user"));
    let Ok(Admission::Renewed(renewed)) = judged(&compiled(&[users(&kept)]), &before, &by_name("ann")) else {
        panic!("ann has her password still");
    };
    assert_eq!((renewed.username.as_deref(), renewed.attributes), (Some("ann"), site));
}

#[test]
fn certificates_are_judged_again() {
    let (root, other) = (authority("Root"), authority("Other"));
    let chain = [issued(&Issued::default().serial(77), &root).0];
    let before = compiled(&[MethodSettings::X509(x509(file("ca.pem", &[&root]), vec![]))]);
    let refused = |settings: X509Settings| {
        judged(&compiled(&[MethodSettings::X509(settings)]), &before, &by_certificate(&chain)).unwrap_err()
    };
    assert!(refused(x509(file("ca.pem", &[&other]), vec![])).contains("UnknownIssuer"));
    let revoked = list(&root, 77, ListEnd::Ahead);
    assert!(refused(x509(file("ca.pem", &[&root]), vec![revoked])).contains("CertRevoked"));

    let attributes = BTreeMap::from([("line".to_owned(), "7".to_owned())]);
    let rule = AttributeRule { subject: "CN = Root, OU = Engineering, C = US".to_owned(), attributes };
    let mut settings = x509(file("ca.pem", &[&other, &root]), vec![list(&root, 78, ListEnd::Ahead)]);
    settings.attributes.insert("root".to_owned(), rule);
    let after = compiled(&[MethodSettings::X509(settings)]);
    let Ok(Admission::Renewed(renewed)) = judged(&after, &before, &by_certificate(&chain)) else {
        panic!("the certificate is good still");
    };
    assert_eq!(renewed.attributes.get("line").map(AsRef::as_ref), Some("7"));
}

#[test]
fn a_method_that_is_gone_takes_its_clients_along_and_one_that_is_the_same_does_not() {
    let root = authority("Root");
    let certificates = MethodSettings::X509(x509(file("ca.pem", &[&root]), vec![]));
    let ann = users(&PasswordFile::put("", "ann", b"correct horse", None).unwrap());
    let before = compiled(&[certificates.clone(), ann.clone()]);
    let only_users = Methods::compile(&[ann], Some(&before), &counters()).unwrap();
    assert_eq!(judged(&only_users, &before, &by_name("ann")), Ok(Admission::Same));
    let chain = [issued(&Issued::default().serial(77), &root).0];
    assert!(judged(&only_users, &before, &by_certificate(&chain)).unwrap_err().contains("no method here any more"));
}
