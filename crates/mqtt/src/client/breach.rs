//! What a server can do wrong, judged with the session in view.

use crate::{frame::PacketType, reason::ReasonCode, violation::Violation};

/// A server's breach of the specification; the connection ends with its reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Breach {
    /// A packet that is wrong in itself.
    #[error("the server sent a malformed packet: {0}")]
    Packet(#[from] Violation),
    /// A packet that does not belong here: anything but CONNACK and AUTH first (MQTT-3.2.0-1), a second CONNACK
    /// (MQTT-3.2.0-2), a SUBACK or UNSUBACK nobody waits for.
    #[error("the server sent {0:?}, which has no place here")]
    Unexpected(PacketType),
    /// Session present in answer to a clean start (MQTT-3.2.2-2, MQTT-3.2.2-4).
    #[error("the server has a session where a clean start was asked for")]
    SessionPresent,
    /// More QoS 1 and 2 messages unacknowledged than the client's Receive Maximum (MQTT-3.3.4-9).
    #[error("the server sent more messages than the receive maximum allows")]
    ReceiveMaximum,
    /// A topic alias above the client's maximum (MQTT-3.1.2-26), or one without a topic so far (section 3.3.4).
    #[error("the server used a topic alias that stands for nothing")]
    TopicAlias,
    /// PUBACK for a QoS 2 message, PUBREC for one of QoS 1, PUBCOMP before PUBREC (section 4.3), PUBREL before PUBREC.
    #[error("the server sent {0:?} for a message that is not at this step")]
    Step(PacketType),
    /// SUBACK or UNSUBACK with another number of codes than there were filters (MQTT-3.8.4-5, MQTT-3.11.3-1).
    #[error("the server answered another number of filters than it was asked for")]
    CodeCount,
    /// AUTH, or a CONNACK, with another method than CONNECT (MQTT-4.12.0-5), or without one having been named
    /// (MQTT-4.12.0-6).
    #[error("the server used an authentication method that was not offered")]
    AuthenticationMethod,
}

impl Breach {
    /// The reason code of the DISCONNECT that answers it.
    pub const fn reason(self) -> ReasonCode {
        match self {
            Self::Packet(violation) => violation.reason(),
            Self::ReceiveMaximum => ReasonCode::ReceiveMaximumExceeded,
            Self::TopicAlias => ReasonCode::TopicAliasInvalid,
            Self::Unexpected(_)
            | Self::SessionPresent
            | Self::Step(_)
            | Self::CodeCount
            | Self::AuthenticationMethod => ReasonCode::ProtocolError,
        }
    }
}
