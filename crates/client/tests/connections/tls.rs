//! TLS: whom the client trusts, what it shows, what it offers.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use client::tls::{Authorities, Identity, TlsError, TlsOptions, TlsVersions, Verification, configuration};
use client::{Client, ConnectError, Endpoint};
use mqtt::client::Settings;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::options;
use crate::server::Server;

/// An authority with a certificate for `localhost` and one for a client, in files.
struct Pki {
    folder: TempDir,
}

impl Pki {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Two authorities are not to have one name.
        authority.distinguished_name.push(DnType::CommonName, folder.path().display().to_string());
        let certificate = authority.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.crt"), certificate.pem()).unwrap();
        let issuer = Issuer::new(authority, key);
        for (name, usage) in
            [("localhost", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
        {
            let key = KeyPair::generate().unwrap();
            let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
            leaf.extended_key_usages = vec![usage];
            fs::write(folder.path().join(format!("{name}.crt")), leaf.signed_by(&key, &issuer).unwrap().pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server with the certificate for localhost; with `Asks::Yes` it wants one of the client.
    async fn serve(&self, asks: Asks) -> (Server, u16) {
        let authorities = CertificateDer::from_pem_file(self.path("ca.crt")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authorities).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let builder = match asks {
            Asks::No => builder.with_no_client_auth(),
            Asks::Yes => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap(),
            ),
        };
        let chain = vec![CertificateDer::from_pem_file(self.path("localhost.crt")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(self.path("localhost.key")).unwrap();
        let mut configuration = builder.with_single_cert(chain, key).unwrap();
        // Whoever offers no other is taken; whoever offers another only is not.
        configuration.alpn_protocols = vec![b"mqtt".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(configuration));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server::default();
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, server) = (acceptor.clone(), serving.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        server.serve(stream).await;
                    }
                });
            }
        });
        (server, port)
    }
}

enum Asks {
    Yes,
    No,
}

async fn connect(host: &str, port: u16, options: &TlsOptions) -> Result<(), ConnectError> {
    let tls = Some(configuration(options).unwrap());
    let endpoint = Endpoint { tls, ..Endpoint::tcp(host, port) };
    Client::connect(&endpoint, &crate::options(), Settings::default()).await.map(drop)
}

#[tokio::test]
async fn the_certificate_is_checked_as_far_as_was_asked() {
    let pki = Pki::new();
    let (server, port) = pki.serve(Asks::No).await;
    let trusting = |source: Authorities| TlsOptions { authorities: vec![source], ..TlsOptions::default() };
    let file = trusting(Authorities::File(pki.path("ca.crt")));
    connect("localhost", port, &file).await.unwrap();
    connect("localhost", port, &trusting(Authorities::Folder(pki.folder.path().to_owned()))).await.unwrap();
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        connect("localhost", port, &TlsOptions { versions, ..file.clone() }).await.unwrap();
    }

    let other = connect("127.0.0.1", port, &file).await.unwrap_err();
    assert!(other.to_string().contains("not valid for name"), "{other}");
    let any_name = TlsOptions { verification: Verification::AnyName, ..file.clone() };
    connect("127.0.0.1", port, &any_name).await.unwrap();

    let stranger = Pki::new();
    let strange = trusting(Authorities::File(stranger.path("ca.crt")));
    for verification in [Verification::Full, Verification::AnyName] {
        let unknown = connect("localhost", port, &TlsOptions { verification, ..strange.clone() }).await.unwrap_err();
        assert!(unknown.to_string().contains("UnknownIssuer"), "{unknown}");
    }
    connect("127.0.0.1", port, &TlsOptions { verification: Verification::Nothing, ..strange }).await.unwrap();
    assert_eq!(server.connections(), 6);
}

#[tokio::test]
async fn the_application_protocol_is_the_one_named() {
    let pki = Pki::new();
    let (_, port) = pki.serve(Asks::No).await;
    let offering = |alpn: &[&str]| TlsOptions {
        authorities: vec![Authorities::File(pki.path("ca.crt"))],
        alpn: alpn.iter().map(|name| (*name).to_owned()).collect(),
        ..TlsOptions::default()
    };
    connect("localhost", port, &offering(&[])).await.unwrap();
    let refused = connect("localhost", port, &offering(&["h2"])).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Tls { .. }), "{refused}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_who_asks() {
    let pki = Pki::new();
    let (server, port) = pki.serve(Asks::Yes).await;
    let without = TlsOptions { authorities: vec![Authorities::File(pki.path("ca.crt"))], ..TlsOptions::default() };
    connect("localhost", port, &without).await.unwrap_err();
    let identity = Some(Identity { certificate: pki.path("client.crt"), key: pki.path("client.key") });
    connect("localhost", port, &TlsOptions { identity, ..without }).await.unwrap();
    assert_eq!(server.connections(), 1);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let pki = Pki::new();
    fs::write(pki.path("garbage"), "garbage").unwrap();
    fs::write(
        pki.path("encrypted"),
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .unwrap();
    fs::create_dir(pki.path("empty")).unwrap();
    let trusting = |source| TlsOptions { authorities: vec![source], ..TlsOptions::default() };
    let showing = |certificate: &str, key: &str| TlsOptions {
        identity: Some(Identity { certificate: pki.path(certificate), key: pki.path(key) }),
        verification: Verification::Nothing,
        ..TlsOptions::default()
    };
    for (options, expected) in [
        (trusting(Authorities::File(pki.path("missing"))), "missing: No such file"),
        (trusting(Authorities::File(pki.path("garbage"))), "garbage holds no certificate"),
        (trusting(Authorities::Folder(pki.path("empty"))), "empty holds no certificate"),
        (showing("client.crt", "garbage"), "garbage holds no private key"),
        (showing("client.crt", "encrypted"), "decrypt it with openssl pkey"),
        (showing("client.crt", "localhost.key"), "are not a certificate and its key"),
    ] {
        let error: TlsError = configuration(&options).unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn a_host_that_no_certificate_can_be_for_is_refused() {
    let pki = Pki::new();
    let (_, port) = pki.serve(Asks::No).await;
    let tls = TlsOptions { verification: Verification::Nothing, ..TlsOptions::default() };
    let endpoint = Endpoint { tls: Some(configuration(&tls).unwrap()), ..Endpoint::tcp("127.1", port) };
    let error = Client::connect(&endpoint, &options(), Settings::default()).await.unwrap_err();
    assert!(matches!(error, ConnectError::ServerName(_)), "{error}");
}
