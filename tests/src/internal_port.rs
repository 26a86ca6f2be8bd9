//! Strangers at internal ports: they believe any server, and show what a test has them show.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection, SignatureScheme,
    StreamOwned,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::deadline::patience;
use crate::leaf::Leaf;
use crate::pki::Pair;
use crate::tls;

/// What links speak, and what joiners do.
pub const LINK: &str = "causeway-link/1";
pub const JOIN: &str = "causeway-join/1";

/// Believes every certificate whose key the server has.
#[derive(Debug)]
struct Credulous(Arc<CryptoProvider>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A client for one of the protocols of the port, with a certificate or without.
pub fn config(protocol: &str, shown: Option<&Pair>) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.expect("protocol versions").dangerous();
    let mut config = builder.with_custom_certificate_verifier(Arc::new(Credulous(provider))).with_no_client_auth();
    if let Some(pair) = shown {
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&pair.key_der()).expect("a key that signs");
        let certified = rustls::sign::CertifiedKey::new(pair.ders(), key);
        config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    }
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Arc::new(config)
}

/// Connects as far as this side's half of the handshake goes; the other end may still refuse what it is shown.
///
/// # Errors
/// What the handshake failed with.
pub fn connect(
    address: SocketAddr,
    protocol: &str,
    shown: Option<&Pair>,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    tls::connect(address, config(protocol, shown), "nobody")
}

/// The certificate that a backend shows at its internal port.
pub fn shown(address: SocketAddr) -> Leaf {
    let stream = connect(address, LINK, None).expect("a handshake as far as the server's certificate");
    let certificates = stream.conn.peer_certificates().expect("a certificate of the server");
    Leaf::read(&certificates[0])
}

/// Certificate and key of a process, from its data directory.
pub fn stolen(data_dir: &Path) -> Pair {
    let file = std::fs::read(data_dir.join("internal/certificate")).expect("a file with the process's certificate");
    let mut rest = &file[1..];
    let key = field(&mut rest);
    let mut issued = field(&mut rest);
    let certificates = issued[1];
    issued = &issued[2..];
    let chain = (0..certificates).map(|_| pem("CERTIFICATE", field(&mut issued))).collect();
    Pair { chain, key: pem("PRIVATE KEY", key) }
}

/// The bytes behind their length.
fn field<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (length, behind) = rest.split_first_chunk().expect("a length");
    let (value, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
    *rest = behind;
    value
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Somebody who shows this certificate to who dials, and wants one of him, whichever. Ends with the test.
pub fn pose(pair: &Pair) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("protocol versions").with_no_client_auth();
    let mut config = builder.with_single_cert(pair.ders(), pair.key_der()).expect("a certificate with its key");
    config.alpn_protocols = [LINK, JOIN].map(|protocol| protocol.as_bytes().to_vec()).to_vec();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut connection = ServerConnection::new(Arc::clone(&config)).expect("a TLS server");
            let _ = stream.set_read_timeout(Some(patience()));
            // As far as the other end lets it come.
            while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
        }
    });
    address
}
