//! Why the server ends a connection, and what it tells the client.

use mqtt::{ProtocolVersion, ReasonCode, Violation};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Packet(#[from] Violation),
    #[error("the first packet is not CONNECT (MQTT-3.1.0-1)")]
    NotConnect,
    #[error("a second CONNECT (MQTT-3.1.0-2)")]
    SecondConnect,
    #[error("a packet that only a server sends")]
    FromServer,
    #[error("topic alias above the announced maximum (MQTT-3.3.2-9)")]
    TopicAlias,
    #[error("topic alias without a topic before it was set (3.3.2.3.4)")]
    UnsetTopicAlias,
    #[error("more QoS 1 and 2 publishes unacknowledged than the announced Receive Maximum (MQTT-3.3.4-9)")]
    ReceiveMaximum,
    #[error("an acknowledgement that does not belong to the QoS of what is in flight (MQTT-4.3.3)")]
    UnexpectedAcknowledgement,
    #[error("session expiry interval raised from 0 in DISCONNECT (3.14.2.2.2)")]
    SessionExpiryRaised,
    #[error("AUTH outside of an exchange or with another method (MQTT-4.12.0-4, MQTT-4.12.1-1)")]
    Authentication,
    #[error("authentication was denied with {0:?}")]
    Denied(ReasonCode),
    #[error("not allowed to connect, or to what was asked for")]
    NotAllowed,
    #[error("the credential that the client has authenticated with has ended")]
    Expired,
    #[error("nothing received for 1.5 times the keep alive (MQTT-3.1.2-22)")]
    KeepAlive,
    #[error("no CONNECT within {} s", crate::connection::CONNECT_DEADLINE_S)]
    ConnectDeadline,
    #[error("the client id connected again (MQTT-3.1.4-3)")]
    TakenOver,
    #[error("more topic filters, or bytes of them, in one packet than one request may have")]
    TooManyFilters,
    #[error("the answer exceeds the client's Maximum Packet Size (MQTT-3.1.2-24)")]
    AnswerTooLarge,
    #[error("memory was short for too long, and the client's version has no way to be told")]
    Memory,
    #[error("memory is short, and too much waits for the client")]
    TooSlow,
    #[error("the server is shutting down")]
    ShuttingDown,
    #[error("closed by whoever operates the broker")]
    Administrative,
    #[error("the partition that holds the session does not answer")]
    Unavailable,
}

impl Fault {
    pub fn reason(self) -> ReasonCode {
        match self {
            Self::Packet(violation) => violation.reason(),
            Self::NotConnect
            | Self::SecondConnect
            | Self::FromServer
            | Self::UnsetTopicAlias
            | Self::UnexpectedAcknowledgement
            | Self::SessionExpiryRaised
            | Self::Authentication => ReasonCode::ProtocolError,
            Self::TopicAlias => ReasonCode::TopicAliasInvalid,
            Self::ReceiveMaximum => ReasonCode::ReceiveMaximumExceeded,
            Self::Denied(reason) => reason,
            Self::NotAllowed | Self::Expired => ReasonCode::NotAuthorized,
            Self::KeepAlive => ReasonCode::KeepAliveTimeout,
            Self::ConnectDeadline => ReasonCode::MaximumConnectTime,
            Self::AnswerTooLarge => ReasonCode::PacketTooLarge,
            Self::Memory | Self::TooManyFilters | Self::TooSlow => ReasonCode::QuotaExceeded,
            Self::TakenOver => ReasonCode::SessionTakenOver,
            Self::ShuttingDown => ReasonCode::ServerShuttingDown,
            Self::Administrative => ReasonCode::AdministrativeAction,
            Self::Unavailable => ReasonCode::ServerUnavailable,
        }
    }

    /// The code of a CONNACK, which has none for why a server closes: try again later. Before MQTT 5 it has few for
    /// why a client is denied: who could come back later is told "server unavailable", the others "not authorized".
    pub fn connack_reason(self, version: ProtocolVersion) -> ReasonCode {
        match self {
            Self::ShuttingDown | Self::Administrative => ReasonCode::ServerUnavailable,
            Self::Denied(reason) if !version.is_v5() => match reason {
                ReasonCode::BadUserNameOrPassword | ReasonCode::ClientIdentifierNotValid => reason,
                ReasonCode::ServerUnavailable
                | ReasonCode::ServerBusy
                | ReasonCode::ConnectionRateExceeded
                | ReasonCode::QuotaExceeded
                | ReasonCode::UseAnotherServer
                | ReasonCode::ServerMoved
                | ReasonCode::UnspecifiedError
                | ReasonCode::ImplementationSpecificError => ReasonCode::ServerUnavailable,
                _ => ReasonCode::NotAuthorized,
            },
            other => other.reason(),
        }
    }

    /// What a client is told beside the code: the rule that it broke; nothing where that could help an intruder.
    pub fn explanation(self) -> Option<String> {
        (self.is_clients() && !matches!(self, Self::Denied(_) | Self::NotAllowed)).then(|| self.to_string())
    }

    /// Whether the client is at fault, hence worth a line in the log at `info`; what is denied has its line where it is
    /// decided.
    pub fn is_clients(self) -> bool {
        !matches!(self, Self::TakenOver | Self::ShuttingDown | Self::Administrative | Self::Unavailable)
    }
}
