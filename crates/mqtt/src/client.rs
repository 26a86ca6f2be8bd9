//! The client's end of a connection, and the session that outlives it: what is owed to the server, and what the server
//! owes; no I/O, no clock.
//!
//! ```text
//! connect, publish, subscribe, acknowledge ... ──►┌─────────┐──► output(now): bytes to send
//! receive(bytes, now), elapsed(now) ─────────────►│ Machine │──► event(): what happened
//! closed() ──────────────────────────────────────►└─────────┘──► deadline(): when to call elapsed
//! ```
//!
//! After any input take output and events until there are none. A [`Machine`] outlives its connections: after
//! [`Event::Ended`] the next `connect` goes on with what is unfinished, re-sending it if the server still has the session
//! (MQTT-4.4.0-1), and dealing with it as [`LostSession`] says if it has not.
//!
//! Bounded by its [`Settings`]: publishes accepted and not completed, in number and bytes. `receive` stops when 256
//! events or 256 KiB of output wait to be taken, and is to be called again then.

mod aliases;
mod arrivals;
mod breach;
mod event;
mod handshake;
mod keep_alive;
mod machine;
mod message;
mod outbound;
mod output;
mod properties;
mod refusal;
mod requests;
mod sending;
mod settings;
mod terms;
mod up;

pub use breach::Breach;
pub use event::{Acceptance, Challenge, End, Event, Granted, RequestError};
pub use machine::{Acknowledged, Held, Machine, Taken};
pub use message::{Message, Receipt, Received, Token};
pub use properties::{MessageProperties, PayloadFormat};
pub use refusal::{ConnectError, NotTaken};
pub use requests::{SubscribeRequest, UnsubscribeRequest};
pub use settings::{LostSession, Overrun, Settings};
pub use terms::ServerLimits;
