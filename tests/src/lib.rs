//! The harness of the black-box tests: it starts a real broker process and speaks to it in raw bytes.
//!
//! It shares no code with the broker: the packets here are written and read by this crate alone, so a mistake in the
//! broker's codec cannot hide behind the same mistake in the test.

pub mod access;
pub mod bound;
pub mod broker;
pub mod client;
pub mod connect;
pub mod crowd;
pub mod deadline;
pub mod disk;
pub mod enhanced;
pub mod errand;
pub mod freeze;
pub mod http;
pub mod https_server;
pub mod leaf;
pub mod mutual_tls;
pub mod packet;
pub mod pki;
pub mod process;
pub mod property;
pub mod publish;
pub mod random;
pub mod reference;
pub mod resources;
pub mod settings;
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
pub use connect::{Connect, Will};
pub use deadline::eventually;
pub use packet::{Ack, AckKind, ConnAck, Packet};
pub use property::{Props, id as prop};
pub use publish::Publish;
pub use resources::{Resources, free_port};
pub use settings::Settings;
pub use subscribe::{Filter, Subscribe};
pub use version::{Version, fresh};
