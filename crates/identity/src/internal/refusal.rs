//! Why a link was not made, in a sentence that names the reason.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::{AlertDescription, CertificateError, Error, OtherError};

use super::{ClusterName, Member, MemberName, Role, Roles};
use crate::certificate::written;

/// Why a peer was not let in, or did not let us in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody trusted here has issued it.
    #[error("the peer's certificate was issued by an authority that is not trusted here; it says that it is {claimed}")]
    ForeignAuthority {
        /// What the certificate says, which nobody vouches for.
        claimed: String,
    },
    /// Its time is over.
    #[error("the peer's certificate ended at {}; renew it, and check both clocks", written(*ended))]
    Expired {
        /// When.
        ended: SystemTime,
    },
    /// Its time has not come.
    #[error("the peer's certificate begins at {}; check both clocks", written(*begins))]
    NotYetValid {
        /// When it does.
        begins: SystemTime,
    },
    /// It belongs to another cluster.
    #[error("the peer belongs to cluster {found}, this is cluster {expected}")]
    WrongCluster {
        /// Ours.
        expected: ClusterName,
        /// The peer's.
        found: ClusterName,
    },
    /// It does something else than is asked for here.
    #[error("the peer is a {found}, and only a {expected} is let in here")]
    WrongRole {
        /// Who is let in.
        expected: Roles,
        /// What the peer is.
        found: Role,
    },
    /// It is not the one that was dialled.
    #[error("the peer is {found}, and {expected} was dialled; its address may have become somebody else's")]
    WrongName {
        /// Who was dialled.
        expected: MemberName,
        /// Who answered.
        found: MemberName,
    },
    /// It was removed from the cluster.
    #[error("the peer is {member}, which was removed from the cluster; with a join token it may come in anew")]
    Removed {
        /// Who it was.
        member: Member,
    },
    /// Rightly issued, and for no process.
    #[error("the peer's certificate names no process: {reason}")]
    NoIdentity {
        /// What is wrong with its names.
        reason: String,
    },
    /// It shows none.
    #[error("the peer shows no certificate")]
    NoCertificate,
    /// The other end does not speak TLS.
    #[error("the peer does not speak TLS; set encryptInternalTraffic alike in all processes")]
    NotTls,
    /// What it shows is damaged or not meant for this.
    #[error("the peer's certificate cannot be used: {reason}")]
    BadCertificate {
        /// What is wrong with it.
        reason: String,
    },
    /// The other end refused.
    #[error("the peer refused this process ({alert}); its log says why")]
    ByPeer {
        /// The TLS alert it sent.
        alert: String,
    },
    /// The handshake went wrong otherwise.
    #[error("the TLS handshake failed: {reason}")]
    Handshake {
        /// What the TLS library said.
        reason: String,
    },
}

impl Refusal {
    /// The reason within an error of the TLS library.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(CertificateError::Other(OtherError(ours))) => match ours.downcast_ref::<Self>() {
                Some(refusal) => refusal.clone(),
                None => Self::BadCertificate { reason: ours.to_string() },
            },
            Error::InvalidCertificate(other) => Self::BadCertificate { reason: format!("{other:?}") },
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => Self::NotTls,
            Error::AlertReceived(alert) => Self::ByPeer { alert: described(*alert) },
            other => Self::Handshake { reason: other.to_string() },
        }
    }

    /// The same for the form in which drivers of TLS connections pass it on; `None` where the connection broke for a
    /// reason that has nothing to do with TLS.
    pub fn of_io(error: &io::Error) -> Option<Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).map(Self::of)
    }

    /// One word for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ForeignAuthority { .. } => "foreign_authority",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::WrongCluster { .. } => "wrong_cluster",
            Self::WrongRole { .. } => "wrong_role",
            Self::WrongName { .. } => "wrong_name",
            Self::Removed { .. } => "removed",
            Self::NoIdentity { .. } => "no_identity",
            Self::NoCertificate => "no_certificate",
            Self::NotTls => "not_tls",
            Self::BadCertificate { .. } => "bad_certificate",
            Self::ByPeer { .. } => "by_peer",
            Self::Handshake { .. } => "handshake",
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
    }
}

fn described(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateUnknown => "our certificate is not one it lets in".to_owned(),
        AlertDescription::CertificateRequired => "it asks for a certificate".to_owned(),
        other => format!("alert {other:?}"),
    }
}
