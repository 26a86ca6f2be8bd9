//! Who is at the other end of a connection to the internal port, and whether he may come in.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use identity::internal::{ASK_PROTOCOL, Credentials, JOIN_PROTOCOL, PeerIdentity, Refusal, Roles, binding};
use link::wire::{
    Arrival, Connection, Integrity, Lifetime, Peer, Proof, ReadAhead, answer_stranger, greet, hear_stranger,
};
use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::roaming::Roaming;
use crate::cluster::denial::Denial;
use crate::cluster::desk::Desk;
use crate::cluster::errand::{Errand, Reply};
use crate::cluster::lifetime;
use crate::cluster::protection::{Protection, proof};

/// How a TLS connection begins: a handshake record of TLS 1.x.
const TLS_BEGINS: [u8; 2] = [22, 3];
/// What is said to that where TLS is not spoken: a fatal alert, handshake_failure.
const TLS_ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// Lets in by what is shown.
pub(super) struct Gatekeeper {
    pub(super) protection: Protection,
    pub(super) desk: Option<Arc<Desk>>,
    /// Who may have a link.
    pub(super) roles: Roles,
}

impl Gatekeeper {
    /// `None` for somebody who joined the cluster by this connection, or asked something. The caller sets the deadline of the whole; `each` is that of
    /// what is heard and said after the TLS handshake.
    pub(super) async fn meet(&self, tcp: TcpStream, us: &Peer, each: Duration) -> Result<Option<Arrival>, Denial> {
        tcp.set_nodelay(true).map_err(|e| Denial::broken(&e))?;
        let connection = match &self.protection {
            Protection::Nothing => plain(tcp).await?,
            Protection::Mutual(ours) => {
                // Before the handshake: a renewal in between would make the connection outlive what was shown.
                let own_end = ours.not_after();
                let stream = self.secure(tcp, ours).await?;
                match stream.get_ref().1.alpn_protocol() {
                    Some(JOIN_PROTOCOL) => return self.join(stream, each).await.map(|()| None),
                    Some(ASK_PROTOCOL) => return self.answer(stream, each).await.map(|()| None),
                    _ => self.linked(stream, own_end)?,
                }
            }
        };
        Ok(Some(greet(connection, us, each).await?))
    }

    async fn secure(&self, tcp: TcpStream, ours: &Credentials) -> Result<TlsStream<ReadAhead<Roaming>>, Denial> {
        let unusable = |error: identity::internal::InternalError| Denial::new("handshake", error.to_string());
        let ends = ours.server(self.roles.clone()).map_err(unusable)?;
        let tcp = ReadAhead::new(Roaming::new(tcp));
        let started = LazyConfigAcceptor::new(Acceptor::default(), tcp).await.map_err(|e| Denial::of_tls(&e))?;
        let hello = started.client_hello();
        let joins = hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == JOIN_PROTOCOL));
        let configuration = match (&self.desk, joins) {
            (Some(_), _) => ends.link_or_join(&hello),
            (None, false) => ends.link(),
            (None, true) => {
                let reason = "it wants to join, and the authority is at the first backend of --backends, not here";
                return Err(Denial::new("no_authority", reason));
            }
        };
        started.into_stream(configuration).await.map_err(|e| Denial::of_tls(&e))
    }

    fn linked(&self, stream: TlsStream<ReadAhead<Roaming>>, own_end: SystemTime) -> Result<Connection, Denial> {
        let peer = PeerIdentity::of(stream.get_ref().1.peer_certificates())?;
        let end = own_end.min(peer.not_after);
        let proof = proof(&peer);
        if let Some(desk) = &self.desk {
            desk.note(peer);
        }
        let lifetime = lifetime::accepted(SystemTime::now(), end);
        Ok(Connection { io: Box::new(stream), integrity: Integrity::Trusted, lifetime, proof })
    }

    /// A single question of a process that has a certificate.
    async fn answer(&self, mut stream: TlsStream<ReadAhead<Roaming>>, each: Duration) -> Result<(), Denial> {
        let desk = self.desk_here()?;
        let proof = proof(&PeerIdentity::of(stream.get_ref().1.peer_certificates())?);
        let question = hear_stranger(&mut stream, each).await?;
        let answer = spawn_blocking(move || match Errand::from_bytes(&question) {
            Some(errand) => desk.serve(&proof, errand),
            None => Reply::Refused("this release does not know the question".to_owned()),
        });
        let answer = answer.await.map_err(|_| Denial::new("broken", "the authority has failed"))?;
        answer_stranger(&mut stream, &answer.to_bytes(), each).await?;
        Ok(())
    }

    fn desk_here(&self) -> Result<Arc<Desk>, Denial> {
        self.desk.clone().ok_or_else(|| Denial::new("no_authority", "the authority is not here"))
    }

    /// The request is bound to this very connection.
    async fn join(&self, mut stream: TlsStream<ReadAhead<Roaming>>, each: Duration) -> Result<(), Denial> {
        let desk = self.desk_here()?;
        let bound = binding(stream.get_ref().1).map_err(|e| Denial::from(Refusal::of(&e)))?;
        let question = hear_stranger(&mut stream, each).await?;
        let answer = spawn_blocking(move || desk.admit(&question, &bound)).await;
        let answer = answer.map_err(|_| Denial::new("broken", "the authority has failed"))?;
        answer_stranger(&mut stream, &answer, each).await?;
        Ok(())
    }
}

async fn plain(mut tcp: TcpStream) -> Result<Connection, Denial> {
    let mut begins = [0; TLS_BEGINS.len()];
    let seen = peek(&tcp, &mut begins).await.map_err(|e| Denial::broken(&e))?;
    if seen == TLS_BEGINS {
        // He is told in his own words; whether he hears it makes no difference.
        let _ = tcp.write_all(&TLS_ALERT).await;
        let reason = "the peer speaks TLS, and encryptInternalTraffic is Disabled here; set it alike in all processes";
        return Err(Denial::new("tls_peer", reason));
    }
    let (io, lifetime) = (Box::new(Roaming::new(tcp)), Lifetime::default());
    Ok(Connection { io, integrity: Integrity::Checksummed, lifetime, proof: Proof::Word })
}

/// The first bytes, which stay to be read.
async fn peek<'a>(tcp: &TcpStream, into: &'a mut [u8; TLS_BEGINS.len()]) -> io::Result<&'a [u8]> {
    loop {
        match tcp.peek(into).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            // The rest is on its way, or the deadline comes.
            n if n < into.len() => tokio::time::sleep(Duration::from_millis(5)).await,
            _ => return Ok(into),
        }
    }
}
