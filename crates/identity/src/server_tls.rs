//! The TLS configuration a listener uses, replaceable while it runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoClientAuth};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// What a listener speaks inside TLS: the application protocol it chooses where clients offer some (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationProtocol {
    /// ALPN `mqtt`.
    Mqtt,
    /// MQTT over WebSockets: ALPN `http/1.1`, as browsers offer it.
    Http11,
}

/// A handle on the newest server configuration of one listener. Clones see what is published through any of them.
///
/// A listener asks at each handshake; connections that stand keep what they were made with.
#[derive(Debug, Clone)]
pub struct ServerTls {
    current: Arc<ArcSwap<Configurations>>,
}

/// What a listener's handshakes are like besides its certificate; renewals keep it.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) protocol: ApplicationProtocol,
    /// Whose certificates clients may show; `None`: they are not asked for any.
    pub(crate) clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// The same certificate twice: rustls refuses a client whose ALPN list has nothing of ours, so a client that offers
/// other protocols (or none) gets a configuration that does not speak ALPN at all.
#[derive(Debug)]
pub(crate) struct Configurations {
    terms: Terms,
    speaking: Arc<ServerConfig>,
    silent: Arc<ServerConfig>,
}

impl ServerTls {
    pub(crate) fn new(first: Configurations) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(first)) }
    }

    /// Makes `next` what handshakes from now on use. Session tickets given out before stay good as long as clients are
    /// judged by the same verifier: who resumes a session is not judged again.
    pub(crate) fn publish(&self, next: Configurations) {
        let next = next.with_tickets_of(&self.current.load());
        self.current.store(Arc::new(next));
    }

    /// The configuration for the client that sent `hello` (an accepted [`rustls::server::Acceptor`], or
    /// tokio-rustls' `LazyConfigAcceptor`): the listener's application protocol where the client offers it, no ALPN
    /// otherwise.
    pub fn configuration(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let current = self.current.load();
        let ours = current.terms.protocol.name();
        let is_offered = hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == ours));
        match is_offered {
            true => current.speaking.clone(),
            false => current.silent.clone(),
        }
    }

    /// The configuration without ALPN, for listeners that do not look at the ClientHello first. Any client can connect
    /// with it, whatever it offers.
    pub fn without_alpn(&self) -> Arc<ServerConfig> {
        self.current.load().silent.clone()
    }
}

impl ApplicationProtocol {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Mqtt => b"mqtt",
            Self::Http11 => b"http/1.1",
        }
    }
}

impl Terms {
    /// Whether clients are judged by the very same verifier: what is in one cannot be compared.
    fn judge_clients_as(&self, other: &Self) -> bool {
        match (&self.clients, &other.clients) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }
}

impl Configurations {
    pub(crate) fn new(
        provider: &Arc<CryptoProvider>,
        terms: Terms,
        certificate: CertifiedKey,
    ) -> Result<Self, rustls::Error> {
        let mut silent = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_client_cert_verifier(terms.clients.clone().unwrap_or_else(|| Arc::new(NoClientAuth)))
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate)));
        silent.ticketer = Ticketer::new()?;
        Ok(Self::from_silent(terms, silent))
    }

    fn from_silent(terms: Terms, silent: ServerConfig) -> Self {
        let mut speaking = silent.clone();
        speaking.alpn_protocols = vec![terms.protocol.name().to_vec()];
        Self { terms, speaking: Arc::new(speaking), silent: Arc::new(silent) }
    }

    fn with_tickets_of(self, before: &Self) -> Self {
        if !self.terms.judge_clients_as(&before.terms) {
            return self;
        }
        let mut silent = Arc::unwrap_or_clone(self.silent);
        silent.ticketer = before.silent.ticketer.clone();
        // TLS 1.2 clients without tickets resume by what the server remembers.
        silent.session_storage = before.silent.session_storage.clone();
        Self::from_silent(self.terms, silent)
    }
}

#[cfg(test)]
mod tests;
