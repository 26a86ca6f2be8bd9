//! Who is let in with every kind of key, and who is refused for which reason.

use std::sync::Arc;

use rustls::HandshakeKind;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use super::super::*;
use super::cluster::{Cluster, Failed, SECOND, connect, dial, roles, short_lived};
use crate::key::PrivateKey;
use crate::{KeyAlgorithm, KeyRotation};

/// Made beforehand: making the longer one takes half a minute and more, the other up to ten seconds.
const RSA_4096: &str = include_str!("../../automatic/rsa_4096.key");
const RSA_8192: &str = include_str!("../../automatic/rsa_8192.key");

fn check_links(algorithm: KeyAlgorithm, key: Option<&str>) {
    let cluster = Cluster::new("plant");
    let settings = InternalSettings { algorithm, rotation: KeyRotation::Never, ..short_lived() };
    let process = |role, name| match key {
        None => cluster.process_with(role, name, settings.clone()),
        Some(key) => {
            let provider = rustls::crypto::aws_lc_rs::default_provider();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            let pending = PendingCertificate::with(Arc::new(PrivateKey::new(key, &provider).unwrap())).unwrap();
            let member = cluster.member(role, name);
            let issued = cluster.authority.issue(pending.request(), &member, cluster.now()).unwrap();
            let terms = (member, settings.clone(), cluster.hand.clock());
            Credentials::establish(&cluster.file(name), pending, issued, terms).unwrap()
        }
    };
    let (frontend, backend) = (process(Role::Frontend, "f-0"), process(Role::Backend, "b-0"));
    let mut link = dial(&frontend, &backend).unwrap_or_else(|e| panic!("{algorithm:?}: {e:?}"));
    link.works();
    let seen = link.client_seen();
    assert_eq!(seen.member(), *frontend.member());
    assert_eq!(seen.not_after, frontend.not_after());
    assert_eq!(link.server_seen().member(), *backend.member());
    // Renewed with the same key, and both go on.
    frontend.rotate();
    cluster.tend(&frontend);
    assert_eq!(frontend.status(cluster.now()).renewals, 1);
    dial(&frontend, &backend).unwrap().works();
    link.works();
}

#[test]
fn elliptic_keys_of_every_kind_work() {
    for algorithm in [KeyAlgorithm::Ec256, KeyAlgorithm::Ec384, KeyAlgorithm::Ec521, KeyAlgorithm::Ed25519] {
        check_links(algorithm, None);
    }
}

#[test]
fn rsa_keys_work() {
    check_links(KeyAlgorithm::Rsa2048, None);
    check_links(KeyAlgorithm::Rsa4096, Some(RSA_4096));
    check_links(KeyAlgorithm::Rsa8192, Some(RSA_8192));
}

#[test]
fn nobody_resumes_a_session() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let (client, server) = (frontend.client(roles(Role::Backend)), backend.server(roles(Role::Frontend)));
    let (client, server) = (client.unwrap(), server.unwrap().link());
    // One that would like to is given nothing to do it with.
    let mut eager = Arc::unwrap_or_clone(client.clone());
    eager.resumption = rustls::client::Resumption::in_memory_sessions(8);
    let eager = Arc::new(eager);
    for client in [&client, &client, &eager, &eager, &eager] {
        let mut link = connect(client.clone(), server.clone()).unwrap();
        link.works();
        assert_eq!(link.client.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(link.client.tls13_tickets_received(), 0);
    }
}

#[test]
fn another_role_is_refused_on_both_sides() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let wrong = |expected, found| Refusal::WrongRole { expected: roles(expected), found };
    // A frontend poses as a backend.
    let client = cluster.process(Role::Bridge, "d-0").client(roles(Role::Backend)).unwrap();
    let server = frontend.server(roles(Role::Bridge)).unwrap().link();
    let refused = connect(client, server).unwrap_err();
    assert_eq!(refused, Failed::AtClient(wrong(Role::Backend, Role::Frontend)));
    // A bridge dials where frontends do.
    let bridge = cluster.process(Role::Bridge, "d-1");
    let refused = dial(&bridge, &backend).unwrap_err();
    let Failed::AtServer(reason) = refused else { panic!("{refused:?}") };
    assert_eq!(reason, wrong(Role::Frontend, Role::Bridge));
    assert_eq!(reason.to_string(), "the peer is a bridge, and only a frontend is let in here");
    assert_eq!(reason.kind(), "wrong_role");
}

