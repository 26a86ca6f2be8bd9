//! Real handshakes in memory between a rustls client and what a listener would use.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::Acceptor;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use crate::server_tls::Terms;
use crate::{ApplicationProtocol, ServerTls};

pub(crate) const TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
pub(crate) const TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// MQTT, and no certificates of clients.
pub(crate) fn terms() -> Terms {
    Terms { protocol: ApplicationProtocol::Mqtt, clients: None }
}

/// A client that trusts the certificate in the file `trusted`.
pub(crate) fn client(trusted: &Path, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> ClientConfig {
    client_of(CertificateDer::from_pem_file(trusted).unwrap(), versions, alpn)
}

pub(crate) fn client_of(
    trusted: CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> ClientConfig {
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

/// The server's side of a handshake whose first message is `hello`.
pub(crate) fn accept(tls: &ServerTls, hello: &[u8]) -> Result<ServerConnection, String> {
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut Cursor::new(hello)).unwrap();
    let accepted = acceptor.accept().map_err(|(e, _)| e.to_string())?.expect("a whole ClientHello");
    let configuration = tls.configuration(&accepted.client_hello());
    accepted.into_connection(configuration).map_err(|(e, _)| e.to_string())
}

/// A client that has sent its first message, and the server that has read it.
pub(crate) fn begin(
    tls: &ServerTls,
    config: Arc<ClientConfig>,
    name: &str,
) -> Result<(ClientConnection, ServerConnection), String> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(config, name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let server = accept(tls, &hello)?;
    Ok((client, server))
}

/// Carries messages to and fro until both sides are done.
pub(crate) fn finish(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), String> {
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
    Ok(())
}

pub(crate) fn connect(
    tls: &ServerTls,
    config: Arc<ClientConfig>,
    name: &str,
) -> Result<(ClientConnection, ServerConnection), String> {
    let (mut client, mut server) = begin(tls, config, name)?;
    finish(&mut client, &mut server)?;
    Ok((client, server))
}

/// The certificate that a client who trusts `trusted` is shown.
pub(crate) fn shown(tls: &ServerTls, trusted: &Path) -> CertificateDer<'static> {
    let (client, _) = connect(tls, Arc::new(client(trusted, TLS13, &[])), "localhost").unwrap();
    client.peer_certificates().unwrap()[0].clone().into_owned()
}
