//! What lets a process into a cluster the first time: a line of text that pins the authority and holds a secret.

use std::fmt;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::record::{Reader, Writer};
use super::roots::{Fingerprint, MOST_ROOTS, fingerprint};
use super::{ClusterName, InternalError, Role};

const VERSION: u8 = 1;
const PREFIX: &str = "causeway-join-";
/// The longest text that may be a token.
const LONGEST_TEXT: usize = 1024;

/// How often a token lets somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenUse {
    /// Once.
    Once,
    /// As often as somebody asks until it ends: for a Secret that every pod of a role mounts.
    UntilItEnds,
}

/// Lets a process into a cluster, in one role, for some time. Secret as a whole; shown by [`JoinToken::to_text`] alone.
#[derive(Clone)]
pub struct JoinToken {
    cluster: ClusterName,
    role: Role,
    id: [u8; 16],
    secret: Zeroizing<[u8; 32]>,
    /// All that were trusted when it was made: during a rotation the process that holds the authority may show a certificate of
    /// either.
    authorities: Vec<Fingerprint>,
    not_after: SystemTime,
}

impl JoinToken {
    pub(crate) fn make(
        provider: &CryptoProvider,
        (cluster, role): (ClusterName, Role),
        authorities: Vec<Fingerprint>,
        not_after: SystemTime,
    ) -> Result<Self, InternalError> {
        let (mut id, mut secret) = ([0; 16], Zeroizing::new([0; 32]));
        let random =
            |bytes: &mut [u8]| provider.secure_random.fill(bytes).map_err(|_| rustls::Error::FailedToGetRandomBytes);
        random(&mut id)?;
        random(secret.as_mut())?;
        Ok(Self { cluster, role, id, secret, authorities, not_after })
    }

    /// The cluster it lets into.
    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// The role it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// When it ends.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The whole token in one line, for handing over.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut record = Writer::new(VERSION);
        record.bytes(self.cluster.as_str().as_bytes());
        record.bytes(self.role.as_str().as_bytes());
        record.bytes(&self.id);
        record.bytes(self.secret.as_ref());
        record.byte(self.authorities.len() as u8);
        for authority in &self.authorities {
            record.bytes(authority);
        }
        record.moment(self.not_after);
        let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(record.finish().as_slice()));
        Zeroizing::new([PREFIX, encoded.as_str()].concat())
    }

    /// Reads such a line; blanks around it, as files have them, make no difference.
    ///
    /// # Errors
    /// It is no such line. The error shows nothing of it.
    pub fn parse(text: &str) -> Result<Self, InternalError> {
        let what = "a join token";
        let wrong = |reason: &str| InternalError::Unreadable { what, reason: reason.to_owned() };
        let text = text.trim();
        let encoded = text.strip_prefix(PREFIX).ok_or_else(|| wrong("it does not begin with causeway-join-"))?;
        if text.len() > LONGEST_TEXT {
            return Err(wrong("it is too long"));
        }
        let decoded = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| wrong("a part of it is missing or altered"))?;
        let bytes = Zeroizing::new(decoded);
        let mut record = Reader::new(what, &bytes, VERSION)?;
        let (cluster, role) = (ClusterName::new(record.text()?)?, record.text()?.parse::<Role>()?);
        let id = record.array("its id")?;
        let secret = Zeroizing::new(record.array("its secret")?);
        let mut authorities = Vec::new();
        for _ in 0..record.count(MOST_ROOTS)? {
            authorities.push(record.array("the hash of its authority")?);
        }
        let not_after = record.moment()?;
        record.finish()?;
        Ok(Self { cluster, role, id, secret, authorities, not_after })
    }

    pub(crate) fn id(&self) -> &[u8; 16] {
        &self.id
    }

    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Whether an authority with that certificate made it.
    pub(crate) fn pins(&self, certificate: &CertificateDer<'_>) -> bool {
        self.authorities.contains(&fingerprint(certificate))
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cluster, role) = (&self.cluster, self.role);
        f.debug_struct("JoinToken").field("cluster", cluster).field("role", &role).finish_non_exhaustive()
    }
}
