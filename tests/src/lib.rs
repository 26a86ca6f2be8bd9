//! The harness of the black-box tests: it starts a real broker process and speaks to it in raw bytes.
//!
//! It shares no code with the broker: the packets here are written and read by this crate alone, so a mistake in the
//! broker's codec cannot hide behind the same mistake in the test.

pub mod access;
pub mod bound;
pub mod bridge_process;
pub mod broker;
pub mod client;
pub mod cluster;
pub mod connect;
pub mod crowd;
pub mod deadline;
pub mod disk;
pub mod enhanced;
pub mod errand;
pub mod fault_proxy;
pub mod flow;
pub mod freeze;
pub mod from_client;
pub mod http;
pub mod https_server;
pub mod identity_server;
pub mod internal_port;
pub mod leaf;
pub mod leaks;
pub mod mosquitto;
pub mod mutual_tls;
pub mod network;
pub mod node_process;
pub mod oracle;
pub mod packet;
pub mod pki;
pub mod process;
pub mod property;
pub mod publish;
pub mod random;
pub mod reference;
pub mod resources;
pub mod scripted_server;
pub mod settings;
pub mod shape;
pub mod stream;
pub mod subscribe;
pub mod sync_gate;
pub mod tls;
pub mod token;
pub mod users;
pub mod version;
pub mod websocket;
pub mod wire;

pub use broker::Broker;
pub use client::Client;
pub use cluster::{Cluster, Layout};
pub use connect::{Connect, Will};
pub use deadline::eventually;
pub use fault_proxy::FaultProxy;
pub use flow::Flow;
pub use network::{Network, Quality};
pub use packet::{Ack, AckKind, ConnAck, Packet};
pub use property::{Props, id as prop};
pub use publish::Publish;
pub use resources::{Resources, free_port};
pub use settings::Settings;
pub use subscribe::{Filter, Subscribe};
pub use version::{Version, fresh};
