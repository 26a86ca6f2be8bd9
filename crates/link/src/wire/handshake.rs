//! The first exchange on a connection, at both ends.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::driver::{Connection, Io};
use super::frame::{self, Integrity};
use super::hello::{Hello, Malformed, Outcome, Peer, Proof, Refusal, Reply, Welcome};

/// The longest first frame: what a stranger may have this end hold.
const MAX_FIRST_FRAME_BYTES: usize = 4096;

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    #[error("not connected: {0}")]
    Connect(io::Error),
    #[error("the connection ended during the handshake: {0}")]
    Io(#[from] io::Error),
    #[error("no handshake within {} ms", .0.as_millis())]
    Deadline(Duration),
    #[error("the peer does not speak as a link: {0}")]
    Malformed(#[from] Malformed),
    #[error("the peer is refused: {0}")]
    Refused(#[from] Refusal),
    #[error("the peer refuses this end: {0}")]
    RefusedByPeer(Box<str>),
    #[error("{length} bytes are to be said before there is a link, {limit} at the most")]
    TooLong { length: usize, limit: usize },
}

/// A connection whose peer has said who it is, and is waiting to be welcomed.
pub struct Arrival {
    pub(super) hello: Hello,
    pub(super) version: u16,
    pub(super) connection: Connection,
    /// Bytes read beyond the hello.
    pub(super) rest: BytesMut,
}

impl Arrival {
    /// Who the peer is: what its certificate says, where there is one.
    pub fn peer(&self) -> &Peer {
        &self.hello.peer
    }

    pub fn proof(&self) -> &Proof {
        &self.connection.proof
    }

    /// Which of several links the connection is for.
    pub fn link(&self) -> u32 {
        self.hello.link
    }

    /// Tells the peer that it is not wanted, and why. Waits for `deadline` at the most.
    pub async fn refuse(mut self, refusal: &Refusal, deadline: Duration) {
        // It is refused whether it hears of it or not.
        let _ = timeout(deadline, turn_away(&mut self.connection, &Reply::Refused(refusal.to_string().into()))).await;
    }

    /// The answer, as `outcome` has it.
    pub(super) fn welcome(&self, us: &Peer, outcome: Outcome) -> Reply {
        Reply::Welcome(Welcome { version: self.version, peer: us.clone(), outcome, integrity: self.integrity() })
    }

    /// Checksums, if one of the two wants them.
    pub(super) fn integrity(&self) -> Integrity {
        either(self.hello.integrity, self.connection.integrity)
    }
}

fn either(one: Integrity, other: Integrity) -> Integrity {
    if one == Integrity::Trusted { other } else { Integrity::Checksummed }
}

/// Reads who is there on an accepted connection. Refuses versions that this end does not speak, other clusters, and
/// whoever says something else than its certificate.
pub async fn greet(connection: Connection, us: &Peer, deadline: Duration) -> Result<Arrival, HandshakeError> {
    timeout(deadline, hear(connection, us)).await.map_err(|_| HandshakeError::Deadline(deadline))?
}

async fn hear(mut connection: Connection, us: &Peer) -> Result<Arrival, HandshakeError> {
    let mut rest = BytesMut::new();
    let body = first_frame(&mut connection.io, &mut rest, MAX_FIRST_FRAME_BYTES).await?;
    let hello = Hello::decode(&body)?;
    let wanted = same_cluster(us, &hello.peer).and_then(|()| hello.peer.check(&connection.proof));
    match wanted.and_then(|()| hello.version()) {
        Ok(version) => Ok(Arrival { hello, version, connection, rest }),
        Err(refusal) => {
            turn_away(&mut connection, &Reply::Refused(refusal.to_string().into())).await?;
            Err(refusal.into())
        }
    }
}

/// A connection on which this end was welcomed.
pub(super) struct Welcomed {
    pub welcome: Welcome,
    pub connection: Connection,
    pub rest: BytesMut,
}

/// Says hello on a new connection and hears the answer. The caller sets the deadline.
pub(super) async fn introduce(
    mut connection: Connection,
    hello: Hello,
    expected: &Expected,
) -> Result<Welcomed, HandshakeError> {
    let mut bytes = BytesMut::new();
    hello.encode(&mut bytes);
    connection.io.write_all(&bytes).await?;
    connection.io.flush().await?;
    let mut rest = BytesMut::new();
    let body = first_frame(&mut connection.io, &mut rest, MAX_FIRST_FRAME_BYTES).await?;
    let welcome = match Reply::decode(&body)? {
        Reply::Welcome(welcome) => welcome,
        Reply::Refused(reason) => return Err(HandshakeError::RefusedByPeer(reason)),
    };
    if welcome.version < hello.oldest || welcome.version > hello.newest {
        return Err(Refusal::Version { oldest: welcome.version, newest: welcome.version }.into());
    }
    same_cluster(&hello.peer, &welcome.peer)?;
    welcome.peer.check(&connection.proof)?;
    expected.check(&welcome.peer)?;
    Ok(Welcomed { welcome, connection, rest })
}

fn same_cluster(us: &Peer, peer: &Peer) -> Result<(), Refusal> {
    if us.cluster == peer.cluster {
        return Ok(());
    }
    Err(Refusal::Cluster { ours: us.cluster.clone(), theirs: peer.cluster.clone() })
}

/// Whom a link is for.
#[derive(Clone)]
pub(super) struct Expected {
    pub role: Box<str>,
    pub name: Option<Box<str>>,
}

impl Expected {
    pub fn check(&self, peer: &Peer) -> Result<(), Refusal> {
        if peer.role != self.role {
            return Err(Refusal::Role { expected: self.role.clone(), theirs: peer.role.clone() });
        }
        match &self.name {
            Some(name) if *name != peer.name => {
                Err(Refusal::Name { expected: name.clone(), theirs: peer.name.clone() })
            }
            _ => Ok(()),
        }
    }
}

async fn turn_away(connection: &mut Connection, reply: &Reply) -> io::Result<()> {
    let mut bytes = BytesMut::new();
    reply.encode(&mut bytes);
    connection.io.write_all(&bytes).await?;
    connection.io.flush().await?;
    connection.io.shutdown().await
}

/// Reads the first frame and leaves what follows it in `bytes`. It has `longest` bytes at the most.
pub(super) async fn first_frame(
    io: &mut dyn Io,
    bytes: &mut BytesMut,
    longest: usize,
) -> Result<BytesMut, HandshakeError> {
    loop {
        if let Some(length) = bytes.first_chunk::<4>() {
            // Said by a stranger: text of another protocol reads as a huge length.
            let length = u32::from_le_bytes(*length) as usize;
            if length > longest {
                return Err(Malformed::NotALink.into());
            }
        }
        if let Some(body) = frame::delimit(bytes).map_err(Malformed::from)? {
            let mut whole = bytes.split_to(body.end);
            whole.advance(body.start);
            return Ok(whole);
        }
        bytes.reserve(MAX_FIRST_FRAME_BYTES);
        if io.read_buf(bytes).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}
