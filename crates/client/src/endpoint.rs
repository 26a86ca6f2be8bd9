//! Where a server is, and how it is spoken to.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::ClientConfig;

/// A server's address and the layers below MQTT.
#[derive(Clone)]
pub struct Endpoint {
    /// A name to be resolved, or an address; IPv6 without brackets.
    pub host: String,
    pub port: u16,
    /// The local address to connect from.
    pub bind: Option<IpAddr>,
    /// TLS, from [`crate::tls::configuration`]; the server's certificate is to name `host`.
    pub tls: Option<Arc<ClientConfig>>,
    /// WebSocket, with this path.
    pub websocket: Option<String>,
}

impl Endpoint {
    /// Plain TCP.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, bind: None, tls: None, websocket: None }
    }

    /// `HOST:PORT`, with brackets around an IPv6 address.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// As a URL.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (&self.tls, &self.websocket) {
            (None, None) => "mqtt",
            (Some(_), None) => "mqtts",
            (None, Some(_)) => "ws",
            (Some(_), Some(_)) => "wss",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.websocket.as_deref().unwrap_or_default())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}
