//! A link between two processes: many ordered streams of messages over one connection after the other.
//!
//! ```text
//! Sender::send -> Outbox -> Session (queue per stream) -> fill -> frames -> one buffer -> connection
//! connection -> frames -> Session (position per stream) -> Driver -> Destination::deliver
//! ```
//!
//! - A **session** lasts as long as both processes remember it; connections come and go below it. Whoever receives a
//!   stream says how far it has come (frames) and how far the sender may go (bytes) in one `Window` frame. The sender
//!   keeps what has not been reported as received and goes on from the reported position on the next connection:
//!   nothing is lost, doubled or reordered within a stream, at whatever byte a connection ended.
//! - A process that restarts has a new incarnation, and with it a new session: every [`Sender`] of the old one is
//!   closed, so that nothing meant for the old process reaches the new one.
//! - A stream exists once its receiver has granted room for it. What may wait at either end is the stream's window and
//!   one message; a stream without room stops no other.
//! - A connection is replaced while it works: the dialing end makes the next one beside it and changes over.
//! - [`Link::ask`] asks the peer something with one answer; [`ask_stranger`] does so on a connection of its own, before
//!   there can be a link.
//!
//! What this module does not do: TLS (a caller hands in connections with the [`Proof`] of who is there, with which what the
//! peer says is compared), meaning (messages are opaque), and queues for a peer without a session.

mod counters;
mod destination;
mod driver;
mod exchange;
mod frame;
mod gate;
mod handshake;
mod hello;
mod incoming;
mod link;
mod live;
mod outbox;
mod outgoing;
mod output;
mod progress;
mod questions;
mod read_ahead;
mod session;

#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use destination::Destination;
pub use driver::{Connect, Connecting, Connection, Driver, Io, Lifetime};
pub use exchange::{MAX_EXCHANGE_BYTES, answer_stranger, ask_stranger, hear_stranger};
pub use frame::{Integrity, Violation};
pub use handshake::{Arrival, HandshakeError, greet};
pub use hello::{Incarnation, Peer, Proof, Refusal, VERSION_NEWEST, VERSION_OLDEST};
pub use link::{Deadlines, Link, Phase, Sender, Settings, Status};
pub use questions::{Answer, Answering, AskFailed, Asker, MAX_QUESTION_BYTES, MAX_QUESTIONS, RESERVED_STREAMS};
pub use read_ahead::ReadAhead;
pub use session::{MAX_MESSAGE_BYTES, MESSAGE_COST_BYTES, StreamId};