#[test]
fn another_authority_is_refused_with_what_it_claims() {
    let (cluster, stranger) = (Cluster::new("plant"), Cluster::new("plant"));
    let (ours, theirs) = (cluster.process(Role::Backend, "b-0"), stranger.process(Role::Frontend, "f-0"));
    let client = theirs.client(roles(Role::Backend)).unwrap();
    let refused = connect(client, ours.server(roles(Role::Frontend)).unwrap().link()).unwrap_err();
    let claimed = "backend b-0 of cluster plant".to_owned();
    assert_eq!(refused, Failed::AtClient(Refusal::ForeignAuthority { claimed }));
    // The stranger trusts everybody: then it is the server who refuses.
    let gullible = cluster.process(Role::Frontend, "f-1").client(roles(Role::Backend)).unwrap();
    let mut gullible = Arc::unwrap_or_clone(gullible);
    gullible.client_auth_cert_resolver = theirs.client(roles(Role::Backend)).unwrap().client_auth_cert_resolver.clone();
    let refused = connect(Arc::new(gullible), ours.server(roles(Role::Frontend)).unwrap().link()).unwrap_err();
    let claimed = "frontend f-0 of cluster plant".to_owned();
    assert_eq!(refused, Failed::AtServer(Refusal::ForeignAuthority { claimed }));
}

#[test]
fn another_cluster_under_the_same_authority_is_refused() {
    let cluster = Cluster::new("plant");
    let frontend = cluster.process(Role::Frontend, "f-0");
    // The authority issues for its own cluster alone, so the verifier is asked as that of another one.
    let backend = cluster.process(Role::Backend, "b-0");
    let elsewhere = ClusterName::new("yard").unwrap();
    let member = Member { cluster: elsewhere.clone(), ..cluster.member(Role::Backend, "b-0") };
    let pending = Credentials::first_request(&short_lived()).unwrap();
    let error = cluster.authority.issue(pending.request(), &member, cluster.now()).unwrap_err();
    assert!(error.to_string().contains("it is for cluster yard, this is the authority of plant"), "{error}");
    let wrong = Refusal::WrongCluster { expected: elsewhere.clone(), found: cluster.name.clone() };
    let (_, server) = backend.ends_of(elsewhere.clone(), roles(Role::Frontend));
    let refused = connect(frontend.client(roles(Role::Backend)).unwrap(), server.link()).unwrap_err();
    assert_eq!(refused, Failed::AtServer(wrong.clone()));
    let (client, _) = frontend.ends_of(elsewhere, roles(Role::Backend));
    let refused = connect(client, backend.server(roles(Role::Frontend)).unwrap().link()).unwrap_err();
    assert_eq!(refused, Failed::AtClient(wrong.clone()));
    assert_eq!(wrong.to_string(), "the peer belongs to cluster plant, this is cluster yard");
}

#[test]
fn an_ended_certificate_is_refused() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let ended = frontend.not_after();
    cluster.hand.advance(15 * SECOND);
    cluster.tend(&backend);
    dial(&frontend, &backend).unwrap().works();
    cluster.hand.advance(7 * SECOND);
    assert_eq!(dial(&frontend, &backend).unwrap_err(), Failed::AtServer(Refusal::Expired { ended }));
    // The other way round it is the dialling side that refuses.
    let client = backend.client(roles(Role::Frontend)).unwrap();
    let refused = connect(client, frontend.server(roles(Role::Backend)).unwrap().link()).unwrap_err();
    assert_eq!(refused, Failed::AtClient(Refusal::Expired { ended }));
    assert!(
        Credentials::open(&cluster.file("f-0"), frontend.member().clone(), short_lived(), cluster.hand.clock())
            .unwrap()
            .is_none()
    );
    assert!(frontend.status(cluster.now()).seconds_left(cluster.now()) <= 0);
}

