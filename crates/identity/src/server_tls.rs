//! The TLS configuration listeners use, replaceable while they run.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ClientHello, ProducesTickets};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// The application protocol of MQTT over TLS.
const ALPN_MQTT: &[u8] = b"mqtt";

/// A handle on the newest server configuration. Clones see what is published through any of them.
///
/// A listener asks at each handshake; connections that stand keep what they were made with.
#[derive(Debug, Clone)]
pub struct ServerTls {
    current: Arc<ArcSwap<Configurations>>,
}

/// The same certificate twice: rustls refuses a client whose ALPN list has nothing of ours, so a client that offers
/// other protocols (or none) gets a configuration that does not speak ALPN at all.
#[derive(Debug)]
struct Configurations {
    mqtt: Arc<ServerConfig>,
    silent: Arc<ServerConfig>,
}

impl ServerTls {
    pub(crate) fn new(provider: &Arc<CryptoProvider>, certificate: CertifiedKey) -> Result<Self, rustls::Error> {
        let first = Configurations::new(provider, certificate, Ticketer::new()?)?;
        Ok(Self { current: Arc::new(ArcSwap::from_pointee(first)) })
    }

    /// Makes `certificate` the one that handshakes from now on show. Session tickets given out before stay good.
    pub(crate) fn publish(
        &self,
        provider: &Arc<CryptoProvider>,
        certificate: CertifiedKey,
    ) -> Result<(), rustls::Error> {
        let ticketer = self.current.load().silent.ticketer.clone();
        let next = Configurations::new(provider, certificate, ticketer)?;
        self.current.store(Arc::new(next));
        Ok(())
    }

    /// The configuration for the client that sent `hello` (an accepted [`rustls::server::Acceptor`], or
    /// tokio-rustls' `LazyConfigAcceptor`): ALPN `mqtt` where the client offers it, no ALPN otherwise.
    pub fn configuration(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let current = self.current.load();
        let offers_mqtt = hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == ALPN_MQTT));
        match offers_mqtt {
            true => current.mqtt.clone(),
            false => current.silent.clone(),
        }
    }

    /// The configuration without ALPN, for listeners that do not look at the ClientHello first. Any client can connect
    /// with it, whatever it offers.
    pub fn without_alpn(&self) -> Arc<ServerConfig> {
        self.current.load().silent.clone()
    }
}

impl Configurations {
    fn new(
        provider: &Arc<CryptoProvider>,
        certificate: CertifiedKey,
        ticketer: Arc<dyn ProducesTickets>,
    ) -> Result<Self, rustls::Error> {
        let mut silent = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate)));
        silent.ticketer = ticketer;
        let mut mqtt = silent.clone();
        mqtt.alpn_protocols = vec![ALPN_MQTT.to_vec()];
        Ok(Self { mqtt: Arc::new(mqtt), silent: Arc::new(silent) })
    }
}

#[cfg(test)]
mod tests;
