//! What people and programs do to the running broker.

use std::fmt;
use std::net::SocketAddr;

/// An administrative action, done or refused. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// The broker serves from now on.
    Started { version: &'static str },
    /// The broker ends, for this signal.
    Ended { signal: String },
    /// Nothing more is recorded, as the configuration says.
    Silenced,
    /// A changed configuration is in effect; each change in words.
    ConfigurationApplied { by: Asker, changes: Vec<String> },
    /// A changed configuration is not in effect, for these reasons.
    ConfigurationRefused { by: Asker, problems: Vec<String> },
    /// A client was sent away.
    ClientDisconnected { by: Asker, client_id: String },
    /// A retained message was deleted.
    RetainedDeleted { by: Asker, topic: String },
    /// The internal certificate of this process is renewed now.
    InternalCertificateRotated { by: Asker },
    /// A successor of the internal authority was announced.
    InternalAuthorityRotated { by: Asker },
    /// Somebody got a token for a process of that role.
    JoinTokenMade { by: Asker, role: &'static str },
    /// A process has no standing in the cluster any more.
    InternalMemberRemoved { by: Asker, role: &'static str, name: String },
    /// A request to the admin endpoint was refused, because of who asked: method and path.
    RequestRefused { by: Asker, request: String, why: &'static str },
}

/// Who asked for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Whoever changed files.
    Files,
    /// Whoever sent SIGHUP.
    Signal,
    /// Whoever is at this address and shows the admin endpoint's token.
    Token(SocketAddr),
    /// Whoever is at this address.
    Anybody(SocketAddr),
}

impl Asker {
    pub(super) fn peer(self) -> Option<SocketAddr> {
        match self {
            Self::Token(peer) | Self::Anybody(peer) => Some(peer),
            Self::Files | Self::Signal => None,
        }
    }
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files => "changed files",
            Self::Signal => "SIGHUP",
            Self::Token(_) => "admin endpoint, with its token",
            Self::Anybody(_) => "admin endpoint, without a token",
        })
    }
}
