//! Where the process listens, with which protocol, behind which certificate.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SecretBytes, SecretText};

/// One port that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// `LISTENER/PORT` of a BrokerListener, or `mqtt`, `mqtts`, `ws` for those of the command line. Unique in a plan,
    /// and the same in every plan in which the port stays.
    pub name: String,
    /// What to bind; port 0 is any free port.
    pub address: SocketAddr,
    /// What is spoken there.
    pub protocol: Protocol,
    /// How it is secured; `None` is not at all.
    pub tls: Option<Tls>,
    /// The BrokerAuthentication that says who is let in, one of [`crate::Plan::authentications`]; `None` is everybody.
    pub authentication: Option<String>,
    /// The BrokerAuthorization that says what they may do, one of [`crate::Plan::authorizations`]; `None` is everything.
    /// Never without [`Listener::authentication`].
    pub authorization: Option<String>,
}

/// What is spoken over the connection, or over the TLS that is spoken over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum Protocol {
    /// MQTT.
    #[default]
    Mqtt,
    /// MQTT in WebSocket messages, sub-protocol `mqtt`, any path.
    WebSockets,
}

/// Where a listener's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Somebody else makes and renews it.
    Manual(ManualCertificate),
    /// This process makes and renews it.
    Automatic(AutomaticCertificate),
}

/// A certificate out of a Secret. Both texts look like PEM; whether they fit each other is for the one who loads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualCertificate {
    /// The Secret's name, for messages.
    pub secret: String,
    /// The Secret's `tls.crt`: leaf first.
    pub chain_pem: Vec<u8>,
    /// The Secret's `tls.key`.
    pub key_pem: SecretBytes,
}

/// What a certificate of our own is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutomaticCertificate {
    /// The folder below `tls` in the data directory that holds `tls.crt`, `tls.key` and `ca.crt`. No two listeners
    /// share one.
    pub folder: String,
    /// How long it is valid; a minute or more.
    pub duration: Duration,
    /// How long before its end a new one is made; shorter than [`AutomaticCertificate::duration`].
    pub renew_before: Duration,
    /// Kind of key.
    pub algorithm: KeyAlgorithm,
    /// Whether a renewal makes a new key.
    pub rotation: KeyRotation,
    /// Names that were asked for: the Service's and those of `san.dns`. The machine's own names are not among them;
    /// empty for the listener `mqtts`.
    pub dns_names: Vec<String>,
    /// Addresses that were asked for.
    pub addresses: Vec<IpAddr>,
}

/// Kind of a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum KeyAlgorithm {
    /// ECDSA, P-256.
    #[default]
    Ec256,
    /// ECDSA, P-384.
    Ec384,
    /// ECDSA, P-521.
    Ec521,
    /// Ed25519.
    Ed25519,
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 4096 bits.
    Rsa4096,
    /// RSA, 8192 bits.
    Rsa8192,
}

/// Whether a renewal makes a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum KeyRotation {
    /// Each certificate has a key of its own.
    #[default]
    Always,
    /// All certificates have the first one's key.
    Never,
}

/// Where the admin endpoint listens and whom it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// What to bind; a loopback address unless there is a token.
    pub address: SocketAddr,
    /// What a request must bear, except those for `/health/live` and `/health/ready`; `None` asks for nothing.
    pub token: Option<SecretText>,
}

const HOUR: Duration = Duration::from_secs(3600);

impl AutomaticCertificate {
    /// How long a certificate is valid unless asked otherwise: 90 days.
    pub const DEFAULT_DURATION: Duration = HOUR.saturating_mul(2160);
    /// How long before its end such a certificate is renewed: 30 days.
    pub const DEFAULT_RENEW_BEFORE: Duration = HOUR.saturating_mul(720);

    /// A certificate as nobody asked for anything.
    pub(crate) fn unasked(folder: String) -> Self {
        Self {
            folder,
            duration: Self::DEFAULT_DURATION,
            renew_before: Self::DEFAULT_RENEW_BEFORE,
            algorithm: KeyAlgorithm::default(),
            rotation: KeyRotation::default(),
            dns_names: Vec::new(),
            addresses: Vec::new(),
        }
    }
}
