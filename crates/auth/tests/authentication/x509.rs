//! Client certificates: at CONNECT and in the handshake.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth::authentication::{
    AttributeRule, ClientTrust, Demand, MethodKind, MethodSettings, Methods, PemFile, Purpose, X509Settings,
};
use mqtt::ReasonCode;
use rcgen::{DnType, ExtendedKeyUsagePurpose};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};

use crate::parts::{
    Issued, ListEnd, TestAuthority, accepted, anyone, authority, compiled, counters, denied, file, issued, judge,
    judge_at, list, seconds_from, with_chain,
};

fn settings(
    authorities: Vec<PemFile>,
    revocation_lists: Vec<PemFile>,
    rules: &[(&str, &str, &str)],
) -> Vec<MethodSettings> {
    let rule = |(name, subject, group): &(&str, &str, &str)| {
        let attributes = BTreeMap::from([("group".to_owned(), (*group).to_owned())]);
        ((*name).to_owned(), AttributeRule { subject: (*subject).to_owned(), attributes })
    };
    let attributes = rules.iter().map(rule).collect();
    vec![MethodSettings::X509(X509Settings { authorities, revocation_lists, attributes })]
}

fn trusting(made: &TestAuthority) -> Methods {
    compiled(&settings(vec![file("ca.pem", &[made])], vec![], &[]))
}

fn good(by: &TestAuthority) -> CertificateDer<'static> {
    issued(&Issued::default(), by).0
}

#[tokio::test]
async fn the_name_is_the_common_name_and_the_end_is_the_certificates() {
    let root = authority("Root");
    let found = accepted(judge(&trusting(&root), &with_chain(vec![good(&root)])).await);
    assert_eq!((found.username.as_deref(), found.by), (Some("thermostat-01"), MethodKind::X509));
    let left = found.expires.unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(left > Duration::from_secs(29 * 86_400) && left <= Duration::from_secs(30 * 86_400));
    assert!(found.attributes.is_empty());
}

#[tokio::test]
async fn a_certificate_must_be_good_at_the_time() {
    let (root, stranger) = (authority("Root"), authority("Root"));
    let methods = trusting(&root);
    let server = Issued { usage: ExtendedKeyUsagePurpose::ServerAuth, ..Issued::default() };
    let over = Issued { begins: time::Duration::days(-10), ends: time::Duration::days(-1), ..Issued::default() };
    let early = Issued { begins: time::Duration::days(1), ..Issued::default() };
    for (certificate, part) in [
        (issued(&over, &root).0, "expired"),
        (issued(&early, &root).0, "CertNotValidYet"),
        (issued(&server, &root).0, "RequiredEkuNotFound"),
        (good(&stranger), ""),
        (CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]), ""),
    ] {
        let verdict = judge(&methods, &with_chain(vec![certificate])).await;
        let part = if part == "expired" { "CertExpired" } else { part };
        assert_eq!(denied(verdict, part), ReasonCode::NotAuthorized, "{part}");
    }
    let certificate = with_chain(vec![good(&root)]);
    denied(judge_at(&methods, &certificate, seconds_from(SystemTime::now(), 31 * 86_400)).await, "CertExpired");
    assert_eq!(denied(judge(&methods, &anyone()).await, "no method"), ReasonCode::NotAuthorized);
    assert_eq!(denied(judge(&methods, &with_chain(vec![])).await, "no method"), ReasonCode::NotAuthorized);
}

#[tokio::test]
async fn intermediates_lead_to_the_root_or_are_trusted_themselves() {
    let root = authority("Root");
    let middle = root.below("Middle");
    let lower = middle.below("Lower");
    let chain = || vec![good(&lower), lower.der(), middle.der()];
    accepted(judge(&trusting(&root), &with_chain(chain())).await);
    let mut turned = chain();
    turned.swap(1, 2);
    accepted(judge(&trusting(&root), &with_chain(turned)).await);
    denied(judge(&trusting(&root), &with_chain(vec![good(&lower)])).await, "UnknownIssuer");
    accepted(judge(&trusting(&lower), &with_chain(vec![good(&lower)])).await);
    denied(judge(&trusting(&middle), &with_chain(vec![good(&root)])).await, "UnknownIssuer");
    // A certificate that is no authority's signs nobody.
    let leaf = root.issue(&Issued::default());
    let posing = TestAuthority::posing_as("thermostat-01", &leaf);
    denied(judge(&trusting(&root), &with_chain(vec![good(&posing), leaf.ders().remove(0)])).await, "");
}

