//! A cluster to test with, and the wire between two of its processes.

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rustls::server::Acceptor;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use rustls_pki_types::ServerName;
use tempfile::{TempDir, tempdir};

use super::super::*;
use crate::{KeyAlgorithm, KeyRotation};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Certificates that last 20 seconds, renewed 8 before their end.
pub(super) fn short_lived() -> InternalSettings {
    InternalSettings {
        duration: 20 * SECOND,
        renew_before: 8 * SECOND,
        algorithm: KeyAlgorithm::Ec256,
        rotation: KeyRotation::Always,
    }
}

#[derive(Clone)]
pub(super) struct Hand(Arc<Mutex<SystemTime>>);

impl Hand {
    pub(super) fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }

    pub(super) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    pub(super) fn set(&self) -> std::sync::MutexGuard<'_, SystemTime> {
        self.0.lock().unwrap()
    }

    pub(super) fn clock(&self) -> Clock {
        let hand = self.clone();
        Clock::of(move || hand.now())
    }
}

pub(super) struct Cluster {
    pub(super) folder: TempDir,
    pub(super) hand: Hand,
    pub(super) name: ClusterName,
    pub(super) authority: InternalAuthority,
}

impl Cluster {
    /// With an authority that lasts for 200 seconds.
    pub(super) fn new(name: &str) -> Self {
        Self::lasting(name, 200 * SECOND)
    }

    pub(super) fn lasting(name: &str, authority: Duration) -> Self {
        let (folder, now) = (tempdir().unwrap(), SystemTime::now());
        let (name, hand) = (ClusterName::new(name).unwrap(), Hand(Arc::new(Mutex::new(now))));
        let settings = AuthoritySettings { duration: authority, ..AuthoritySettings::for_leaves(&short_lived()) };
        let authority = InternalAuthority::open(&folder.path().join("authority"), name.clone(), settings, now);
        Self { folder, hand, name, authority: authority.unwrap() }
    }

    pub(super) fn open(folder: &Path, name: &ClusterName, now: SystemTime) -> Result<InternalAuthority, InternalError> {
        let settings = AuthoritySettings { duration: 200 * SECOND, ..AuthoritySettings::for_leaves(&short_lived()) };
        InternalAuthority::open(&folder.join("authority"), name.clone(), settings, now)
    }

    pub(super) fn now(&self) -> SystemTime {
        self.hand.now()
    }

    pub(super) fn member(&self, role: Role, name: &str) -> Member {
        Member { cluster: self.name.clone(), role, name: MemberName::new(name).unwrap() }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).join("identity")
    }

    pub(super) fn process(&self, role: Role, name: &str) -> Credentials {
        self.process_with(role, name, short_lived())
    }

    pub(super) fn process_with(&self, role: Role, name: &str, settings: InternalSettings) -> Credentials {
        let member = self.member(role, name);
        let pending = Credentials::first_request(&settings).unwrap();
        let issued = self.authority.issue(pending.request(), &member, self.now()).unwrap();
        Credentials::establish(&self.file(name), pending, issued, (member, settings, self.hand.clock())).unwrap()
    }

    /// What the loop of a process does that reaches the authority.
    pub(super) fn tend(&self, process: &Credentials) -> Duration {
        let (now, member) = (self.now(), process.member().clone());
        process.tend(now, |pending| self.authority.issue(pending.request(), &member, now))
    }
}

/// A finished handshake.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: ClientConnection,
    pub(super) server: ServerConnection,
}

/// Who refused, and why.
#[derive(Debug, PartialEq)]
pub(super) enum Failed {
    AtClient(Refusal),
    AtServer(Refusal),
}

pub(super) fn roles(role: Role) -> Roles {
    Roles::only(role)
}

/// A frontend dials a backend.
pub(super) fn dial(frontend: &Credentials, backend: &Credentials) -> Result<Link, Failed> {
    let client = frontend.client(roles(Role::Backend)).unwrap();
    connect(client, backend.server(roles(Role::Frontend)).unwrap().link())
}

