//! What an endpoint is told about who to be there.

use std::fmt;
use std::path::PathBuf;

use super::secret::Secret;

/// The audience of tokens for Event Grid, where an endpoint names none.
pub const EVENT_GRID_AUDIENCE: &str = "https://eventgrid.azure.net";
/// The scope of tokens for Event Grid, where an endpoint names none.
pub const EVENT_GRID_SCOPE: &str = "https://eventgrid.azure.net/.default";

/// Where Kubernetes usually projects the token for the broker.
pub const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/tokens/broker-sat";

/// The method of an endpoint, and where its secrets are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// CONNECT without method, user name or password.
    Anonymous,
    /// The fields of CONNECT. One line end after each is not taken as part of it.
    UsernamePassword { username: Source, password: Source },
    /// A certificate in the TLS handshake.
    X509(X509Sources),
    /// A token that Kubernetes projects into a file and replaces there, as `K8S-SAT`.
    ServiceAccountToken {
        file: PathBuf,
        /// For whom the token must be; a token that says otherwise is not sent.
        audience: Option<String>,
    },
    /// A token of the machine's own identity, as `OAUTH2-JWT`.
    SystemAssignedManagedIdentity(SystemIdentity),
    /// A token of an identity that trusts a token of the cluster, as `OAUTH2-JWT`.
    UserAssignedManagedIdentity(UserIdentity),
}

/// Certificate and key in PEM, unencrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct X509Sources {
    /// The client's own certificate; others may follow it.
    pub certificate: Source,
    pub key: Source,
    /// Those that issued it, in order.
    pub intermediates: Option<Source>,
}

/// Of the machine: Azure virtual machine, or connected by Azure Arc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemIdentity {
    /// For whom the tokens are; `/.default` at its end counts for nothing.
    pub audience: String,
}

/// A user-assigned managed identity, by workload identity federation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserIdentity {
    pub client_id: String,
    pub tenant_id: String,
    pub scope: String,
}

/// Where something is read.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// Watched, through links: when it changes, it is read again.
    File(PathBuf),
    /// As it is; `name` is for errors.
    Held { name: String, content: Secret },
}

impl Source {
    /// Files to watch.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) => Some(path),
            Self::Held { .. } => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Held { name, .. } => name.fmt(f),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

impl Credentials {
    /// The authentication method in CONNECT; one that has it needs MQTT 5.
    pub fn authentication_method(&self) -> Option<&'static str> {
        match self {
            Self::Anonymous | Self::UsernamePassword { .. } | Self::X509(_) => None,
            Self::ServiceAccountToken { .. } => Some("K8S-SAT"),
            Self::SystemAssignedManagedIdentity(_) | Self::UserAssignedManagedIdentity(_) => Some("OAUTH2-JWT"),
        }
    }

    /// The name in the resources.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Anonymous => "Anonymous",
            Self::UsernamePassword { .. } => "UsernamePassword",
            Self::X509(_) => "X509Certificate",
            Self::ServiceAccountToken { .. } => "ServiceAccountToken",
            Self::SystemAssignedManagedIdentity(_) => "SystemAssignedManagedIdentity",
            Self::UserAssignedManagedIdentity(_) => "UserAssignedManagedIdentity",
        }
    }
}
