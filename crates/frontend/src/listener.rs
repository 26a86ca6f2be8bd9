//! New connections: accepted on the first worker, dealt to all, brought through their handshake.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use auth::{Denial, Wanted};
use mqtt::ReasonCode;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::connection::{CONNECT_DEADLINE_S, Connection};
use crate::entrance::Entrance;
use crate::settings::{Framing, Protocol, TlsSource};
use crate::transport::Transport;
use crate::websocket::WebSocket;
use crate::worker::{FromPeer, Worker};

/// Pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until it is dropped, dealing the connections to the workers in turn.
pub(crate) async fn accept(worker: Rc<Worker>, socket: TcpListener, entrance: Arc<Entrance>) {
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                worker.counters.connections_accepted.add(1);
                let chosen = worker.listening.next_worker(worker.peers.len());
                if chosen == usize::from(worker.id) {
                    serve(&worker, stream, peer, &entrance);
                } else if let Ok(stream) = stream.into_std() {
                    let entrance = Arc::clone(&entrance);
                    worker.peers[chosen].send_one(FromPeer::Serve { stream, peer, entrance });
                }
            }
            Err(error) => {
                tracing::warn!(listener = &*entrance.name, %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves a connection that was accepted by another worker.
pub(crate) fn serve_std(worker: &Rc<Worker>, stream: std::net::TcpStream, peer: SocketAddr, entrance: &Arc<Entrance>) {
    match TcpStream::from_std(stream) {
        Ok(stream) => serve(worker, stream, peer, entrance),
        Err(error) => tracing::warn!(%error, "cannot serve a connection"),
    }
}

fn serve(worker: &Rc<Worker>, stream: TcpStream, peer: SocketAddr, entrance: &Arc<Entrance>) {
    // A handshake costs a signature: not for who has failed too often.
    if entrance.protocol.tls.is_some() && entrance.policy().methods().is_some() && worker.gate.is_limited(peer.ip()) {
        return;
    }
    let handshake = Handshake { worker: Rc::clone(worker), peer, entrance: Arc::clone(entrance) };
    let packet_size = worker.limits().packet_size;
    let Protocol { framing, tls } = &entrance.protocol;
    match (framing, tls.clone()) {
        (Framing::Mqtt, None) => spawn(worker, peer, Arc::clone(entrance), Transport::Tcp(stream)),
        (Framing::Mqtt, Some(source)) => {
            handshake.spawn(async { Ok(Transport::Tls(Box::new(accept_tls(stream, source).await?))) });
        }
        (Framing::WebSockets, None) => handshake.spawn(async move {
            let socket = WebSocket::accept(stream, packet_size).await?;
            Ok(Transport::WebSocket(Box::new(socket)))
        }),
        (Framing::WebSockets, Some(source)) => handshake.spawn(async move {
            let socket = WebSocket::accept(accept_tls(stream, source).await?, packet_size).await?;
            Ok(Transport::SecureWebSocket(Box::new(socket)))
        }),
    }
}

/// Begins the task of a connection whose transport is ready.
pub(crate) fn spawn(worker: &Rc<Worker>, peer: SocketAddr, entrance: Arc<Entrance>, transport: Transport) {
    let connection = worker.admit(peer, entrance, transport);
    tokio::task::spawn_local(Serve { worker: Rc::clone(worker), connection });
}

/// The configuration is chosen when the ClientHello is known, so that one with other protocols in its ALPN list than
/// `mqtt` is not refused.
async fn accept_tls(stream: TcpStream, source: TlsSource) -> io::Result<TlsStream<TcpStream>> {
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    let configuration = source(&start.client_hello());
    start.into_stream(configuration).await
}

/// Whether the client was refused for its certificate, or for want of one.
fn is_about_certificate(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented))
}

impl Worker {
    /// A failed login, though there was no CONNECT.
    fn on_certificate_refused(&self, peer: SocketAddr, entrance: &Entrance, error: &io::Error) {
        self.uncategorized().authentication_deny.add(1);
        self.gate.refused_in_handshake(peer.ip());
        self.report(Denial {
            wanted: Wanted::Authenticate(ReasonCode::NotAuthorized),
            client_id: "".into(),
            username: None,
            listener: Arc::clone(&entrance.name),
            peer,
            why: format!("in the TLS handshake: {error}").into(),
        });
    }
}

/// What is to become a connection.
struct Handshake {
    worker: Rc<Worker>,
    peer: SocketAddr,
    entrance: Arc<Entrance>,
}

impl Handshake {
    fn spawn(self, transport: impl Future<Output = io::Result<Transport>> + 'static) {
        tokio::task::spawn_local(self.wait_for(transport));
    }

    /// The handshake, then a task of its own for the connection, so that the handshake's memory goes.
    async fn wait_for(self, transport: impl Future<Output = io::Result<Transport>>) {
        let Self { worker, peer, entrance } = self;
        match timeout(Duration::from_secs(CONNECT_DEADLINE_S), transport).await {
            Ok(Ok(transport)) => spawn(&worker, peer, entrance, transport),
            Ok(Err(error)) => {
                tracing::info!(%peer, listener = &*entrance.name, %error, "handshake failed");
                if is_about_certificate(&error) {
                    worker.on_certificate_refused(peer, &entrance, &error);
                }
            }
            Err(_) => {
                tracing::info!(%peer, listener = &*entrance.name, "handshake not done within {CONNECT_DEADLINE_S} s");
            }
        }
    }
}

/// The task of one connection. Written out so that it is two pointers large.
struct Serve {
    worker: Rc<Worker>,
    connection: Rc<Connection>,
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