#[tokio::test]
async fn attributes_come_from_the_lowest_certificate_that_is_named() {
    let root = authority("Contoso Root CA Cert");
    let middle = root.below("Middle");
    let subject = vec![
        (DnType::CommonName, "thermostat-01"),
        (DnType::OrganizationName, "Sue, Grabbit and Runn"),
        (DnType::CountryName, "US"),
    ];
    let leaf = issued(&Issued::of(&subject), &middle).0;
    let chain = || vec![leaf.clone(), middle.der()];
    let (root_rule, middle_rule) =
        (("a", "C=US,OU=Engineering, CN = Contoso Root CA Cert", "root"), ("b", "CN = Middle", "middle"));
    let leaf_rule = ("z", r"O = Sue\, Grabbit and Runn, C = US, CN = thermostat-01", "leaf");
    let other_rule = ("c", "CN = thermostat-01", "other");
    for (rules, expected) in [
        (vec![], None),
        (vec![other_rule], None),
        (vec![root_rule], Some("root")),
        (vec![root_rule, middle_rule, other_rule], Some("middle")),
        (vec![root_rule, middle_rule, leaf_rule], Some("leaf")),
    ] {
        let methods = compiled(&settings(vec![file("ca.pem", &[&root])], vec![], &rules));
        let found = accepted(judge(&methods, &with_chain(chain())).await);
        assert_eq!(found.attributes.get("group").map(AsRef::as_ref), expected, "{rules:?}");
    }
}

/// What a client sends beside its path is not above it.
#[tokio::test]
async fn a_certificate_that_is_not_on_the_path_gives_nothing() {
    let root = authority("Root");
    let privileged = root.below("Privileged");
    let rules = [("a", "CN = Privileged", "operators")];
    let methods = compiled(&settings(vec![file("ca.pem", &[&root])], vec![], &rules));
    let chain = vec![good(&root), privileged.der()];
    assert!(accepted(judge(&methods, &with_chain(chain)).await).attributes.is_empty());
    let below = vec![good(&privileged), privileged.der()];
    assert!(!accepted(judge(&methods, &with_chain(below)).await).attributes.is_empty());
}

#[tokio::test]
async fn names_that_are_missing_or_doubtful() {
    let root = authority("Root");
    let nameless = issued(&Issued::of(&[(DnType::OrganizationName, "o")]), &root).0;
    let credentials =
        auth::authentication::Credentials { username: Some("admin".into()), ..with_chain(vec![nameless]) };
    assert_eq!(accepted(judge(&trusting(&root), &credentials).await).username, None);
    let two = vec![(DnType::CommonName, "a"), (DnType::CustomDnType(vec![2, 5, 4, 3]), "admin")];
    let two = issued(&Issued::of(&two), &root).0;
    denied(judge(&trusting(&root), &with_chain(vec![two])).await, "several common names");
}

#[tokio::test]
async fn what_is_on_a_list_is_revoked() {
    let (root, unlisted) = (authority("Root"), authority("Unlisted"));
    let middle = root.below("Middle");
    let roots = || vec![file("ca.pem", &[&root, &unlisted])];
    let (revoked, other) = (good(&root), issued(&Issued { serial: 78, ..Issued::default() }, &root).0);
    for end in [ListEnd::Ahead, ListEnd::Past] {
        let methods = compiled(&settings(roots(), vec![list(&root, 77, end)], &[]));
        denied(judge(&methods, &with_chain(vec![revoked.clone()])).await, "CertRevoked");
        accepted(judge(&methods, &with_chain(vec![other.clone()])).await);
        // An authority without a list revokes nobody.
        accepted(judge(&methods, &with_chain(vec![good(&unlisted)])).await);
    }
    // A list of somebody else with the same number is none of ours, and neither is one with a forged signature.
    accepted(
        judge(
            &compiled(&settings(roots(), vec![list(&unlisted, 77, ListEnd::Ahead)], &[])),
            &with_chain(vec![revoked.clone()]),
        )
        .await,
    );
    let forged = authority("Root");
    denied(
        judge(&compiled(&settings(roots(), vec![list(&forged, 77, ListEnd::Ahead)], &[])), &with_chain(vec![other]))
            .await,
        "",
    );
    let through = vec![good(&middle), middle.der()];
    let methods = compiled(&settings(roots(), vec![list(&middle, 77, ListEnd::Ahead)], &[]));
    denied(judge(&methods, &with_chain(through)).await, "CertRevoked");
}

#[tokio::test]
async fn a_change_of_authorities_counts_for_those_who_come_after() {
    let (old, new) = (authority("Old"), authority("New"));
    let counters = counters();
    let of = |made: &[&TestAuthority]| settings(vec![file("ca.pem", made)], vec![], &[]);
    let first = Methods::compile(&of(&[&old]), None, &counters).unwrap_or_else(|errors| panic!("{errors:?}"));
    accepted(judge(&first, &with_chain(vec![good(&old)])).await);
    let both =
        Methods::compile(&of(&[&old, &new]), Some(&first), &counters).unwrap_or_else(|errors| panic!("{errors:?}"));
    accepted(judge(&both, &with_chain(vec![good(&old)])).await);
    accepted(judge(&both, &with_chain(vec![good(&new)])).await);
    let last = Methods::compile(&of(&[&new]), Some(&both), &counters).unwrap_or_else(|errors| panic!("{errors:?}"));
    denied(judge(&last, &with_chain(vec![good(&old)])).await, "UnknownIssuer");
}

