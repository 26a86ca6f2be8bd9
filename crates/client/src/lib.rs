//! An MQTT client: the connection machine of `mqtt::client` over TCP, TLS, WebSocket or memory.
//!
//! ```text
//! Client::connect(&endpoint, &options) ─► Connection { client, messages, accepted, ending }
//!
//! client.submit, subscribe, acknowledge ... ─► one task a connection: machine + transport ─► the server
//!                               messages.next ◄─┘
//! ```
//!
//! Bounds: what is published and not complete by `Settings::queue_messages` and `queue_bytes`; messages not taken by
//! `Options::message_buffer`, then the socket is not read and the server has to wait. Who waits for a publish of his own
//! in the loop that takes messages may so wait for himself: take messages in one task, wait in another.

#![forbid(unsafe_code)]

mod connection;
mod driver;
mod endpoint;
mod error;
mod handle;
mod session;
mod transport;
mod websocket;

pub mod tls;

pub use connection::{Answer, Connection, Ending, Messages, Options, Over};
pub use endpoint::Endpoint;
pub use error::{ConnectError, End, Failed, RequestFailed};
pub use handle::{Client, Pending};
pub use session::Session;
pub use transport::{Layer, Transport, open};
