//! Handshakes in memory against published configurations: versions, ALPN, server names that are addresses, tickets.

use std::io::Cursor;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::server::Acceptor;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, ServerConnection,
    SupportedProtocolVersion,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;

use super::ServerTls;
use crate::{DevelopmentAuthority, ServerNames};

struct Fixture {
    _folder: TempDir,
    authority: DevelopmentAuthority,
    tls: ServerTls,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = ServerNames::local(Some("gateway"));
        let authority = DevelopmentAuthority::open(folder.path(), names, SystemTime::now()).unwrap();
        let tls = authority.server_tls();
        Self { _folder: folder, authority, tls }
    }

    fn client(&self, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> ClientConfig {
        let trusted = CertificateDer::from_pem_file(self.authority.ca_certificate()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(trusted).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        config
    }

    fn accept(&self, hello: &[u8]) -> Result<ServerConnection, String> {
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut Cursor::new(hello)).unwrap();
        let accepted = acceptor.accept().map_err(|(e, _)| e.to_string())?.expect("a whole ClientHello");
        let configuration = self.tls.configuration(&accepted.client_hello());
        accepted.into_connection(configuration).map_err(|(e, _)| e.to_string())
    }

    fn connect(&self, config: Arc<ClientConfig>, name: &str) -> Result<(ClientConnection, ServerConnection), String> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(config, name).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        let mut server = self.accept(&hello)?;
        while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut wire = Cursor::new(wire);
            while client.read_tls(&mut wire).unwrap() > 0 {
                client.process_new_packets().map_err(|e| e.to_string())?;
            }
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            let mut wire = Cursor::new(wire);
            while server.read_tls(&mut wire).unwrap() > 0 {
                server.process_new_packets().map_err(|e| e.to_string())?;
            }
        }
        Ok((client, server))
    }
}

const TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
const TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

#[test]
fn tls_1_2_and_1_3_connect_by_every_name() {
    let fixture = Fixture::new();
    for (versions, expected) in [(TLS12, ProtocolVersion::TLSv1_2), (TLS13, ProtocolVersion::TLSv1_3)] {
        for name in ["localhost", "gateway", "127.0.0.1", "::1"] {
            let config = Arc::new(fixture.client(versions, &[]));
            let (client, _) = fixture.connect(config, name).unwrap();
            assert_eq!(client.protocol_version(), Some(expected), "{name}");
        }
    }
}

#[test]
fn alpn_mqtt_is_chosen_where_offered_and_other_offers_do_not_hurt() {
    let fixture = Fixture::new();
    for versions in [TLS12, TLS13] {
        for (offered, chosen) in [
            (&["mqtt"][..], Some(&b"mqtt"[..])),
            (&["http/1.1", "mqtt"], Some(b"mqtt")),
            (&["http/1.1"], None),
            (&["h2", "x-amzn-mqtt-ca"], None),
            (&[], None),
        ] {
            let config = Arc::new(fixture.client(versions, offered));
            let (client, server) = fixture.connect(config, "localhost").unwrap();
            assert_eq!(client.alpn_protocol(), chosen, "{offered:?}");
            assert_eq!(server.alpn_protocol(), chosen, "{offered:?}");
        }
    }
}

#[test]
fn a_renewed_certificate_is_shown_at_the_next_handshake() {
    let mut fixture = Fixture::new();
    let shown = |fixture: &Fixture| {
        let config = Arc::new(fixture.client(TLS13, &[]));
        let (client, _) = fixture.connect(config, "localhost").unwrap();
        client.peer_certificates().unwrap()[0].clone()
    };
    let first = shown(&fixture);
    assert_eq!(first, shown(&fixture));
    fixture.authority.renew_now(SystemTime::now()).unwrap();
    assert_ne!(first, shown(&fixture));
}

#[test]
fn a_session_ticket_outlives_a_renewal() {
    let mut fixture = Fixture::new();
    for versions in [TLS12, TLS13] {
        let mut config = fixture.client(versions, &["mqtt"]);
        config.resumption = Resumption::in_memory_sessions(4);
        let config = Arc::new(config);
        let (first, _) = fixture.connect(config.clone(), "localhost").unwrap();
        assert_eq!(first.handshake_kind(), Some(HandshakeKind::Full));
        fixture.authority.renew_now(SystemTime::now()).unwrap();
        let (second, _) = fixture.connect(config, "localhost").unwrap();
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
    let fixture = Fixture::new();
    for name in ["127.0.0.1", "::1", "192.168.1.20", "localhost", "other.host"] {
        for tls13 in [true, false] {
            let mut server =
                fixture.accept(&client_hello(name.as_bytes(), tls13)).unwrap_or_else(|e| panic!("{name}: {e}"));
            let mut answer = Vec::new();
            server.write_tls(&mut answer).unwrap();
            // Record type handshake, handshake type ServerHello.
            assert_eq!((answer[0], answer[5]), (22, 2), "{name}");
        }
    }
}

#[test]
fn a_server_name_that_is_no_name_at_all_is_refused() {
    let fixture = Fixture::new();
    let refused = fixture.accept(&client_hello(b"no name!", true));
    assert!(refused.is_err());
}
