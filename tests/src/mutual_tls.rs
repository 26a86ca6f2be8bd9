//! TLS clients that show a certificate, and servers that want none of it.

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, SupportedProtocolVersion};

use crate::pki::Pair;
use crate::tls;

/// As [`tls::config`], showing this certificate whoever the server trusts.
pub fn config(ca: &Path, versions: &[&'static SupportedProtocolVersion], pair: &Pair) -> Arc<ClientConfig> {
    let mut config = ClientConfig::clone(&tls::config(ca, versions, &[]));
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&pair.key_der()).expect("a key that signs");
    let certified = rustls::sign::CertifiedKey::new(pair.ders(), key);
    config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    Arc::new(config)
}

/// What a server that ends the connection over the certificate says: the handshake's error, or with TLS 1.3, whose
/// client is through before the server has looked, what comes instead of the first byte. `None` where it waits for more.
pub fn refusal(address: SocketAddr, config: Arc<ClientConfig>) -> Option<String> {
    let mut stream = match tls::connect(address, config, "localhost") {
        Ok(stream) => stream,
        Err(error) => return Some(error.to_string()),
    };
    // MQTT is the client's to begin: a server that took the certificate says nothing.
    stream.sock.set_read_timeout(Some(std::time::Duration::from_millis(300))).expect("a read timeout");
    match stream.read(&mut [0; 1]) {
        Ok(count) => Some(format!("{count} bytes instead of an alert")),
        Err(error) if crate::stream::timed_out(&error) => None,
        Err(error) => Some(error.to_string()),
    }
}
