//! How processes of a site reach each other over the network: plain, or with certificates on both sides.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use identity::internal::{
    Credentials, InternalError, Issued, JOIN_PROTOCOL, JoinRequest, MemberName, PeerIdentity, Role, Roles, binding,
};
use link::wire::{
    Connect, Connecting, Connection, Integrity, Lifetime, Proof, answer_stranger, ask_stranger, hear_stranger,
};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::server::Acceptor;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

use super::certificates::{Desk, HOLDER};
use super::network::{Network, Place, Stream};

/// For one exchange with the authority.
const EXCHANGE: Duration = Duration::from_secs(10);

/// What a process shows.
#[derive(Clone)]
pub enum Protection {
    Nothing,
    Mutual(Credentials),
}

/// Dials one backend.
pub struct Dial {
    pub network: Network,
    pub from: Place,
    pub to: u16,
    pub protection: Protection,
}

impl Connect for Dial {
    fn connect(&mut self) -> Connecting {
        let Self { network, from, to, protection } = self;
        let (network, from, to, protection) = (network.clone(), *from, *to, protection.clone());
        Box::pin(async move {
            match &protection {
                Protection::Nothing => Ok(plain(network.dial(from, Place::Backend(to), 0).await?)),
                Protection::Mutual(ours) => {
                    let own_end = ours.not_after();
                    let name = MemberName::new(&Place::Backend(to).to_string()).map_err(io::Error::other)?;
                    let settings = ours.client_to(Role::Backend, name).map_err(io::Error::other)?;
                    let stream = secured(&network, (from, Place::Backend(to)), settings).await?;
                    let shown = stream.get_ref().1.peer_certificates();
                    let peer = PeerIdentity::of(shown).map_err(io::Error::other)?;
                    let (now, due, end) =
                        (SystemTime::now(), ours.link_due(own_end, &peer), own_end.min(peer.not_after));
                    let left = until(now, end);
                    let renew_after = Some(until(now, due).max(left / 4));
                    let lifetime = Lifetime { renew_after, ends_after: Some(left) };
                    Ok(mutual(Box::new(stream), lifetime, &peer))
                }
            }
        })
    }
}

fn until(now: SystemTime, then: SystemTime) -> Duration {
    then.duration_since(now).unwrap_or(Duration::ZERO)
}

fn plain(stream: Stream) -> Connection {
    let (io, lifetime) = (Box::new(stream), Lifetime::default());
    Connection { io, integrity: Integrity::Checksummed, lifetime, proof: Proof::Word }
}

fn mutual(io: Box<dyn link::wire::Io>, lifetime: Lifetime, peer: &PeerIdentity) -> Connection {
    let proof = Proof::Certificate {
        cluster: peer.cluster.as_str().into(),
        role: peer.role.as_str().into(),
        name: peer.name.as_str().into(),
    };
    Connection { io, integrity: Integrity::Trusted, lifetime, proof }
}

async fn secured(
    network: &Network,
    (from, to): (Place, Place),
    settings: Arc<ClientConfig>,
) -> io::Result<TlsStream<Stream>> {
    let stream = network.dial(from, to, 0).await?;
    let unnamed = ServerName::from(Ipv4Addr::UNSPECIFIED);
    TlsConnector::from(settings).connect(unnamed, stream).await
}

/// Asks the authority for a certificate on a connection of its own.
///
/// # Errors
/// Why there is none.
pub async fn ask_authority(
    (network, from): (&Network, Place),
    settings: Result<Arc<ClientConfig>, InternalError>,
    request: impl FnOnce(&[u8; 32]) -> Result<JoinRequest, InternalError>,
) -> Result<Issued, String> {
    let asked = async {
        let settings = settings.map_err(|e| e.to_string())?;
        let mut stream = secured(network, (from, Place::Backend(HOLDER)), settings).await.map_err(|e| e.to_string())?;
        let bound = binding(stream.get_ref().1).map_err(|e| e.to_string())?;
        let request = request(&bound).map_err(|e| e.to_string())?;
        let answer = ask_stranger(&mut stream, &request.to_bytes(), EXCHANGE).await.map_err(|e| e.to_string())?;
        Issued::from_bytes(&answer).map_err(|e| e.to_string())
    };
    timeout(EXCHANGE, asked).await.unwrap_or_else(|_| Err("the authority does not answer".to_owned()))
}

/// Makes of what was accepted a connection for a link. `None` is somebody who came for a certificate and has been answered.
///
/// # Errors
/// Who is there is not let in.
pub async fn meet(stream: Stream, ours: &Protection, desk: Option<&Arc<Desk>>) -> io::Result<Option<Connection>> {
    let Protection::Mutual(ours) = ours else { return Ok(Some(plain(stream))) };
    let own_end = ours.not_after();
    let ends = ours.server(Roles::only(Role::Frontend).and(Role::Backend)).map_err(io::Error::other)?;
    let started = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let settings = match desk {
        Some(_) => ends.link_or_join(&started.client_hello()),
        None => ends.link(),
    };
    let mut stream = started.into_stream(settings).await?;
    if stream.get_ref().1.alpn_protocol() == Some(JOIN_PROTOCOL) {
        let bound = binding(stream.get_ref().1).map_err(io::Error::other)?;
        let question = hear_stranger(&mut stream, EXCHANGE).await.map_err(io::Error::other)?;
        let answer = desk.map(|desk| desk.admit(&question, &bound)).unwrap_or_default();
        answer_stranger(&mut stream, &answer, EXCHANGE).await.map_err(io::Error::other)?;
        return Ok(None);
    }
    let peer = PeerIdentity::of(stream.get_ref().1.peer_certificates()).map_err(io::Error::other)?;
    let ends_after = Some(until(SystemTime::now(), own_end.min(peer.not_after)));
    let connection = mutual(Box::new(stream), Lifetime { renew_after: None, ends_after }, &peer);
    if let Some(desk) = desk {
        desk.note(peer);
    }
    Ok(Some(connection))
}
