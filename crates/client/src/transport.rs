//! A byte stream to the server: TCP, TLS and WebSocket on top of each other.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ProtocolVersion};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::endpoint::Endpoint;
use crate::error::ConnectError;
use crate::websocket;

/// Anything that carries bytes both ways in order.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for T {}

/// A layer below MQTT that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// What the host's name means.
    Addresses(Vec<SocketAddr>),
    /// The address that answered.
    Tcp(SocketAddr),
    /// The version agreed upon.
    Tls(Option<ProtocolVersion>),
    WebSocket,
}

/// Connects all layers within `patience`, and tells of each when it stands.
///
/// # Errors
/// The first layer that failed.
pub async fn open(
    endpoint: &Endpoint,
    patience: Duration,
    stands: &mut (dyn FnMut(Layer) + Send),
) -> Result<Box<dyn Transport>, ConnectError> {
    let deadline = Instant::now() + patience;
    let late = |what| ConnectError::TimedOut { what, address: endpoint.authority(), seconds: patience.as_secs() };

    let found = timeout_at(deadline, resolve(endpoint));
    let addresses = found.await.map_err(|_| late("finding"))??;
    stands(Layer::Addresses(addresses.clone()));
    let tcp = first_that_answers(endpoint, addresses, deadline).await?.ok_or_else(|| late("connecting to"))?;
    let failed = |source| ConnectError::Tcp { address: endpoint.authority(), source };
    tcp.set_nodelay(true).map_err(failed)?;
    stands(Layer::Tcp(tcp.peer_addr().map_err(failed)?));
    let stream: Box<dyn Transport> = match &endpoint.tls {
        None => Box::new(tcp),
        Some(configuration) => {
            let handshake = tls(endpoint, configuration.clone(), tcp);
            let (stream, version) =
                timeout_at(deadline, handshake).await.map_err(|_| late("the TLS handshake with"))??;
            stands(Layer::Tls(version));
            stream
        }
    };
    match &endpoint.websocket {
        None => Ok(stream),
        Some(path) => {
            let handshake = websocket::connect(endpoint, path, stream);
            let stream = timeout_at(deadline, handshake).await.map_err(|_| late("the WebSocket handshake with"))??;
            stands(Layer::WebSocket);
            Ok(stream)
        }
    }
}

async fn resolve(endpoint: &Endpoint) -> Result<Vec<SocketAddr>, ConnectError> {
    let failed = |source| ConnectError::Resolve { host: endpoint.host.clone(), source };
    let found = lookup_host((endpoint.host.as_str(), endpoint.port)).await.map_err(failed)?;
    let family = |address: &SocketAddr| endpoint.bind.is_none_or(|bind| bind.is_ipv4() == address.is_ipv4());
    let addresses: Vec<SocketAddr> = found.filter(family).collect();
    if addresses.is_empty() {
        let reason = "it has no address of the local address's family";
        return Err(failed(io::Error::new(io::ErrorKind::AddrNotAvailable, reason)));
    }
    Ok(addresses)
}

/// Tries the addresses in turn, each with its share of the time left; `None` when time is up.
async fn first_that_answers(
    endpoint: &Endpoint,
    addresses: Vec<SocketAddr>,
    deadline: Instant,
) -> Result<Option<TcpStream>, ConnectError> {
    let mut left = addresses.len() as u32;
    let mut refused = None;
    for address in addresses {
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        left -= 1;
        match timeout_at(Instant::now() + share, tcp(endpoint, address)).await {
            Ok(Ok(stream)) => return Ok(Some(stream)),
            Ok(Err(error)) => refused = Some(error),
            Err(_) => {}
        }
    }
    refused.map_or(Ok(None), Err)
}

async fn tcp(endpoint: &Endpoint, address: SocketAddr) -> Result<TcpStream, ConnectError> {
    let failed = |source| ConnectError::Tcp { address: address.to_string(), source };
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(failed)?;
    if let Some(bind) = endpoint.bind {
        let bound = socket.bind(SocketAddr::new(bind, 0));
        bound.map_err(|source| ConnectError::Bind { address: bind, source })?;
    }
    socket.connect(address).await.map_err(failed)
}

async fn tls(
    endpoint: &Endpoint,
    configuration: Arc<ClientConfig>,
    stream: TcpStream,
) -> Result<(Box<dyn Transport>, Option<ProtocolVersion>), ConnectError> {
    let name = ServerName::try_from(endpoint.host.clone());
    let name = name.map_err(|_| ConnectError::ServerName(endpoint.host.clone()))?;
    let handshake = TlsConnector::from(configuration).connect(name, stream).await;
    let stream = handshake.map_err(|source| ConnectError::Tls { address: endpoint.authority(), source })?;
    let version = stream.get_ref().1.protocol_version();
    Ok((Box::new(stream), version))
}
