//! Listeners, connection driver, direct path, router to partitions.
//!
//! ```text
//!  socket -> transport -> mqtt::decode -> connection/* -> routing ----------------> outbox of each receiver -> socket
//!                                              |            (subscription index)
//!                                              +-> batch -> link::inbox -> partition -> link::mailbox -> connection/answers
//! ```
//!
//! A frontend keeps nothing that has to survive it. Each worker is a thread with its own runtime, connections and
//! caches ([`worker`]); what workers share is counters, the memory pool and the partitions' subscription indexes.
//! Not here: what MQTT packets look like (`mqtt`), who may do what (`auth`), what a session remembers (`partition`).

mod aliases;
mod client_ids;
mod connection;
mod counters;
mod fan_out;
mod fault;
mod keep_alive;
mod listener;
mod outbound;
mod outbox;
mod own_ids;
mod pending_acks;
mod pool;
mod receptions;
mod routing;
mod running;
mod settings;
mod sys;
mod transport;
mod websocket;
mod worker;

pub use counters::{Counter, Counters, Totals};
pub use running::{Frontend, StartError};
pub use settings::{Limits, Listener, PartitionLink, Protocol, Settings, SysSettings, TlsSource};
