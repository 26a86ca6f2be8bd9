//! Certificates of clients: who gets through the handshake, and who resumes a session when the trust has changed.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::handshake::{TLS12, TLS13, connect};
use crate::{
    ApplicationProtocol, Authority, AutomaticSettings, CertificateSource, Certificates, KeyAlgorithm, KeyRotation,
    ServerNames, ServerTls,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// An authority for clients' certificates.
struct ClientAuthority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A client's certificate and key (PKCS#8).
type Pair = (CertificateDer<'static>, Vec<u8>);

#[derive(Clone, Copy)]
enum Demand {
    Required,
    Optional,
}

impl ClientAuthority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate that began two days before `end`.
    fn issue_until(&self, end: SystemTime) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "pump");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = OffsetDateTime::from(end - 2 * DAY);
        params.not_after = OffsetDateTime::from(end);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), key.serialize_der())
    }

    fn issue(&self) -> Pair {
        self.issue_until(SystemTime::now() + DAY)
    }

    fn verifier(&self, demand: Demand) -> Arc<dyn ClientCertVerifier> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        match demand {
            Demand::Required => builder.build().unwrap(),
            Demand::Optional => builder.allow_unauthenticated().build().unwrap(),
        }
    }
}

/// One listener.
struct Listener {
    folder: TempDir,
    certificates: Certificates,
    trusted: PathBuf,
    tls: ServerTls,
}

impl Listener {
    fn new(clients: Option<Arc<dyn ClientCertVerifier>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), SystemTime::now()).unwrap();
        let certificates = Certificates::start(authority).unwrap();
        let trusted = certificates.ca_certificate();
        let tls = publish(&certificates, clients);
        Self { folder, certificates, trusted, tls }
    }

    fn publish(&self, clients: Option<Arc<dyn ClientCertVerifier>>) {
        publish(&self.certificates, clients);
    }

    fn stored(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("mqtts/tls.crt")).unwrap()
    }

    fn client(&self, versions: &[&'static SupportedProtocolVersion], pair: Option<Pair>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.trusted).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match pair {
            Some((certificate, key)) => {
                builder.with_client_auth_cert(vec![certificate], PrivatePkcs8KeyDer::from(key).into()).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::in_memory_sessions(4);
        Arc::new(config)
    }

    /// What the server knows of the client after a handshake, and whether that began anew.
    fn shown(&self, client: &Arc<ClientConfig>) -> Result<(Option<CertificateDer<'static>>, HandshakeKind), String> {
        let (_, server) = connect(&self.tls, client.clone(), "localhost")?;
        let shown = server.peer_certificates().map(|chain| chain[0].clone().into_owned());
        Ok((shown, server.handshake_kind().unwrap()))
    }
}

fn publish(certificates: &Certificates, clients: Option<Arc<dyn ClientCertVerifier>>) -> ServerTls {
    let source = CertificateSource::Automatic(AutomaticSettings {
        folder: "mqtts".to_owned(),
        names: ServerNames::local(None),
        duration: Duration::from_secs(7200),
        renew_before: Duration::from_secs(3600),
        algorithm: KeyAlgorithm::Ec256,
        rotation: KeyRotation::Always,
    });
    let now = SystemTime::now();
    certificates.prepare("mqtts", ApplicationProtocol::Mqtt, source, clients, now).unwrap().publish()
}

#[test]
fn a_certificate_of_the_authority_gets_through_and_no_other() {
    let (ours, theirs) = (ClientAuthority::new("one"), ClientAuthority::new("two"));
    for demand in [Demand::Required, Demand::Optional] {
        let listener = Listener::new(Some(ours.verifier(demand)));
        for versions in [TLS12, TLS13] {
            let good = ours.issue();
            let shown = listener.shown(&listener.client(versions, Some(good.clone()))).unwrap().0;
            assert_eq!(shown, Some(good.0));
            for (bad, expected) in [
                (theirs.issue(), "UnknownIssuer"),
                (ours.issue_until(SystemTime::now() - DAY), "xpired"),
                (ours.issue_until(SystemTime::now() + 3 * DAY), "not valid"),
            ] {
                let refused = listener.shown(&listener.client(versions, Some(bad))).unwrap_err();
                assert!(refused.contains(expected), "{expected}: {refused}");
            }
        }
    }
}

#[test]
fn no_certificate_gets_through_where_it_is_not_required() {
    let authority = ClientAuthority::new("one");
    for versions in [TLS12, TLS13] {
        let required = Listener::new(Some(authority.verifier(Demand::Required)));
        let refused = required.shown(&required.client(versions, None)).unwrap_err();
        assert!(refused.contains("no certificates"), "{refused}");
        for clients in [None, Some(authority.verifier(Demand::Optional))] {
            let listener = Listener::new(clients);
            assert_eq!(listener.shown(&listener.client(versions, None)).unwrap().0, None);
        }
        // Who is not asked shows nothing.
        let without = Listener::new(None);
        assert_eq!(without.shown(&without.client(versions, Some(authority.issue()))).unwrap().0, None);
    }
}

#[test]
fn a_session_is_resumed_with_the_certificate_it_began_with_also_after_a_renewal() {
    let authority = ClientAuthority::new("one");
    let verifier = authority.verifier(Demand::Required);
    for versions in [TLS12, TLS13] {
        let listener = Listener::new(Some(verifier.clone()));
        let pair = authority.issue();
        let client = listener.client(versions, Some(pair.clone()));
        assert_eq!(listener.shown(&client).unwrap(), (Some(pair.0.clone()), HandshakeKind::Full));
        let before = listener.stored();
        fs::remove_dir_all(listener.folder.path().join("mqtts")).unwrap();
        listener.publish(Some(verifier.clone()));
        assert_ne!(listener.stored(), before);
        assert_eq!(listener.shown(&client).unwrap(), (Some(pair.0), HandshakeKind::Resumed));
    }
}

#[test]
fn nobody_resumes_a_session_of_before_the_trust_changed() {
    let (before, after) = (ClientAuthority::new("one"), ClientAuthority::new("two"));
    for versions in [TLS12, TLS13] {
        for demand in [Demand::Required, Demand::Optional] {
            let listener = Listener::new(Some(before.verifier(demand)));
            let client = listener.client(versions, Some(before.issue()));
            listener.shown(&client).unwrap();
            assert_eq!(listener.shown(&client).unwrap().1, HandshakeKind::Resumed);
            listener.publish(Some(after.verifier(demand)));
            let refused = listener.shown(&client).unwrap_err();
            assert!(refused.contains("UnknownIssuer"), "{refused}");
        }
    }
}

#[test]
fn nobody_resumes_a_session_in_which_no_certificate_was_asked_for() {
    let authority = ClientAuthority::new("one");
    for versions in [TLS12, TLS13] {
        let listener = Listener::new(None);
        let client = listener.client(versions, Some(authority.issue()));
        assert_eq!(listener.shown(&client).unwrap().0, None);
        assert_eq!(listener.shown(&client).unwrap().1, HandshakeKind::Resumed);
        listener.publish(Some(authority.verifier(Demand::Optional)));
        let (shown, kind) = listener.shown(&client).unwrap();
        assert!(shown.is_some() && kind == HandshakeKind::Full);
        // And back: what nobody checks any more is not shown any more.
        listener.publish(None);
        assert_eq!(listener.shown(&client).unwrap(), (None, HandshakeKind::Full));
    }
}
