//! Making a connection to a backend, with the newest certificate each time.

use std::fmt::Display;
use std::io;
use std::net::Ipv4Addr;
use std::time::SystemTime;

use config::BackendAddress;
use identity::internal::{Credentials, MemberName, PeerIdentity, Refusal, Role};
use link::wire::{Connect, Connecting, Connection, Lifetime, Proof, ReadAhead};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::lifetime;
use super::protection::{Protection, proof};

/// Dials one backend; the link sets the deadline.
pub(crate) struct Dial {
    pub(crate) to: BackendAddress,
    pub(crate) protection: Protection,
}

impl Connect for Dial {
    fn connect(&mut self) -> Connecting {
        let (to, protection) = (self.to.clone(), self.protection.clone());
        Box::pin(async move {
            let integrity = protection.integrity();
            let (io, lifetime, proof): (Box<dyn link::wire::Io>, _, _) = match &protection {
                Protection::Nothing => (Box::new(connect(&to).await?), Lifetime::default(), Proof::Word),
                Protection::Mutual(ours) => {
                    let (stream, lifetime, proof) = secured(&to, ours).await?;
                    (Box::new(stream), lifetime, proof)
                }
            };
            Ok(Connection { io, integrity, lifetime, proof })
        })
    }
}

async fn secured(
    to: &BackendAddress,
    ours: &Credentials,
) -> io::Result<(TlsStream<ReadAhead<TcpStream>>, Lifetime, Proof)> {
    let own_end = ours.not_after();
    let name = MemberName::new(&to.name).map_err(io::Error::other)?;
    let configuration = ours.client_to(Role::Backend, name).map_err(io::Error::other)?;
    let stream = secure(to, configuration).await.map_err(|unsecured| match unsecured {
        Unsecured::Broken(error) => error,
        Unsecured::Refused(refusal) => at(to, &refusal),
    })?;
    let peer = PeerIdentity::of(stream.get_ref().1.peer_certificates()).map_err(|refusal| at(to, &refusal))?;
    let (due, end) = (ours.link_due(own_end, &peer), own_end.min(peer.not_after));
    Ok((stream, lifetime::dialed(SystemTime::now(), due, end), proof(&peer)))
}

/// A connection with a finished handshake.
///
/// # Errors
/// Who was dialled, and why not.
pub(super) async fn secure(
    to: &BackendAddress,
    configuration: Arc<ClientConfig>,
) -> Result<TlsStream<ReadAhead<TcpStream>>, Unsecured> {
    let tcp = ReadAhead::new(connect(to).await.map_err(Unsecured::Broken)?);
    // TLS wants a name of the server. It is not sent and not looked at: certificates name processes.
    let unnamed = ServerName::from(Ipv4Addr::UNSPECIFIED);
    TlsConnector::from(configuration).connect(unnamed, tcp).await.map_err(|error| match Refusal::of_io(&error) {
        Some(refusal) => Unsecured::Refused(refusal),
        None => Unsecured::Broken(at(to, &error)),
    })
}

/// Why there is no handshake.
#[derive(Debug)]
pub(super) enum Unsecured {
    Broken(io::Error),
    /// By one of the two.
    Refused(Refusal),
}

/// A name is resolved at each attempt: a pod that comes back has another address.
async fn connect(to: &BackendAddress) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect((to.host.as_str(), to.port)).await.map_err(|error| at(to, &error))?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

fn at(to: &BackendAddress, why: &dyn Display) -> io::Error {
    io::Error::other(format!("{} at {to}: {why}", to.name))
}
