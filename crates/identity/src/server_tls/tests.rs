//! Handshakes in memory against published configurations: versions, ALPN, server names that are addresses, tickets.

mod clients;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::Resumption;
use rustls::{HandshakeKind, ProtocolVersion};
use tempfile::TempDir;

use super::ServerTls;
use crate::handshake::{TLS12, TLS13, accept, begin, client, connect, finish, shown};
use crate::{
    ApplicationProtocol, Authority, AutomaticSettings, CertificateSource, Certificates, KeyAlgorithm, KeyRotation,
    ServerNames,
};

struct Fixture {
    folder: TempDir,
    certificates: Certificates,
    trusted: PathBuf,
    tls: ServerTls,
}

impl Fixture {
    fn new(protocol: ApplicationProtocol) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), SystemTime::now()).unwrap();
        let certificates = Certificates::start(authority).unwrap();
        let trusted = certificates.ca_certificate();
        let tls = publish(&certificates, protocol);
        Self { folder, certificates, trusted, tls }
    }

    /// Publishes another certificate, as a renewal does.
    fn renew(&self, protocol: ApplicationProtocol) {
        fs::remove_dir_all(self.folder.path().join("mqtts")).unwrap();
        publish(&self.certificates, protocol);
    }
}

fn publish(certificates: &Certificates, protocol: ApplicationProtocol) -> ServerTls {
    let source = CertificateSource::Automatic(AutomaticSettings {
        folder: "mqtts".to_owned(),
        names: ServerNames::local(Some("gateway")),
        duration: Duration::from_secs(7200),
        renew_before: Duration::from_secs(3600),
        algorithm: KeyAlgorithm::Ec256,
        rotation: KeyRotation::Always,
    });
    certificates.prepare("mqtts", protocol, source, None, SystemTime::now()).unwrap().publish()
}

#[test]
fn tls_1_2_and_1_3_connect_by_every_name() {
    let fixture = Fixture::new(ApplicationProtocol::Mqtt);
    for (versions, expected) in [(TLS12, ProtocolVersion::TLSv1_2), (TLS13, ProtocolVersion::TLSv1_3)] {
        for name in ["localhost", "gateway", "127.0.0.1", "::1"] {
            let config = Arc::new(client(&fixture.trusted, versions, &[]));
            let (client, _) = connect(&fixture.tls, config, name).unwrap();
            assert_eq!(client.protocol_version(), Some(expected), "{name}");
        }
    }
}

type Offer = (&'static [&'static str], Option<&'static [u8]>);

fn check_alpn(fixture: &Fixture, offers: &[Offer]) {
    for versions in [TLS12, TLS13] {
        for (offered, chosen) in offers {
            let config = Arc::new(client(&fixture.trusted, versions, offered));
            let (client, server) = connect(&fixture.tls, config, "localhost").unwrap();
            assert_eq!(client.alpn_protocol(), *chosen, "{offered:?}");
            assert_eq!(server.alpn_protocol(), *chosen, "{offered:?}");
        }
    }
}

#[test]
fn alpn_mqtt_is_chosen_where_offered_and_other_offers_do_not_hurt() {
    let offers: &[Offer] = &[
        (&["mqtt"], Some(b"mqtt")),
        (&["http/1.1", "mqtt"], Some(b"mqtt")),
        (&["http/1.1"], None),
        (&["h2", "x-amzn-mqtt-ca"], None),
        (&[], None),
    ];
    check_alpn(&Fixture::new(ApplicationProtocol::Mqtt), offers);
}

#[test]
fn websocket_listeners_choose_http_1_1_as_browsers_offer_it() {
    let offers: &[Offer] = &[
        (&["http/1.1"], Some(b"http/1.1")),
        (&["h2", "http/1.1"], Some(b"http/1.1")),
        (&["mqtt", "http/1.1"], Some(b"http/1.1")),
        (&["mqtt"], None),
        (&["h2"], None),
        (&[], None),
    ];
    check_alpn(&Fixture::new(ApplicationProtocol::Http11), offers);
}

#[test]
fn a_listener_that_changes_its_protocol_keeps_its_handle() {
    let fixture = Fixture::new(ApplicationProtocol::Mqtt);
    fixture.renew(ApplicationProtocol::Http11);
    check_alpn(&fixture, &[(&["mqtt"], None), (&["http/1.1"], Some(b"http/1.1"))]);
}

