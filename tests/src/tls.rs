//! TLS clients that trust the broker's own CA and nothing else.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use crate::stream::tcp;

/// A client configuration for these protocol versions and ALPN names.
pub fn config(ca: &Path, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).expect("a readable CA file") {
        roots.add(certificate.expect("a certificate in PEM")).expect("a usable CA");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Connects and completes the handshake.
///
/// # Errors
/// What the handshake failed with.
pub fn connect(
    address: SocketAddr,
    config: Arc<ClientConfig>,
    name: &str,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from(name.to_string()).expect("a server name");
    let mut socket = tcp(address);
    socket.set_read_timeout(Some(crate::deadline::patience()))?;
    let mut connection = ClientConnection::new(config, name).expect("a TLS client");
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// The certificates a server shows to who asks for `localhost`, leaf first, in DER; they are verified.
///
/// # Errors
/// What the handshake failed with.
pub fn shown(address: SocketAddr, ca: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let stream = connect(address, config(ca, rustls::ALL_VERSIONS, &[]), "localhost")?;
    let certificates = stream.conn.peer_certificates().unwrap_or_default();
    Ok(certificates.iter().map(|certificate| certificate.to_vec()).collect())
}
