//! Listeners, connection driver, direct path, router to partitions.
//!
//! ```text
//!  socket -> transport -> mqtt::decode -> connection/* -> routing ----------------> outbox of each receiver -> socket
//!                                              |            (subscription index)
//!                                              +-> batch -> link::inbox -> partition -> link::mailbox -> connection/answers
//! ```
//!
//! Where the partitions are in other processes there is no index to look into: every publish goes to its topic home, which
//! finds the receivers, and [`lanes`] over `link::wire` stand where inboxes and mailboxes do.
//!
//! A frontend keeps nothing that has to survive it. Each worker is a thread with its own runtime, connections and
//! caches ([`worker`]); what workers share is counters, the memory pool and the partitions' subscription indexes.
//! What can change while it runs (listeners, limits, where spans go) reaches a worker as a message ([`worker::Request`]),
//! questions about clients ([`FrontendView`]) and the broker's own connections ([`Door`]) likewise.
//! Not here: what MQTT packets look like (`mqtt`), who may do what (`auth`), what a session remembers (`partition`).

mod aliases;
mod categories;
mod client_ids;
mod connection;
mod counters;
mod door;
mod entrance;
mod fan_out;
mod fault;
mod keep_alive;
mod lanes;
mod listener;
mod listening;
mod outbound;
mod outbox;
mod own_ids;
mod pending_acks;
mod pool;
mod receptions;
mod routing;
mod running;
mod settings;
mod spans;
mod sys;
mod transport;
mod view;
mod ways;
mod websocket;
mod worker;

pub use categories::UNCATEGORIZED;
pub use counters::{CategoryTotals, Totals};
pub use door::Door;
pub use lanes::{PartitionReach, Reach};
pub use listening::ListenError;
pub use running::{Frontend, Reading, StartError};
pub use settings::{
    FarLink, FarPartitions, Framing, Limits, Listener, NearPartitions, PartitionLink, Partitions, Protocol, Settings,
    SysSettings, TlsSource,
};
pub use spans::{Operation, Span, SpanSink, channel as span_channel};
pub use view::{ClientQuery, ClientView, FrontendView, MAX_PAGE, Page, ViewError};
