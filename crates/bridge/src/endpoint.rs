//! One side of a dataflow: a server, and how it is spoken to.

use std::fmt;
use std::sync::Arc;

use client::Transport;
use mqtt::QoS;

use crate::credentials::Credentials;

/// The longest keep alive Event Grid takes, in seconds.
const EVENT_GRID_KEEP_ALIVE: u16 = 1160;
/// The longest session Event Grid keeps, in seconds.
const EVENT_GRID_SESSION: u32 = 8 * 3600;

/// A server, and how it is spoken to.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    pub name: String,
    pub address: Address,
    pub version: Version,
    pub credentials: Credentials,
    /// `None`: an identifier that is this installation's alone.
    pub client_id_prefix: Option<String>,
    /// Of subscriptions at a source, of publishes at a destination; QoS 2 is taken as 1.
    pub qos: QoS,
    pub retain: Retain,
    /// Seconds.
    pub session_expiry: u32,
    /// Seconds; 0 for none.
    pub keep_alive: u16,
    /// Receive Maximum at a source, publishes not acknowledged at a destination; 0 is taken as 1.
    pub max_inflight: u16,
    /// What is done at a destination; `None` leaves properties as they are.
    pub cloud_events: Option<CloudEvents>,
    pub kind: Kind,
    pub hop: Hop,
}

/// Where a server is.
#[derive(Clone)]
pub enum Address {
    Remote(client::Endpoint),
    /// In this process.
    Memory(Door),
}

/// Opens connections to a server in this process.
pub type Door = Arc<dyn Fn() -> Box<dyn Transport> + Send + Sync>;

/// The protocol spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 5, and 3.1.1 with a server that does not know it.
    Auto,
    V3_1_1,
    V5,
}

/// What becomes of the RETAIN flag at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retain {
    /// As it came, as long as the server retains at all.
    Keep,
    Never,
}

/// What is done about CloudEvents attributes (user properties) at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudEvents {
    /// An event that is complete is passed on, its `datacontenttype` brought up to date.
    Propagate,
    /// As `Propagate`; what an incomplete event lacks is made.
    CreateOrRemap,
}

/// What is known of a server beyond its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The broker of this installation.
    Local,
    /// Has limits of its own: keep alive up to 1160 s, sessions up to 8 h.
    EventGrid,
    Custom,
}

/// Whether messages are marked with where they have been, and those that come back are stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    Checked,
    Off,
}

impl Endpoint {
    /// What metrics call a server of its kind.
    pub fn service_type(&self) -> &'static str {
        match self.kind {
            Kind::Local => "Local AIO MQTT Broker",
            Kind::EventGrid => "Event Grid",
            Kind::Custom => "Unknown Mqtt Broker",
        }
    }

    /// Seconds, within what the server takes.
    pub(crate) fn effective_keep_alive(&self) -> u16 {
        match (self.kind, self.keep_alive) {
            (Kind::EventGrid, 0) => EVENT_GRID_KEEP_ALIVE,
            (Kind::EventGrid, seconds) => seconds.min(EVENT_GRID_KEEP_ALIVE),
            (Kind::Local | Kind::Custom, seconds) => seconds,
        }
    }

    /// Seconds, within what the server takes.
    pub(crate) fn effective_session_expiry(&self) -> u32 {
        match self.kind {
            Kind::EventGrid => self.session_expiry.min(EVENT_GRID_SESSION),
            Kind::Local | Kind::Custom => self.session_expiry,
        }
    }

    pub(crate) fn effective_qos(&self) -> QoS {
        self.qos.min(QoS::AtLeastOnce)
    }
}

/// The same server by the same way: TLS settings and doors are the same when they are one and the same.
impl Address {
    /// Whether both lead to one server, whoever is trusted there.
    pub(crate) fn is_where(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory(_), Self::Memory(_)) => true,
            (Self::Remote(a), Self::Remote(b)) => (&a.host, a.port) == (&b.host, b.port),
            _ => false,
        }
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory(a), Self::Memory(b)) => Arc::ptr_eq(a, b),
            (Self::Remote(a), Self::Remote(b)) => {
                let tls = match (&a.tls, &b.tls) {
                    (None, None) => true,
                    (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                    _ => false,
                };
                tls && a.host == b.host && a.port == b.port && a.bind == b.bind && a.websocket == b.websocket
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(endpoint) => write!(f, "{endpoint}"),
            Self::Memory(_) => f.write_str("memory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(kind: Kind) -> Endpoint {
        Endpoint {
            name: "a".into(),
            address: Address::Remote(client::Endpoint::tcp("host", 1883)),
            version: Version::Auto,
            credentials: Credentials::Anonymous,
            client_id_prefix: None,
            qos: QoS::AtLeastOnce,
            retain: Retain::Keep,
            session_expiry: 100_000,
            keep_alive: 3600,
            max_inflight: 100,
            cloud_events: None,
            kind,
            hop: Hop::Checked,
        }
    }

    #[test]
    fn event_grid_is_asked_for_what_it_grants() {
        let grid = endpoint(Kind::EventGrid);
        assert_eq!((grid.effective_keep_alive(), grid.effective_session_expiry()), (1160, 28_800));
        let never = Endpoint { keep_alive: 0, ..grid };
        assert_eq!(never.effective_keep_alive(), 1160);
        let custom = endpoint(Kind::Custom);
        assert_eq!((custom.effective_keep_alive(), custom.effective_session_expiry()), (3600, 100_000));
    }

    #[test]
    fn endpoints_are_the_same_by_what_they_lead_to() {
        let one = endpoint(Kind::Custom);
        assert_eq!(one, endpoint(Kind::Custom));
        let other = Endpoint { address: Address::Remote(client::Endpoint::tcp("host", 1884)), ..one.clone() };
        assert_ne!(one, other);
    }

    #[test]
    fn one_server_is_one_address_whatever_is_spoken_there() {
        let at = |host: &str, port| Address::Remote(client::Endpoint::tcp(host, port));
        let Address::Remote(plain) = at("a", 1) else { unreachable!() };
        let websocket = Address::Remote(client::Endpoint { websocket: Some("/mqtt".into()), ..plain });
        assert!(websocket != at("a", 1) && websocket.is_where(&at("a", 1)));
        assert!(!at("a", 1).is_where(&at("a", 2)) && !at("a", 1).is_where(&at("b", 1)));
    }
}
