//! Client certificates, in handshakes with a server that asks for them.

use std::fs;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge::credentials::{Credentials, Keeper, Presented, Renewal, Source, X509Sources};
use causeway_tests::pki::client::Issued;
use causeway_tests::pki::{Pair, TestAuthority};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::CertificateDer;

use crate::parts::{fast, held, refusal, within};

/// Files with the names that the secret has.
struct Files(tempfile::TempDir);

impl Files {
    fn of(pair: &Pair) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("client_key.pem", &pair.key);
        files.write("client_cert.pem", &pair.chain);
        files
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.0.path().join(name), content).unwrap();
    }

    fn source(&self, name: &str) -> Source {
        Source::File(self.0.path().join(name))
    }

    fn credentials(&self) -> Credentials {
        Credentials::X509(X509Sources {
            certificate: self.source("client_cert.pem"),
            key: self.source("client_key.pem"),
            intermediates: None,
        })
    }
}

fn roots(authority: &TestAuthority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    roots
}

/// The chain that a server sees which trusts `clients`.
fn seen(presented: &Presented, clients: &TestAuthority) -> Result<Vec<CertificateDer<'static>>, rustls::Error> {
    let servers = TestAuthority::new("Server CA");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(clients)), provider.clone()).build();
    let pair = servers.server("server");
    let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let server = server.with_client_cert_verifier(verifier.unwrap()).with_single_cert(pair.ders(), pair.key_der());
    let endpoint = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let endpoint = Arc::new(endpoint.with_root_certificates(roots(&servers)).with_no_client_auth());
    let mut client = ClientConnection::new(presented.tls(&endpoint), "localhost".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server.unwrap())).unwrap();
    for _ in 0..4 {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        client.write_tls(&mut there).unwrap();
        while !there.is_empty() {
            let read = server.read_tls(&mut there.as_slice()).unwrap();
            there.drain(..read);
            server.process_new_packets()?;
        }
        server.write_tls(&mut back).unwrap();
        while !back.is_empty() {
            let read = client.read_tls(&mut back.as_slice()).unwrap();
            back.drain(..read);
            client.process_new_packets()?;
        }
    }
    Ok(server.peer_certificates().unwrap_or_default().to_vec())
}

#[tokio::test]
async fn a_certificate_is_shown_and_its_successor_too() {
    let clients = TestAuthority::new("Client CA");
    let (first, second) = (clients.issue(&Issued::default()), clients.issue(&Issued::default().serial(78)));
    let files = Files::of(&first);
    let mut keeper = Keeper::start(&files.credentials(), &Arc::new(fast()));
    let presented = within(keeper.present()).await.unwrap();
    assert_eq!(seen(&presented, &clients).unwrap(), first.ders());
    assert_eq!(presented.renewal(), Renewal::Reconnect);
    assert!(presented.authentication().is_none() && presented.expires().is_some());
    // Half of a renewal is not shown: the key comes later.
    files.write("client_cert.pem", &second.chain);
    while keeper.status().failure.is_none() {
        within(tokio::time::sleep(std::time::Duration::from_millis(5))).await;
    }
    let error = keeper.status().failure.unwrap().error;
    assert!(error.may_pass() && error.to_string().contains("take both from one source"), "{error}");
    files.write("client_key.pem", &second.key);
    let renewed = within(keeper.changed()).await;
    assert_eq!(seen(&renewed, &clients).unwrap(), second.ders());
    assert_eq!(keeper.status().failure, None);
}

#[tokio::test]
async fn intermediate_certificates_go_along() {
    let root = TestAuthority::new("Root");
    let middle = root.below("Middle");
    let pair = middle.issue(&Issued::default());
    let sources = |intermediates| X509Sources {
        certificate: held("client_cert.pem", &pair.chain),
        key: held("client_key.pem", &pair.key),
        intermediates,
    };
    let surroundings = Arc::new(fast());
    let mut alone = Keeper::start(&Credentials::X509(sources(None)), &surroundings);
    assert!(seen(&within(alone.present()).await.unwrap(), &root).is_err());
    let middle = held("client_intermediate_certs.pem", &middle.certificate);
    let mut whole = Keeper::start(&Credentials::X509(sources(Some(middle))), &surroundings);
    assert_eq!(seen(&within(whole.present()).await.unwrap(), &root).unwrap().len(), 2);
}

#[tokio::test]
async fn without_certificate_the_settings_of_the_endpoint_stay() {
    let clients = TestAuthority::new("Client CA");
    let mut keeper = Keeper::start(&Credentials::Anonymous, &Arc::new(fast()));
    assert!(seen(&within(keeper.present()).await.unwrap(), &clients).is_err());
}

#[tokio::test]
async fn mistakes_are_said_with_what_would_be_right() {
    let clients = TestAuthority::new("Client CA");
    let (pair, other) = (clients.issue(&Issued::default()), clients.issue(&Issued::default()));
    let past = clients.issue(&Issued { ends: time::Duration::hours(-1), ..Issued::default() });
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let (twice, flat) = (STANDARD.encode(&pair.chain), pair.chain.replace('\n', "\\n"));
    let cut = pair.chain.replace("-----END CERTIFICATE-----", "");
    for (certificate, key, expected) in [
        (twice.as_str(), pair.key.as_str(), "cert holds something else (it is in base64 once more; decode it once)"),
        (&flat, &pair.key, "cert holds something else (its line ends are written as \\n; write them as line ends)"),
        (&cut, &pair.key, "cert holds something else (a section has no END line)"),
        (&pair.key, &pair.key, "cert holds something else (no such section); it must hold a certificate in PEM form"),
        ("", &pair.key, "cert is empty; it must hold a certificate in PEM form"),
        (&pair.chain, "", "key is empty; it must hold an unencrypted private key in PEM form"),
        (&pair.chain, encrypted, "key holds something else (the key is encrypted; decrypt it with openssl pkey)"),
        (&pair.chain, &pair.chain, "key holds something else (no such section)"),
        (&pair.chain, &other.key, "the certificate in cert and the key in key cannot be used together"),
        (&past.chain, &past.key, "the certificate in cert ended at 20"),
    ] {
        let sources =
            X509Sources { certificate: held("cert", certificate), key: held("key", key), intermediates: None };
        let said = refusal(&Credentials::X509(sources), fast()).await;
        assert!(said.starts_with(expected), "{said}\n{expected}");
        assert!(!said.contains("MII"), "{said}");
    }
}
