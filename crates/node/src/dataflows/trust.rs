//! TLS of endpoints: one configuration for all that say the same, for as long as one of them says it.

use std::sync::Arc;

use client::tls::{ALPN_MQTT, TlsOptions};
use config::Protocol;
use config::authentication::{ClientPair, File};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};

const ALPN_HTTP: &str = "http/1.1";

/// What a configuration is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trust {
    pub(super) authorities: Authorities,
    pub(super) protocol: Protocol,
}

/// Whose certificates are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Authorities {
    /// Those that this machine trusts, `SSL_CERT_FILE` and `SSL_CERT_DIR` minded.
    Machine,
    /// Those in these files alone.
    Files(Vec<File>),
}

/// Why there is no configuration; says what would be right.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrustError {
    #[error(transparent)]
    Machine(#[from] client::tls::TlsError),
    #[error("certificate {number} of {file} cannot be read: {reason}; give certificates in PEM form")]
    Certificate { file: String, number: usize, reason: String },
    #[error(
        "{name} is no certificate with its key: {reason}; give client_cert.pem and the client_key.pem that belongs to it"
    )]
    Pair { name: String, reason: String },
    #[error("{name} has no private key that can be read; give client_key.pem in PEM form, unencrypted")]
    Key { name: String },
    #[error("{files} has no certificate; give one or more in PEM form")]
    None { files: String },
    #[error("TLS cannot be set up: {0}")]
    Settings(#[from] rustls::Error),
}

/// The configurations there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Configurations(Vec<(Trust, Arc<ClientConfig>)>);

impl Configurations {
    /// The configuration for `trust`: that of `before`, if it has one, else a new one. Known from now on.
    pub(super) fn of(&mut self, trust: Trust, before: &Self) -> Result<Arc<ClientConfig>, TrustError> {
        if let Some(known) = self.known(&trust).or_else(|| before.known(&trust)) {
            let known = Arc::clone(known);
            if self.known(&trust).is_none() {
                self.0.push((trust, Arc::clone(&known)));
            }
            return Ok(known);
        }
        let made = configuration(&trust)?;
        self.0.push((trust, Arc::clone(&made)));
        Ok(made)
    }

    fn known(&self, trust: &Trust) -> Option<&Arc<ClientConfig>> {
        self.0.iter().find(|(known, _)| known == trust).map(|(_, configuration)| configuration)
    }
}

/// Whether these files can be trusted at all.
pub(super) fn check(files: &[File]) -> Result<(), TrustError> {
    roots(files).map(drop)
}

/// Whether these are a client certificate and its key. That it has ended is for those who connect to find: another may come.
pub(super) fn check_pair(pair: &ClientPair) -> Result<(), TrustError> {
    let name = &pair.name;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pair.chain_pem).collect();
    let chain = chain.map_err(|error| TrustError::Pair { name: name.clone(), reason: error.to_string() })?;
    let key = PrivateKeyDer::from_pem_slice(pair.key_pem.reveal());
    // What the reader says of a key may show it.
    let key = key.map_err(|_| TrustError::Key { name: name.clone() })?;
    let made = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    made.map(drop).map_err(|error| TrustError::Pair { name: name.clone(), reason: error.to_string() })
}

fn configuration(trust: &Trust) -> Result<Arc<ClientConfig>, TrustError> {
    let alpn = match trust.protocol {
        Protocol::Mqtt => ALPN_MQTT,
        Protocol::WebSockets => ALPN_HTTP,
    };
    match &trust.authorities {
        Authorities::Machine => {
            let options = TlsOptions { alpn: vec![alpn.to_owned()], ..TlsOptions::default() };
            Ok(client::tls::configuration(&options)?)
        }
        Authorities::Files(files) => {
            let provider = Arc::new(aws_lc_rs::default_provider());
            let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
            let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&versions)?;
            let mut made = builder.with_root_certificates(roots(files)?).with_no_client_auth();
            made.alpn_protocols = vec![alpn.as_bytes().to_vec()];
            Ok(Arc::new(made))
        }
    }
}

fn roots(files: &[File]) -> Result<RootCertStore, TrustError> {
    let mut store = RootCertStore::empty();
    for file in files {
        for (number, found) in (1..).zip(CertificateDer::pem_slice_iter(&file.content)) {
            let wrong = |reason: String| TrustError::Certificate { file: file.name.clone(), number, reason };
            let certificate = found.map_err(|error| wrong(error.to_string()))?;
            store.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    if store.is_empty() {
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        return Err(TrustError::None { files: names.join(", ") });
    }
    Ok(store)
}
