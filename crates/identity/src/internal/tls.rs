//! TLS configurations of links: TLS 1.3, both sides show a certificate, nobody resumes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ClientConfig, ConnectionCommon, ServerConfig, SignatureScheme};

use super::verifier::PeerVerifier;
use super::{Clock, InternalError};

/// The ALPN of links between processes that have a certificate.
pub const LINK_PROTOCOL: &[u8] = b"causeway-link/1";
/// The ALPN of a process that has one and asks a single question, before it makes links.
pub const ASK_PROTOCOL: &[u8] = b"causeway-ask/1";
/// The ALPN of a process that has none yet and asks for its first.
pub const JOIN_PROTOCOL: &[u8] = b"causeway-join/1";
const BINDING_LABEL: &[u8] = b"EXPORTER-causeway-join-1";

/// The accepting end. Its configurations stay the same: certificate and trusted authorities are looked up at each handshake.
#[derive(Debug, Clone)]
pub struct ServerEnd {
    link: Arc<ServerConfig>,
    join: Arc<ServerConfig>,
}

impl ServerEnd {
    /// The configuration for links, and for single questions ([`ASK_PROTOCOL`]). Refuses whoever shows no certificate.
    pub fn link(&self) -> Arc<ServerConfig> {
        self.link.clone()
    }

    #[cfg(test)]
    pub(crate) fn join(&self) -> Arc<ServerConfig> {
        self.join.clone()
    }

    /// For a process that holds the authority: the configuration for whoever sent `hello`, which lets those who want to join
    /// ([`JOIN_PROTOCOL`]) in without a certificate. Such a connection carries a [`super::JoinRequest`] and its answer, and
    /// nothing else; it is known by its `alpn_protocol`.
    pub fn link_or_join(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let joins = hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == JOIN_PROTOCOL));
        match joins {
            true => self.join.clone(),
            false => self.link.clone(),
        }
    }
}

/// What binds a request to one connection: both ends compute the same, and no other connection has it.
///
/// # Errors
/// The handshake is not finished.
pub fn binding<Data>(connection: &ConnectionCommon<Data>) -> Result<[u8; 32], rustls::Error> {
    connection.export_keying_material([0; 32], BINDING_LABEL, None)
}

/// The certificate that this process shows: the newest.
#[derive(Debug)]
pub(crate) struct Shown(pub(crate) Arc<ArcSwap<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

pub(crate) fn server_end(
    shown: Arc<Shown>,
    peers: Arc<PeerVerifier>,
    clock: &Clock,
) -> Result<ServerEnd, InternalError> {
    let builder = |provider: &Arc<CryptoProvider>| {
        ServerConfig::builder_with_details(provider.clone(), Arc::new(clock.clone()))
            .with_protocol_versions(&[&rustls::version::TLS13])
    };
    let provider = peers.provider.clone();
    let mut link = builder(&provider)?.with_client_cert_verifier(peers).with_cert_resolver(shown.clone());
    link.alpn_protocols = vec![LINK_PROTOCOL.to_vec(), ASK_PROTOCOL.to_vec()];
    let mut join = builder(&provider)?.with_no_client_auth().with_cert_resolver(shown);
    join.alpn_protocols = vec![JOIN_PROTOCOL.to_vec()];
    for configuration in [&mut link, &mut join] {
        // A resumed session outlives the removal of the authority that let it in.
        configuration.send_tls13_tickets = 0;
        configuration.session_storage = Arc::new(NoServerSessionStorage {});
    }
    Ok(ServerEnd { link: Arc::new(link), join: Arc::new(join) })
}

pub(crate) fn client(
    shown: Arc<Shown>,
    peers: Arc<PeerVerifier>,
    clock: &Clock,
) -> Result<Arc<ClientConfig>, InternalError> {
    let mut provider = (*peers.provider).clone();
    // The server takes the first that it has: ten rounds in place of fourteen, for every byte of every message.
    provider.cipher_suites.sort_by_key(|offered| offered.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let mut configuration = ClientConfig::builder_with_details(Arc::new(provider), Arc::new(clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(peers)
        .with_client_cert_resolver(shown);
    configuration.alpn_protocols = vec![LINK_PROTOCOL.to_vec()];
    configuration.resumption = Resumption::disabled();
    // There is no name to send: peers are dialled by address.
    configuration.enable_sni = false;
    Ok(Arc::new(configuration))
}

/// For who has no certificate, or none that is good: to ask for one, of those whom `peers` accept.
pub(crate) fn joiner(
    peers: Arc<dyn ServerCertVerifier>,
    provider: &Arc<CryptoProvider>,
    clock: &Clock,
) -> Result<Arc<ClientConfig>, InternalError> {
    let mut configuration = ClientConfig::builder_with_details(provider.clone(), Arc::new(clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(peers)
        .with_no_client_auth();
    configuration.alpn_protocols = vec![JOIN_PROTOCOL.to_vec()];
    configuration.resumption = Resumption::disabled();
    configuration.enable_sni = false;
    Ok(Arc::new(configuration))
}
