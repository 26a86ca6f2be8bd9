//! The internal port of a backend: accepts, and lets in who belongs here.

mod handshake;
mod roaming;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use identity::internal::{Role, Roles};
use link::wire::Arrival;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::denial::{Denial, Denials, refused};
use super::desk::Desk;
use super::link_threads::LinkThreads;
use super::protection::Protection;
use super::switchboard::Switchboard;
use handshake::Gatekeeper;

/// Handshakes under way at a time; more wait in the system's queue.
const MOST_HANDSHAKES: usize = 128;
/// For one of them, hello included.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For telling somebody that he is not wanted.
const FAREWELL: Duration = Duration::from_secs(1);
/// After the system had no descriptor for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// What the port is opened with.
pub(crate) struct PortParts {
    pub(crate) socket: TcpListener,
    pub(crate) protection: Protection,
    /// The authority, if it is here.
    pub(crate) desk: Option<Arc<Desk>>,
    pub(crate) switchboard: Switchboard,
    pub(crate) denials: Arc<Denials>,
    pub(crate) threads: LinkThreads,
}

/// An open internal port.
pub(crate) struct Port {
    stop: watch::Sender<bool>,
}

struct Behind {
    gatekeeper: Gatekeeper,
    switchboard: Switchboard,
    denials: Arc<Denials>,
}

impl Port {
    /// Accepts from now on.
    ///
    /// # Errors
    /// The socket cannot be used.
    pub(crate) fn open(parts: PortParts) -> io::Result<Self> {
        let PortParts { socket, protection, desk, switchboard, denials, threads } = parts;
        socket.set_nonblocking(true)?;
        let gatekeeper = Gatekeeper { protection, desk, roles: Roles::only(Role::Frontend).and(Role::Backend) };
        let behind = Arc::new(Behind { gatekeeper, switchboard, denials });
        let (stop, stopped) = watch::channel(false);
        threads.spawn(0, accept(socket, behind, threads.clone(), stopped));
        Ok(Self { stop })
    }

    /// Accepts nobody any more; who is in stays.
    pub(crate) fn close(self) {
        self.stop.send_replace(true);
    }
}

async fn accept(socket: TcpListener, behind: Arc<Behind>, threads: LinkThreads, mut stopped: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the internal port cannot be used");
            return;
        }
    };
    let places = Arc::new(Semaphore::new(MOST_HANDSHAKES));
    let mut next: usize = 0;
    loop {
        // Both are cancel safe.
        let accepted = tokio::select! {
            accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (listener.accept().await, place)
            } => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        match accepted {
            (Ok((tcp, peer)), Ok(place)) => {
                let behind = Arc::clone(&behind);
                next = next.wrapping_add(1);
                let work = async move {
                    behind.receive(tcp, peer).await;
                    drop(place);
                };
                // Handshakes of many peers at once are spread over the threads.
                threads.spawn(next, work);
            }
            (Err(error), _) => {
                tracing::warn!(%error, "no connection can be accepted at the internal port");
                sleep(PAUSE).await;
            }
            (_, Err(_)) => return,
        }
    }
}

impl Behind {
    async fn receive(&self, tcp: TcpStream, peer: SocketAddr) {
        let let_in = timeout(HANDSHAKE, self.gatekeeper.meet(tcp, self.switchboard.us(), HANDSHAKE)).await;
        let arrival = match let_in.unwrap_or_else(|_| Err(Denial::late(HANDSHAKE))) {
            Ok(Some(arrival)) => arrival,
            // Somebody who joined; he comes again with his certificate.
            Ok(None) => return,
            Err(denial) => return self.denials.note(peer, &denial),
        };
        if let Err(back) = self.switchboard.connect(arrival) {
            let (arrival, refusal): (Arrival, _) = *back;
            self.denials.note(peer, &Denial::new(refused(&refusal), refusal.to_string()));
            arrival.refuse(&refusal, FAREWELL).await;
        }
    }
}