#[test]
fn clocks_may_be_apart_by_a_day() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let begins = frontend.status(cluster.now()).not_before;
    let set_back = |by| *cluster.hand.set() -= by;
    set_back(24 * 3600 * SECOND - SECOND);
    dial(&frontend, &backend).unwrap().works();
    set_back(2 * SECOND);
    let refused = dial(&frontend, &backend).unwrap_err();
    assert_eq!(refused, Failed::AtClient(Refusal::NotYetValid { begins }));
    // One side has a certificate of before by now: the other one is refused where it dials.
    let old = cluster.process(Role::Backend, "b-1");
    assert_eq!(dial(&frontend, &old).unwrap_err(), Failed::AtServer(Refusal::NotYetValid { begins }));
    assert!(frontend.is_due(cluster.now()), "a certificate from the future, of {begins:?}, stays in use");
}

#[test]
fn another_process_than_the_one_dialled_is_refused() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let server = backend.server(roles(Role::Frontend)).unwrap().link();
    let client = |name| frontend.client_to(Role::Backend, MemberName::new(name).unwrap()).unwrap();
    connect(client("b-0"), server.clone()).unwrap().works();
    let Failed::AtClient(refused) = connect(client("b-1"), server).unwrap_err() else { panic!("the server refused") };
    assert_eq!(refused.kind(), "wrong_name");
    assert_eq!(
        refused.to_string(),
        "the peer is b-0, and b-1 was dialled; its address may have become somebody else's"
    );
}

#[test]
fn who_is_refused_hears_that_it_was() {
    let cluster = Cluster::new("plant");
    let (bridge, backend) = (cluster.process(Role::Bridge, "d-0"), cluster.process(Role::Backend, "b-0"));
    let name = rustls_pki_types::ServerName::try_from("peer.invalid").unwrap();
    let mut client = rustls::ClientConnection::new(bridge.client(roles(Role::Backend)).unwrap(), name).unwrap();
    let server = backend.server(roles(Role::Frontend)).unwrap().link();
    let mut server = rustls::ServerConnection::new(server).unwrap();
    let mut heard = None;
    for _ in 0..10 {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        while client.wants_write() {
            client.write_tls(&mut to_server).unwrap();
        }
        server.read_tls(&mut to_server.as_slice()).unwrap();
        drop(server.process_new_packets());
        while server.wants_write() {
            server.write_tls(&mut to_client).unwrap();
        }
        client.read_tls(&mut to_client.as_slice()).unwrap();
        if let Err(error) = client.process_new_packets() {
            heard = Some(error);
            break;
        }
    }
    let refusal = Refusal::of(&heard.expect("an alert"));
    assert_eq!(refusal.kind(), "by_peer");
    let expected = "the peer refused this process (our certificate is not one it lets in); its log says why";
    assert_eq!(refusal.to_string(), expected);
}

#[test]
fn plain_text_is_named() {
    let cluster = Cluster::new("plant");
    let backend = cluster.process(Role::Backend, "b-0");
    let server = backend.server(roles(Role::Frontend)).unwrap().link();
    let mut server = rustls::ServerConnection::new(server).unwrap();
    server.read_tls(&mut &b"\x10\x0c\x00\x04MQTT\x05\x02\x00\x00\x00\x00"[..]).unwrap();
    let error = server.process_new_packets().unwrap_err();
    assert_eq!(Refusal::of(&error), Refusal::NotTls);
    let name = rustls_pki_types::ServerName::try_from("peer.invalid").unwrap();
    let mut client = rustls::ClientConnection::new(backend.client(roles(Role::Frontend)).unwrap(), name).unwrap();
    client.read_tls(&mut &b"\x20\x02\x00\x00"[..]).unwrap();
    assert_eq!(Refusal::of(&client.process_new_packets().unwrap_err()), Refusal::NotTls);
    let wrapped = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
    assert_eq!(Refusal::of_io(&wrapped), Some(Refusal::NotTls));
    assert_eq!(Refusal::of_io(&std::io::ErrorKind::ConnectionReset.into()), None);
}

#[test]
fn a_peer_without_a_certificate_is_refused() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let mut bare = Arc::unwrap_or_clone(frontend.client(roles(Role::Backend)).unwrap());
    bare.client_auth_cert_resolver = Arc::new(Bare);
    let refused = connect(Arc::new(bare), backend.server(roles(Role::Frontend)).unwrap().link()).unwrap_err();
    assert_eq!(refused, Failed::AtServer(Refusal::NoCertificate));
}

#[derive(Debug)]
struct Bare;

impl rustls::client::ResolvesClientCert for Bare {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
