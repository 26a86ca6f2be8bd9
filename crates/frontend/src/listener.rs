//! New connections: accepted on the first worker, dealt to all, brought through their handshake.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;

use crate::connection::{CONNECT_DEADLINE_S, Connection};
use crate::settings::{Protocol, TlsSource};
use crate::transport::Transport;
use crate::websocket::WebSocket;
use crate::worker::{FromPeer, Worker};

/// Pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until it is dropped, dealing the connections to the workers in turn.
pub(crate) async fn accept(worker: Rc<Worker>, listener: TcpListener, protocol: Protocol, turn: Rc<Cell<usize>>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "a listening socket cannot be used");
            return;
        }
    };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                worker.counters.connections_accepted.add(1);
                let chosen = turn.get() % worker.peers.len();
                turn.set(turn.get().wrapping_add(1));
                if chosen == usize::from(worker.id) {
                    serve(&worker, stream, peer, &protocol);
                } else if let Ok(stream) = stream.into_std() {
                    worker.peers[chosen].send_one(FromPeer::Serve { stream, peer, protocol: protocol.clone() });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves a connection that was accepted by another worker.
pub(crate) fn serve_std(worker: &Rc<Worker>, stream: std::net::TcpStream, peer: SocketAddr, protocol: &Protocol) {
    match TcpStream::from_std(stream) {
        Ok(stream) => serve(worker, stream, peer, protocol),
        Err(error) => tracing::warn!(%error, "cannot serve a connection"),
    }
}

fn serve(worker: &Rc<Worker>, stream: TcpStream, peer: SocketAddr, protocol: &Protocol) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "connection lost");
        return;
    }
    match protocol {
        Protocol::Mqtt => {
            tokio::task::spawn_local(Serve::new(worker, peer, Transport::Tcp(stream)));
        }
        Protocol::MqttTls(source) => {
            let handshake = accept_tls(stream, Arc::clone(source));
            tokio::task::spawn_local(shake_hands(Rc::clone(worker), peer, handshake));
        }
        Protocol::WebSocket => {
            let limit = worker.limits.packet_size;
            let handshake = async move { Ok(Transport::WebSocket(Box::new(WebSocket::accept(stream, limit).await?))) };
            tokio::task::spawn_local(shake_hands(Rc::clone(worker), peer, handshake));
        }
    }
}

/// The configuration is chosen when the ClientHello is known, so that one with other protocols in its ALPN list than
/// `mqtt` is not refused.
async fn accept_tls(stream: TcpStream, source: TlsSource) -> io::Result<Transport> {
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    let configuration = source(&start.client_hello());
    Ok(Transport::Tls(Box::new(start.into_stream(configuration).await?)))
}

/// A handshake, then a task of its own for the connection, so that the handshake's memory goes.
async fn shake_hands(
    worker: Rc<Worker>,
    peer: SocketAddr,
    handshake: impl Future<Output = io::Result<Transport>> + 'static,
) {
    match timeout(Duration::from_secs(CONNECT_DEADLINE_S), handshake).await {
        Ok(Ok(transport)) => {
            tokio::task::spawn_local(Serve::new(&worker, peer, transport));
        }
        Ok(Err(error)) => tracing::info!(%peer, %error, "handshake failed"),
        Err(_) => tracing::info!(%peer, "handshake not done within {CONNECT_DEADLINE_S} s"),
    }
}

/// The task of one connection. Written out so that it is two pointers large.
struct Serve {
    worker: Rc<Worker>,
    connection: Rc<Connection>,
}

impl Serve {
    fn new(worker: &Rc<Worker>, peer: SocketAddr, transport: Transport) -> Self {
        Self { worker: Rc::clone(worker), connection: worker.admit(peer, transport) }
    }
}

impl Future for Serve {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let done = self.connection.poll(&self.worker, cx);
        if self.worker.is_turn_long() {
            self.worker.end_turn();
        }
        done
    }
}