pub(super) fn connect(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Result<Link, Failed> {
    let name = ServerName::try_from("peer.invalid").unwrap();
    let client = ClientConnection::new(client, name).unwrap();
    let mut link = Link { client, server: ServerConnection::new(server).unwrap() };
    for _ in 0..10 {
        if !link.client.is_handshaking() && !link.server.is_handshaking() && !link.server.wants_write() {
            return Ok(link);
        }
        link.carry()?;
    }
    panic!("a handshake without end");
}

impl Link {
    fn carry(&mut self) -> Result<(), Failed> {
        let mut wire = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut wire).unwrap();
        }
        let mut wire = Cursor::new(wire);
        while self.server.read_tls(&mut wire).unwrap() > 0 {
            self.server.process_new_packets().map_err(|e| Failed::AtServer(Refusal::of(&e)))?;
        }
        let mut wire = Vec::new();
        while self.server.wants_write() {
            self.server.write_tls(&mut wire).unwrap();
        }
        let mut wire = Cursor::new(wire);
        while self.client.read_tls(&mut wire).unwrap() > 0 {
            self.client.process_new_packets().map_err(|e| Failed::AtClient(Refusal::of(&e)))?;
        }
        Ok(())
    }

    /// A word there and back.
    pub(super) fn works(&mut self) {
        let mut heard = [0; 5];
        self.client.writer().write_all(b"there").unwrap();
        self.carry().unwrap();
        self.server.reader().read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"there");
        self.server.writer().write_all(b"again").unwrap();
        self.carry().unwrap();
        self.client.reader().read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"again");
    }

    pub(super) fn client_seen(&self) -> PeerIdentity {
        PeerIdentity::of(self.server.peer_certificates()).unwrap()
    }

    pub(super) fn server_seen(&self) -> PeerIdentity {
        PeerIdentity::of(self.client.peer_certificates()).unwrap()
    }
}

/// The whole exchange, as links carry it.
pub(super) fn join(
    cluster: &Cluster,
    holder: &Credentials,
    joining: Joining,
    name: &str,
) -> Result<Credentials, JoinRefusal> {
    let client = joining.client().unwrap();
    let issued = ask(cluster, holder, client, |binding| joining.request(binding).unwrap())?;
    Ok(joining.finish(issued, &cluster.file(name)).unwrap())
}

/// One question of a process without a good certificate, and the answer.
pub(super) fn ask(
    cluster: &Cluster,
    holder: &Credentials,
    client: Arc<ClientConfig>,
    request: impl FnOnce(&[u8; 32]) -> JoinRequest,
) -> Result<Issued, JoinRefusal> {
    let server = holder.server(roles(Role::Frontend)).unwrap();
    let dialled = ServerName::try_from("peer.invalid").unwrap();
    let mut client = ClientConnection::new(client, dialled).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut Cursor::new(hello)).unwrap();
    let accepted = acceptor.accept().unwrap().unwrap();
    let configuration = server.link_or_join(&accepted.client_hello());
    let mut server = accepted.into_connection(configuration).map_err(|(e, _)| e).unwrap();
    carry(&mut client, &mut server);
    assert_eq!(server.alpn_protocol(), Some(JOIN_PROTOCOL));
    assert_eq!(PeerIdentity::of(server.peer_certificates()), Err(Refusal::NoCertificate));
    let sent = request(&binding(&client).unwrap()).to_bytes();
    let received = JoinRequest::from_bytes(&sent).unwrap();
    let issued = cluster.authority.admit(&received, &binding(&server).unwrap(), cluster.now())?;
    Ok(Issued::from_bytes(&issued.to_bytes()).unwrap())
}

fn carry(client: &mut ClientConnection, server: &mut ServerConnection) {
    for _ in 0..10 {
        let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
        while server.wants_write() {
            server.write_tls(&mut to_client).unwrap();
        }
        let mut to_client = Cursor::new(to_client);
        while client.read_tls(&mut to_client).unwrap() > 0 {
            client.process_new_packets().unwrap();
        }
        while client.wants_write() {
            client.write_tls(&mut to_server).unwrap();
        }
        let mut to_server = Cursor::new(to_server);
        while server.read_tls(&mut to_server).unwrap() > 0 {
            server.process_new_packets().unwrap();
        }
    }
}
