//! What a client machine is bounded by, and how patient it is.

use std::num::NonZeroU16;
use std::time::Duration;

/// Bounds and waiting times of a machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Publishes accepted and not yet completed, in number.
    pub queue_messages: usize,
    /// Publishes accepted and not yet completed, in bytes of topic, properties and payload. One is always taken.
    pub queue_bytes: usize,
    /// Publishes of QoS 1 and 2 sent and not yet completed; the server's Receive Maximum may lower it.
    pub in_flight: NonZeroU16,
    /// From CONNECT, or from an answer to a challenge, to the server's next packet.
    pub connect_timeout: Duration,
    /// From a PINGREQ to the server's next sign of life.
    pub ping_timeout: Duration,
    /// What becomes of unfinished publishes when the server has no session any more.
    pub lost_session: LostSession,
    /// What becomes of a server that sends more messages than the client's Receive Maximum allows.
    pub overrun: Overrun,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue_messages: 1000,
            queue_bytes: 16 * 1024 * 1024,
            in_flight: NonZeroU16::MAX,
            connect_timeout: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(30),
            lost_session: LostSession::Republish,
            overrun: Overrun::Breach,
        }
    }
}

/// What becomes of publishes that were sent and not acknowledged when the server comes back without the session. Those
/// of QoS 2 that the server has taken over (PUBREC) are complete either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostSession {
    /// They are published anew, so that none is lost; the server may have had them already, those of QoS 2 included.
    Republish,
    /// They fail with [`super::RequestError::SessionLost`], so that none is sent twice.
    Fail,
}

/// What a server that does not keep to the client's Receive Maximum has to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overrun {
    /// The connection ends (MQTT-3.3.4-9).
    Breach,
    /// Nothing: the caller bounds what is read. There are servers that, when a session goes on, send all that was in
    /// flight on an earlier connection, and would do so on every connection.
    Tolerated,
}
