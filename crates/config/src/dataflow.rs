//! What crosses between brokers: dataflows, the endpoints they connect, the profiles that run them.

mod credentials;
mod topic_template;

use std::time::Duration;

use mqtt::QoS;

pub use credentials::{Credentials, ServiceAccountTokenFile, SystemIdentity, UserIdentity, UsernamePassword};
pub use topic_template::{TopicPiece, TopicTemplate};

use crate::authentication::TrustBundle;
use crate::{LogLevel, Place, Protocol};

/// A DataflowEndpoint: a broker, and how one is its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The resource's name; dataflows refer to it.
    pub name: String,
    /// Where it was written, fields below `spec`: `mqttSettings.host`. `None` for the built-in `default`.
    pub place: Option<Place>,
    /// Whose broker it is.
    pub kind: EndpointKind,
    /// How it is reached.
    pub reach: Reach,
    /// A name to be resolved, or an address; IPv6 without brackets. For [`Reach::Memory`] too, as another process needs
    /// it.
    pub host: String,
    /// Never 0.
    pub port: u16,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Begins with `/`; only for [`Protocol::WebSockets`].
    pub path: Option<String>,
    /// `None` is plain text.
    pub tls: Option<EndpointTls>,
    /// Which MQTT.
    pub version: MqttVersion,
    /// How we say who we are.
    pub credentials: Credentials,
    /// What client identifiers begin with; `None` is something of this installation's own. A client identifier is that,
    /// the dataflow's name, `-out` for a destination that is at the source's server or without a prefix, and `-N` from 1
    /// where [`Dataflow::instances`] is more than 1.
    pub client_id_prefix: Option<String>,
    /// Of subscriptions and of publishes: 0 or 1.
    pub qos: QoS,
    /// What becomes of RETAIN where this is the destination.
    pub retain: Retain,
    /// How long the broker keeps the session of who is gone; whole seconds. `u32::MAX` seconds are for ever.
    pub session_expiry: Duration,
    /// Whole seconds, at most 65,535; zero is none.
    pub keep_alive: Duration,
    /// Receive Maximum as a source, unacknowledged publishes as a destination. Never 0.
    pub max_inflight: u16,
    /// What becomes of CloudEvents attributes where this is the destination; `None` leaves them alone.
    pub cloud_events: Option<CloudEvents>,
    /// Whether messages carry, and are judged by, where they went through.
    pub hop: Hop,
}

/// Whose broker an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointKind {
    /// This installation's own.
    Local,
    /// Azure Event Grid, which takes no user properties but on PUBLISH, at most [`Self::EVENT_GRID_KEEP_ALIVE`] and
    /// [`Self::EVENT_GRID_SESSION_EXPIRY`].
    EventGrid,
    /// Any other.
    Custom,
}

impl EndpointKind {
    /// The longest keep alive that Azure Event Grid takes.
    pub const EVENT_GRID_KEEP_ALIVE: Duration = Duration::from_secs(1160);
    /// The longest session expiry that Azure Event Grid takes.
    pub const EVENT_GRID_SESSION_EXPIRY: Duration = Duration::from_secs(8 * 3600);
}

/// How an endpoint's broker is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It is the one in this process: neither address nor TLS nor credentials are needed.
    Memory,
    /// At its address.
    Network,
}

/// How the connection is secured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointTls {
    /// Of the broker's certificate, instead of this machine's; `None` are this machine's.
    pub authorities: Option<TrustBundle>,
}

/// Which MQTT is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MqttVersion {
    /// 5, and 3.1.1 where the broker refuses that.
    Auto,
    /// 3.1.1.
    V3,
    /// 5.
    V5,
}

/// What becomes of a message's RETAIN flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retain {
    /// It stays as it is.
    Keep,
    /// It is cleared.
    Never,
}

/// What becomes of CloudEvents attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudEvents {
    /// A complete set passes.
    Propagate,
    /// A complete set passes, and what is missing of an incomplete one is made.
    CreateOrRemap,
}

/// Whether messages that come back are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// As a destination the endpoint gets the property `causeway-hop`, as a source its messages are judged by it.
    Checked,
    /// Neither.
    Off,
}

/// A Dataflow: messages of a source go to a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataflow {
    /// The resource's name.
    pub name: String,
    /// One of [`crate::Plan::profiles`].
    pub profile: String,
    /// Whether it runs.
    pub mode: Mode,
    /// How many sessions share its messages: the profile's [`Profile::instances`], 1 to 20.
    pub instances: u16,
    /// One of [`crate::Plan::endpoints`].
    pub source: String,
    /// What is subscribed to there. Never empty, none twice.
    pub filters: Vec<SourceFilter>,
    /// One of [`crate::Plan::endpoints`].
    pub destination: String,
    /// What messages are published to there.
    pub topic: TopicTemplate,
    /// The local broker's topic for messages that can never be delivered. A topic name.
    pub dead_letter: String,
}

/// Whether a dataflow runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Enabled,
    /// It does not.
    Disabled,
}

/// One topic filter of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFilter {
    /// With whom its messages are shared.
    pub group: Group,
    /// Without `$share/NAME/`.
    pub filter: String,
}

/// With whom the messages of a subscription are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// With nobody.
    None,
    /// With the dataflow's other instances, under a name of this dataflow's own.
    Instances,
    /// With whoever subscribes as a member of this group; what `$share/NAME/` said.
    Named(String),
}

/// A DataflowProfile: what the dataflows that refer to it have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The resource's name.
    pub name: String,
    /// 1 to 20.
    pub instances: u16,
    /// Whether its dataflows may do without the local broker.
    pub remote_to_remote: RemoteToRemote,
    /// What the log of a process of its own tells.
    pub log_level: LogLevel,
    /// Where a process of its own serves its metrics; 0 is nowhere.
    pub metrics_port: u16,
}

/// Whether both ends of a dataflow may be remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteToRemote {
    /// They may.
    Allowed,
    /// One end is the local broker.
    Refused,
}

impl Endpoint {
    /// Whether another one says the same, wherever it is written.
    pub fn says_what(&self, other: &Self) -> bool {
        *self == Self { place: self.place.clone(), ..other.clone() }
    }
}
