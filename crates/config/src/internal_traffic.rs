//! What goes between the processes of a cluster, and by what certificates they know each other.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{KeyAlgorithm, KeyRotation};

/// How processes of a cluster talk. Has no effect in a process that is alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InternalTraffic {
    /// Whether over TLS.
    pub encryption: Encryption,
    /// By what certificates, if so.
    pub certificates: InternalCertificates,
}

/// Whether processes talk over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum Encryption {
    /// TLS 1.3; both ends show a certificate.
    #[default]
    Enabled,
    /// As it is: whoever reaches the wire reads messages, and whoever reaches a backend commands it.
    Disabled,
}

/// How the certificate of each process is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalCertificates {
    /// How long one is valid; a minute or more.
    pub duration: Duration,
    /// How long before its end it is renewed; less than `duration`.
    pub renew_before: Duration,
    /// Kind of key.
    pub algorithm: KeyAlgorithm,
    /// Whether a renewal makes a new key.
    pub rotation: KeyRotation,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Default for InternalCertificates {
    /// 30 days, renewed 10 days before the end.
    fn default() -> Self {
        Self {
            duration: HOUR.saturating_mul(720),
            renew_before: HOUR.saturating_mul(240),
            algorithm: KeyAlgorithm::default(),
            rotation: KeyRotation::default(),
        }
    }
}