#[test]
fn a_renewed_certificate_is_shown_at_the_next_handshake() {
    let fixture = Fixture::new(ApplicationProtocol::Mqtt);
    let first = shown(&fixture.tls, &fixture.trusted);
    assert_eq!(first, shown(&fixture.tls, &fixture.trusted));
    fixture.renew(ApplicationProtocol::Mqtt);
    assert_ne!(first, shown(&fixture.tls, &fixture.trusted));
}

#[test]
fn a_handshake_under_way_ends_with_the_certificate_it_began_with() {
    let fixture = Fixture::new(ApplicationProtocol::Mqtt);
    let first = shown(&fixture.tls, &fixture.trusted);
    for versions in [TLS12, TLS13] {
        let before = shown(&fixture.tls, &fixture.trusted);
        let config = Arc::new(client(&fixture.trusted, versions, &["mqtt"]));
        let (mut client, mut server) = begin(&fixture.tls, config, "localhost").unwrap();
        fixture.renew(ApplicationProtocol::Mqtt);
        finish(&mut client, &mut server).unwrap();
        assert_eq!(client.peer_certificates().unwrap()[0], before);
    }
    assert_ne!(first, shown(&fixture.tls, &fixture.trusted));
}

#[test]
fn a_session_ticket_outlives_a_renewal() {
    let fixture = Fixture::new(ApplicationProtocol::Mqtt);
    for versions in [TLS12, TLS13] {
        let mut config = client(&fixture.trusted, versions, &["mqtt"]);
        config.resumption = Resumption::in_memory_sessions(4);
        let config = Arc::new(config);
        let (first, _) = connect(&fixture.tls, config.clone(), "localhost").unwrap();
        assert_eq!(first.handshake_kind(), Some(HandshakeKind::Full));
        fixture.renew(ApplicationProtocol::Mqtt);
        let (second, _) = connect(&fixture.tls, config, "localhost").unwrap();
        assert_eq!(second.handshake_kind(), Some(HandshakeKind::Resumed));
    }
}

/// A ClientHello, byte by byte, with `name` as its server name, as clients send it that do not check.
fn client_hello(name: &[u8], tls13: bool) -> Vec<u8> {
    fn sized16(bytes: &[u8]) -> Vec<u8> {
        let mut out = (bytes.len() as u16).to_be_bytes().to_vec();
        out.extend_from_slice(bytes);
        out
    }
    fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut out = kind.to_be_bytes().to_vec();
        out.extend(sized16(body));
        out
    }
    let mut host = vec![0];
    host.extend(sized16(name));
    let mut extensions = extension(0, &sized16(&host));
    extensions.extend(extension(10, &sized16(&[0, 0x1d, 0, 0x17])));
    extensions.extend(extension(11, &[1, 0]));
    extensions.extend(extension(13, &sized16(&[4, 3, 8, 4])));
    if tls13 {
        extensions.extend(extension(43, &[2, 3, 4]));
        let mut share = vec![0, 0x1d];
        let mut point = [0u8; 32];
        point[0] = 9;
        share.extend(sized16(&point));
        extensions.extend(extension(51, &sized16(&share)));
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend(sized16(if tls13 { &[0x13, 0x01] } else { &[0xc0, 0x2b] }));
    body.extend([1, 0]);
    body.extend(sized16(&extensions));
    let mut handshake = vec![1, 0];
    handshake.extend(sized16(&body));
    let mut record = vec![22, 3, 1];
    record.extend(sized16(&handshake));
    record
}

#[test]
fn a_server_name_that_is_an_ip_address_is_answered_with_a_server_hello() {
    let fixture = Fixture::new(ApplicationProtocol::Mqtt);
    for name in ["127.0.0.1", "::1", "192.168.1.20", "localhost", "other.host"] {
        for tls13 in [true, false] {
            let hello = client_hello(name.as_bytes(), tls13);
            let mut server = accept(&fixture.tls, &hello).unwrap_or_else(|e| panic!("{name}: {e}"));
            let mut answer = Vec::new();
            server.write_tls(&mut answer).unwrap();
            // Record type handshake, handshake type ServerHello.
            assert_eq!((answer[0], answer[5]), (22, 2), "{name}");
        }
    }
}

#[test]
fn a_server_name_that_is_no_name_at_all_is_refused() {
    let fixture = Fixture::new(ApplicationProtocol::Mqtt);
    let refused = accept(&fixture.tls, &client_hello(b"no name!", true));
    assert!(refused.is_err());
}
