//! What the connections between processes are protected by.

use identity::internal::{Credentials, PeerIdentity};
use link::wire::{Integrity, Proof};

#[derive(Debug, Clone)]
pub(crate) enum Protection {
    /// TLS, and both sides show a certificate.
    Mutual(Credentials),
    /// Nothing but checksums: who is at the other end is what he says.
    Nothing,
}

impl Protection {
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::Mutual(credentials) => Some(credentials),
            Self::Nothing => None,
        }
    }

    /// What frames are secured by beside the connection.
    pub(super) fn integrity(&self) -> Integrity {
        match self {
            Self::Mutual(_) => Integrity::Trusted,
            Self::Nothing => Integrity::Checksummed,
        }
    }
}

/// What a peer has shown in a handshake, for the link to compare with what it says.
pub(super) fn proof(peer: &PeerIdentity) -> Proof {
    Proof::Certificate {
        cluster: peer.cluster.as_str().into(),
        role: peer.role.as_str().into(),
        name: peer.name.as_str().into(),
    }
}