#[tokio::test]
async fn a_certificate_is_not_renewed() {
    let root = authority("Root");
    let again = Purpose::ReAuthenticate { username: Some("thermostat-01".into()), by: MethodKind::X509 };
    let verdict = trusting(&root).judge(&with_chain(vec![good(&root)]), &again, SystemTime::now()).await;
    denied(verdict, "cannot be renewed");
}

#[test]
fn what_is_wrong_with_files_is_named() {
    let root = authority("Root");
    let pem = |name: &str, content: &str| PemFile { name: name.to_owned(), content: content.into() };
    let damaged = root.certificate.replace("END CERTIFICATE", "END");
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let listed = file("ca.pem", &[&root]);
    for (authorities, lists, rules, part) in [
        (vec![], vec![], vec![], "no certificate in an empty bundle"),
        (vec![pem("client-ca/a.pem", "hello")], vec![], vec![], "no certificate in client-ca/a.pem"),
        (vec![listed.clone(), pem("b.pem", &damaged)], vec![], vec![], "b.pem is damaged after 0 sections"),
        (vec![pem("c.pem", empty)], vec![], vec![], "certificate 1 of c.pem cannot be read"),
        (vec![listed.clone()], vec![pem("d.crl", "hello")], vec![], "d.crl is no certificate revocation list"),
        (vec![listed.clone()], vec![pem("e.crl", "0abc")], vec![], "revocation list in e.crl"),
        (
            vec![listed],
            vec![],
            vec![("root", "nonsense", "g")],
            "authorizationAttributes.root.subject: \"nonsense\" has no `=`",
        ),
    ] {
        let errors = Methods::compile(&settings(authorities, lists, &rules), None, &counters()).err().unwrap();
        let text = errors[0].to_string();
        assert!(text.starts_with("authenticationMethods[0]: ") && text.contains(part), "{text}");
    }
}

#[test]
fn a_list_may_be_der() {
    let root = authority("Root");
    let listed = list(&root, 1, ListEnd::Ahead);
    let text = String::from_utf8(listed.content.clone()).unwrap();
    let der = rustls_pki_types::CertificateRevocationListDer::from_pem_slice(text.as_bytes()).unwrap().to_vec();
    compiled(&settings(vec![file("ca.pem", &[&root])], vec![PemFile { content: der, ..listed }], &[]));
}

/// A handshake over memory: whether the server takes the client, and what it sees of it.
fn handshake(
    demand: Demand,
    roots: &[&TestAuthority],
    lists: &[PemFile],
    shown: Option<(CertificateDer<'static>, String)>,
) -> Result<usize, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server_root = authority("Server");
    let server_how = Issued { usage: ExtendedKeyUsagePurpose::ServerAuth, ..Issued::default() };
    let (server_certificate, server_key) = issued(&server_how, &server_root);
    let key = |pem: &str| PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let verifier = ClientTrust::verifier(&[file("ca.pem", roots)], lists, demand).unwrap();
    let server =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let server = server
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server_certificate], key(&server_key))
        .unwrap();
    let mut trusted = RootCertStore::empty();
    trusted.add(server_root.der()).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.dangerous().with_custom_certificate_verifier(Arc::new(Anybody));
    let client = match shown {
        None => client.with_no_client_auth(),
        Some((certificate, pem)) => client.with_client_auth_cert(vec![certificate], key(&pem)).unwrap(),
    };
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = rustls::ServerConnection::new(Arc::new(server)).unwrap();
    for _ in 0..10 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets().map_err(|error| error.to_string())?;
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets().map_err(|error| error.to_string())?;
        }
    }
    assert!(!server.is_handshaking());
    Ok(server.peer_certificates().map_or(0, <[_]>::len))
}

/// These tests are not about the server's certificate.
#[derive(Debug)]
struct Anybody;

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls_pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[test]
fn the_handshake_lets_in_who_has_a_good_certificate() {
    let (root, stranger) = (authority("Root"), authority("Stranger"));
    let good = || issued(&Issued::default(), &root);
    let over = || {
        issued(
            &Issued { begins: time::Duration::days(-10), ends: time::Duration::days(-1), ..Issued::default() },
            &root,
        )
    };
    for demand in [Demand::Required, Demand::Optional] {
        assert_eq!(handshake(demand, &[&root], &[], Some(good())), Ok(1));
        for bad in [over(), issued(&Issued::default(), &stranger)] {
            assert!(handshake(demand, &[&root], &[], Some(bad)).is_err(), "{demand:?}");
        }
        assert!(handshake(demand, &[&root], &[list(&root, 77, ListEnd::Ahead)], Some(good())).is_err());
        assert_eq!(handshake(demand, &[&root, &stranger], &[list(&stranger, 77, ListEnd::Ahead)], Some(good())), Ok(1));
    }
    assert!(handshake(Demand::Required, &[&root], &[], None).is_err());
    assert_eq!(handshake(Demand::Optional, &[&root], &[], None), Ok(0));
}
