//! What is to be done, checked.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mqtt::{ProtocolVersion, QoS};

use super::message::Message;
use super::topics::TopicTemplate;

/// Seconds that sessions of --reconnect, --persistent and offline are kept, should this end without deleting them.
pub(super) const SESSION_EXPIRY_S: u32 = 3600;

/// Everything about a run but where the broker is.
#[derive(Debug)]
pub(super) struct Settings {
    /// In client ids, topics and payloads.
    pub(super) run: u32,
    pub(super) threads: usize,
    pub(super) clients: Clients,
    pub(super) load: Load,
    /// The broker's processes, to say what it used.
    pub(super) pids: Vec<u32>,
    /// What makes monotonic nanoseconds those since 1970.
    pub(super) since_1970: u64,
}

/// What the clients are like.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) version: ProtocolVersion,
    pub(super) prefix: String,
    pub(super) username: Option<String>,
    pub(super) password: Option<Hidden>,
    /// Seconds.
    pub(super) keep_alive: u16,
    /// Seconds a session outlives its connection; 0: it does not.
    pub(super) session_expiry: u32,
    pub(super) receive_maximum: Option<u16>,
    pub(super) reconnect: Reconnect,
    /// Connections being made at a time, over all threads.
    pub(super) concurrency: u32,
    /// Connections begun a second, over all threads.
    pub(super) rate: Option<f64>,
    pub(super) sources: Vec<IpAddr>,
    /// The longest wait for an answer.
    pub(super) timeout: Duration,
}

/// A password; prints nothing.
pub(super) struct Hidden(pub(super) Vec<u8>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(..)")
    }
}

/// What becomes of a client whose connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reconnect {
    Never,
    Always,
}

/// The load.
#[derive(Debug)]
pub(super) enum Load {
    Connect(Arc<ConnectLoad>),
    Traffic(Arc<TrafficLoad>),
}

/// Connections that do nothing.
#[derive(Debug)]
pub(super) struct ConnectLoad {
    /// At a time.
    pub(super) connections: u32,
    pub(super) style: ConnectStyle,
    /// What each subscribes to.
    pub(super) filter: Option<TopicTemplate>,
    /// How many filters of each that makes.
    pub(super) filters: u32,
}

/// How long connections last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectStyle {
    /// All are made, held for so long, and ended.
    Hold(Duration),
    /// Each ends as soon as it is made and is made anew, until the time is over or so many were made.
    Churn { duration: Option<Duration>, count: Option<u64> },
}

/// Messages from publishers to subscribers.
#[derive(Debug)]
pub(super) struct TrafficLoad {
    /// As on the command line.
    pub(super) scenario: &'static str,
    pub(super) publishers: u32,
    pub(super) subscribers: u32,
    /// Of each publisher; with [`Routing::Retained`] of all of them.
    pub(super) topics: u32,
    pub(super) topic: TopicTemplate,
    /// Without the share.
    pub(super) filter: TopicTemplate,
    pub(super) share: Option<String>,
    pub(super) routing: Routing,
    pub(super) message: Arc<Message>,
    pub(super) subscription_qos: QoS,
    /// Percentage of subscribers whose sessions outlive their connections, whatever is said of all clients.
    pub(super) persistent: u8,
    pub(super) alias: Alias,
    pub(super) pace: Pace,
    /// QoS 1 and 2: publishes of one publisher without acknowledgement.
    pub(super) in_flight: u16,
    pub(super) span: Span,
}

/// Who is sent what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Routing {
    /// There are no subscribers.
    Nowhere,
    /// Publisher i to subscriber i.
    Pairs,
    /// Every publisher to every subscriber.
    All,
    /// From publishers elsewhere.
    Others {
        /// Whether their clock is believed.
        timed: bool,
        /// The run to follow; else the first that is seen.
        run: Option<u32>,
    },
    /// Each subscriber has a topic, which the publishers share out among them, and is away while they publish.
    Absent {
        /// Messages for each subscriber.
        each: u64,
    },
    /// Each topic has one message, stored before the subscribers come; the publishers share the topics out among them.
    Retained,
}

impl Routing {
    /// Whether the subscribers come only when everything is sent.
    pub(super) fn is_in_turn(self) -> bool {
        matches!(self, Self::Absent { .. } | Self::Retained)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alias {
    Unused,
    Used,
}

/// How fast publishers are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// Publishes a second, all publishers together.
    Rate(f64),
    /// Each publisher has so many on their way at a time.
    Window(u32),
    /// What sockets and acknowledgements take.
    Sockets,
}

/// How long it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) warm_up: Duration,
    /// Of measuring; without it until `count`, or for ever.
    pub(super) duration: Option<Duration>,
    /// Publishes over all publishers; where there are none, arrivals.
    pub(super) count: Option<u64>,
    /// What has not come after this time without any arrival is lost.
    pub(super) drain: Duration,
}

impl TrafficLoad {
    /// How often each publish should arrive.
    pub(super) fn deliveries(&self) -> u64 {
        match self.routing {
            Routing::Nowhere | Routing::Others { .. } => 0,
            Routing::Pairs | Routing::Absent { .. } => 1,
            Routing::All if self.share.is_some() => 1,
            Routing::All | Routing::Retained => u64::from(self.subscribers),
        }
    }

    /// Publisher and topic pairs, over all threads.
    pub(super) fn streams(&self) -> u32 {
        match self.routing {
            Routing::Absent { .. } => self.subscribers,
            Routing::Retained => self.topics,
            _ => self.publishers * self.topics,
        }
    }

    /// What deliveries are made with: the lower of the two.
    pub(super) fn delivery_qos(&self) -> QoS {
        match self.routing {
            Routing::Nowhere => self.message.qos,
            _ => self.message.qos.min(self.subscription_qos),
        }
    }

    /// Whether `subscriber` is one of those whose sessions stay; they are spread evenly.
    pub(super) fn is_persistent(&self, subscriber: u32) -> bool {
        let until = |number: u64| number * u64::from(self.persistent) / 100;
        until(u64::from(subscriber) + 1) > until(u64::from(subscriber))
    }

    /// What `subscriber` subscribes to.
    pub(super) fn filter_of(&self, subscriber: u32) -> String {
        let filter = self.filter.fill(&[(super::topics::Place::Subscriber, subscriber)]);
        match &self.share {
            Some(share) => format!("$share/{share}/{filter}"),
            None => filter,
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum SettingsError {
    #[error("--{option}: expected {expected}")]
    Value { option: &'static str, expected: &'static str },
    #[error("--{option}: {reason}")]
    Topic { option: &'static str, reason: mqtt::TopicError },
    #[error("--{option} {place} is not replaced here: expected {expected}")]
    Place { option: &'static str, place: &'static str, expected: &'static str },
    #[error("--{option} is of MQTT 5: leave it out, or use --protocol-version 5")]
    OnlyV5 { option: &'static str },
    #[error("{path}: {reason}")]
    PasswordFile { path: PathBuf, reason: std::io::Error },
    #[error("no random number for the run: {0}")]
    Random(getrandom::Error),
}
