//! TLS as a client sets it up: whom to trust, which versions, and with what to prove who one is.

mod files;
mod verifier;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

pub use files::TlsError;

use verifier::{AnyCertificate, AnyName};

/// The application protocol of MQTT over TLS, offered unless another is named.
pub const ALPN_MQTT: &str = "mqtt";

/// Everything that is settled before a handshake, apart from the server's name.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    /// Where trusted certificates come from; all of them count. Empty: [`Authorities::System`].
    pub authorities: Vec<Authorities>,
    /// What the server's certificate must fulfil.
    pub verification: Verification,
    /// What is shown to servers that ask for a client certificate.
    pub identity: Option<Identity>,
    /// Protocol names offered by ALPN, the preferred one first; empty sends none.
    pub alpn: Vec<String>,
    /// The versions offered.
    pub versions: TlsVersions,
}

impl Default for TlsOptions {
    /// The system's authorities, a full check, ALPN `mqtt`, TLS 1.3 and 1.2.
    fn default() -> Self {
        Self {
            authorities: Vec::new(),
            verification: Verification::Full,
            identity: None,
            alpn: vec![ALPN_MQTT.to_owned()],
            versions: TlsVersions::Any,
        }
    }
}

/// A source of trusted certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorities {
    /// What the operating system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` override where that is).
    System,
    /// One or more certificates in PEM.
    File(PathBuf),
    /// Every PEM file in the folder; its other files are passed over.
    Folder(PathBuf),
}

/// What the server's certificate must fulfil.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// It chains up to a trusted certificate, is valid now, and names the host.
    Full,
    /// As `Full`, but whatever host it names.
    AnyName,
    /// Nothing: whoever answers is believed. For tests against self-signed certificates.
    Nothing,
}

/// A client certificate and its key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// PEM, the client's own certificate first, then those that issued it.
    pub certificate: PathBuf,
    /// PEM, unencrypted; PKCS#8, PKCS#1 or SEC1. May be the same file.
    pub key: PathBuf,
}

/// The versions offered to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersions {
    /// 1.3, and 1.2 for servers without it.
    Any,
    /// 1.2 and nothing else.
    Only12,
    /// 1.3 and nothing else.
    Only13,
}

static ANY: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

impl TlsVersions {
    fn list(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Any => &ANY,
            Self::Only12 => &ANY[1..],
            Self::Only13 => &ANY[..1],
        }
    }
}

/// Reads the files and makes a configuration, to be shared by any number of connections.
///
/// # Errors
/// A file that cannot be read or holds something else, a key that does not belong to the certificate, no trusted
/// certificate at all.
pub fn configuration(options: &TlsOptions) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(options.versions.list())?;
    let builder = match options.verification {
        Verification::Full => builder.with_root_certificates(roots(options)?),
        Verification::AnyName => {
            let full = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(options)?), provider)
                .build()
                .map_err(|_| TlsError::NoAuthorities)?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName::new(full)))
        }
        Verification::Nothing => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate::new(provider)))
        }
    };
    let mut configuration = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = files::certificates(&identity.certificate)?;
            let key = files::key(&identity.key)?;
            builder.with_client_auth_cert(chain, key).map_err(|reason| TlsError::Identity {
                certificate: identity.certificate.clone(),
                key: identity.key.clone(),
                reason,
            })?
        }
    };
    configuration.alpn_protocols = options.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(configuration))
}

/// All authorities of `options` in one store.
fn roots(options: &TlsOptions) -> Result<RootCertStore, TlsError> {
    let system = [Authorities::System];
    let sources = if options.authorities.is_empty() { &system[..] } else { &options.authorities };
    let mut store = RootCertStore::empty();
    for source in sources {
        match source {
            Authorities::System => {
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            Authorities::File(path) => {
                for certificate in files::certificates(path)? {
                    store.add(certificate).map_err(|reason| TlsError::Authority { path: path.clone(), reason })?;
                }
            }
            Authorities::Folder(path) => {
                store.add_parsable_certificates(files::certificates_below(path)?);
            }
        }
    }
    if store.is_empty() { Err(TlsError::NoAuthorities) } else { Ok(store) }
}
