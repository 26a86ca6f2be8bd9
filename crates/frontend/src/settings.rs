//! What a frontend is told at its start.

use std::net::TcpListener;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use auth::authentication::Gate;
use auth::{DenialSink, Policy};
use link::{inbox, mailbox, wire};
use partition::{Answer, Incarnation, Routes, Timestamp};
use rustls::ServerConfig;
use rustls::server::ClientHello;

use crate::spans::SpanSink;

/// Everything a frontend needs.
pub struct Settings {
    pub listeners: Vec<Listener>,
    pub limits: Limits,
    /// Publishes that would have to wait are refused or slowed while messages that wait for clients take this much memory.
    pub back_pressure_bytes: u64,
    pub sys: SysSettings,
    /// Where spans of traced operations go; `None` records none.
    pub spans: Option<SpanSink>,
    /// Where it is found out who clients are.
    pub gate: Gate,
    /// Who is told what clients are denied; `None` tells nobody.
    pub denials: Option<DenialSink>,
    pub partitions: Partitions,
}

/// What `$SYS` needs to know.
pub struct SysSettings {
    /// `None` publishes nothing below `$SYS`.
    pub interval: Option<Duration>,
    /// `$SYS/broker/version`.
    pub version: String,
}

/// Where the partitions are, all of them.
pub enum Partitions {
    /// In this process.
    Near(NearPartitions),
    /// In other processes.
    Far(FarPartitions),
}

/// Partitions in this process.
pub struct NearPartitions {
    /// By partition number.
    pub links: Vec<PartitionLink>,
    /// One receiver per worker: where partitions answer.
    pub answers: Vec<mailbox::Receiver<Answer>>,
    /// All partitions' counters, added up.
    pub counters: Box<dyn Fn() -> partition::Counters + Send + Sync>,
}

/// Partitions in backends' processes.
pub struct FarPartitions {
    /// Number of this frontend, of no other one in the cluster.
    pub frontend: u16,
    /// Of this run of the process: above that of every earlier run of this frontend. The frontend takes a later one by
    /// itself when a partition does not know it any more.
    pub incarnation: Incarnation,
    /// By partition number: the backends that may lead it, the likeliest first.
    pub replicas: Vec<Vec<u16>>,
    /// By worker: its links, one to each backend. The worker opens streams on them and stops them at its end.
    pub links: Vec<Vec<FarLink>>,
}

/// A worker's link to a backend.
pub struct FarLink {
    /// Number of the backend.
    pub backend: u16,
    pub link: wire::Link,
    pub driver: wire::Driver,
}

/// How to reach a partition in this process, and its subscriptions.
#[derive(Clone)]
pub struct PartitionLink {
    pub inbox: inbox::Sender,
    pub routes: Arc<Routes>,
}

/// A socket to accept from.
pub struct Listener {
    /// Of no other listener of the frontend.
    pub name: Arc<str>,
    /// Bound, listening, non-blocking. Its connections have its options: TCP_NODELAY is to be set.
    pub socket: TcpListener,
    pub protocol: Protocol,
    pub policy: Arc<Policy>,
}

/// What is spoken below MQTT.
#[derive(Clone)]
pub struct Protocol {
    pub framing: Framing,
    /// `None` is without TLS.
    pub tls: Option<TlsSource>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// MQTT packets and nothing around them.
    Mqtt,
    /// MQTT packets in binary WebSocket frames.
    WebSockets,
}

/// Gives the TLS configuration for a handshake; certificates may change while connections stay.
pub type TlsSource = Arc<dyn Fn(&ClientHello<'_>) -> Arc<ServerConfig> + Send + Sync>;

/// Upper bounds of what clients may ask for; what is above is clamped and said so in CONNACK. A connection keeps those of
/// its CONNECT.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Seconds; `u32::MAX` is no bound. A 3.1.1 session with clean session 0 expires after this long.
    pub session_expiry: u32,
    /// Seconds; `None` is no bound. Messages without an expiry of their own get it.
    pub message_expiry: Option<u32>,
    /// Bytes of a whole packet, either way.
    pub packet_size: u32,
    /// Bound of the client's Receive Maximum.
    pub client_receive_maximum: NonZeroU16,
    /// Our own Receive Maximum: QoS 1 and 2 publishes of one client that may be unacknowledged.
    pub receive_maximum: NonZeroU16,
    /// Seconds; `None` is no bound, 0 included.
    pub keep_alive: Option<NonZeroU16>,
    /// Topic aliases a client may set.
    pub topic_alias_maximum: u16,
    /// Messages that may wait for one persistent session before the oldest is dropped; 0 is no limit.
    pub queue_length: u64,
}

impl Limits {
    /// Seconds of the keep alive that a client gets.
    pub(crate) fn keep_alive(&self, asked: u16) -> u16 {
        match self.keep_alive.map(NonZeroU16::get) {
            Some(bound) if asked == 0 || asked > bound => bound,
            _ => asked,
        }
    }

    /// Seconds until a message expires: what its publisher asks, within the server's bound.
    pub(crate) fn message_expiry(&self, asked: Option<u32>) -> Option<u32> {
        match (asked, self.message_expiry) {
            (Some(asked), Some(bound)) => Some(asked.min(bound)),
            (asked, bound) => asked.or(bound),
        }
    }

    /// When a message that is published `now` expires.
    pub(crate) fn expires(&self, asked: Option<u32>, now: Timestamp) -> Option<Timestamp> {
        self.message_expiry(asked).map(|seconds| Timestamp(now.0 + u64::from(seconds) * 1000))
    }
}
