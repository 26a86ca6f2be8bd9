//! How the client of an endpoint says who it is.

use std::path::PathBuf;

use crate::authentication::ClientPair;
use crate::{SecretBytes, SecretText};

/// What an endpoint is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    Anonymous,
    /// `K8S-SAT`: a token that Kubernetes gave the pod.
    ServiceAccountToken(ServiceAccountTokenFile),
    /// A client certificate, out of `client_cert.pem`, `client_intermediate_certs.pem` and `client_key.pem` of a Secret.
    /// Never without TLS.
    X509(ClientPair),
    /// `OAUTH2-JWT`: a token for the identity that Azure gave this machine.
    SystemAssignedManagedIdentity(SystemIdentity),
    /// `OAUTH2-JWT`: a token for an identity that trusts the cluster's tokens.
    UserAssignedManagedIdentity(UserIdentity),
    /// As they are.
    UsernamePassword(UsernamePassword),
}

/// `method: ServiceAccountToken`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccountTokenFile {
    /// What the token has to be for.
    pub audience: String,
    /// Where the kubelet puts it, and puts the next one in its place.
    pub file: PathBuf,
}

/// `method: SystemAssignedManagedIdentity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemIdentity {
    /// What the token is asked for.
    pub audience: String,
}

/// `method: UserAssignedManagedIdentity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserIdentity {
    /// The identity.
    pub client_id: String,
    /// Its directory.
    pub tenant_id: String,
    /// What the token is asked for.
    pub scope: String,
}

/// `method: UsernamePassword`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsernamePassword {
    /// `secrets/NAME`, for messages.
    pub name: String,
    /// At most 65,535 bytes, no U+0000.
    pub username: SecretText,
    /// At most 65,535 bytes.
    pub password: SecretBytes,
}
