//! What a peer can do wrong in one packet, and the reason code each breach is answered with.

use crate::{reason::ReasonCode, topic::TopicError};

/// A breach of the specification. Clause ids are those of MQTT 5; where 3.1.1 numbers the same rule differently, its id
/// follows a slash. A section stands for rules without an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A field reaches beyond the end of the packet (section 1.2).
    #[error("a field reaches beyond the end of the packet")]
    Truncated,
    /// Bytes follow the last field (section 1.2).
    #[error("bytes follow the last field of the packet")]
    TrailingBytes,
    /// Remaining length of more than four bytes, or longer than needed (MQTT-1.5.5-1, 3.1.1 section 2.2.3).
    #[error("remaining length is over-long")]
    RemainingLength,
    /// A variable byte integer of more than four bytes, or longer than needed (MQTT-1.5.5-1).
    #[error("variable byte integer is over-long")]
    VariableByteInteger,
    /// More bytes than the receiver allows (MQTT-3.1.2-24, MQTT-3.2.2-15).
    #[error("packet is larger than the maximum packet size")]
    PacketTooLarge,
    /// Packet type 0, or AUTH before version 5 (section 2.1.2).
    #[error("packet type is reserved")]
    PacketType,
    /// Reserved flags of the fixed header (MQTT-2.1.3-1 / MQTT-2.2.2-2; MQTT-3.6.1-1, MQTT-3.8.1-1, MQTT-3.10.1-1,
    /// MQTT-3.14.1-1, MQTT-3.15.1-1).
    #[error("reserved flags of the fixed header are wrong")]
    FixedHeaderFlags,
    /// A packet only the other side may send (section 2.1.2).
    #[error("packet flows in the wrong direction")]
    Direction,
    /// Ill-formed UTF-8, encoded surrogates included (MQTT-1.5.4-1 / MQTT-1.5.3-1).
    #[error("string is not well-formed UTF-8")]
    Utf8,
    /// U+0000 in a string (MQTT-1.5.4-2 / MQTT-1.5.3-2).
    #[error("string contains U+0000")]
    Nul,
    /// Packet identifier zero (MQTT-2.2.1-3, MQTT-2.2.1-4 / MQTT-2.3.1-1).
    #[error("packet identifier is zero")]
    PacketIdentifierZero,
    /// A property identifier nobody defined (section 2.2.2.2).
    #[error("property is unknown")]
    UnknownProperty,
    /// A property that does not belong to this packet (section 2.2.2.2).
    #[error("property does not belong to this packet")]
    PropertyNotAllowed,
    /// A property included more than once (the property's own section).
    #[error("property is included more than once")]
    DuplicateProperty,
    /// A property value outside its range: a zero maximum or subscription identifier, a flag other than 0 and 1 (the
    /// property's own section).
    #[error("property value is out of range")]
    PropertyValue,
    /// A reason code this packet cannot carry (MQTT-3.2.2-8, MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1,
    /// MQTT-3.9.3-2, MQTT-3.14.2-1, MQTT-3.15.2-1).
    #[error("reason code does not belong to this packet")]
    ReasonCode,
    /// A protocol name other than `MQTT` and `MQIsdp` (MQTT-3.1.2-1).
    #[error("protocol name is unknown")]
    ProtocolName,
    /// A protocol level that does not go with the name (MQTT-3.1.2-2).
    #[error("protocol level {level} is not supported")]
    UnsupportedProtocolVersion { level: u8 },
    /// The reserved flag of CONNECT is set (MQTT-3.1.2-3).
    #[error("reserved flag of CONNECT is set")]
    ConnectReservedFlag,
    /// Will QoS or will retain without a will (MQTT-3.1.2-11, MQTT-3.1.2-13 / MQTT-3.1.2-13, MQTT-3.1.2-15).
    #[error("will bits are set without a will")]
    WillFlags,
    /// Will QoS 3 (MQTT-3.1.2-12 / MQTT-3.1.2-14).
    #[error("will QoS is 3")]
    WillQoS,
    /// A password without a user name before version 5 (3.1.1 MQTT-3.1.2-22).
    #[error("password without a user name")]
    PasswordWithoutUsername,
    /// An empty client identifier that may not be: with clean session 0 in 3.1.1 (MQTT-3.1.3-8), always in 3.1.
    #[error("client identifier is empty")]
    ClientIdentifier,
    /// Authentication data, or an AUTH, without an authentication method (sections 3.1.2.11.10 and 3.15.2.2.2).
    #[error("authentication method is missing")]
    AuthenticationMethod,
    /// DUP set with QoS 0 (MQTT-3.3.1-2).
    #[error("DUP is set with QoS 0")]
    DupWithQoS0,
    /// Both QoS bits set in PUBLISH (MQTT-3.3.1-4).
    #[error("QoS is 3")]
    PublishQoS,
    /// No topic name and no topic alias (section 3.3.2.1).
    #[error("neither topic name nor topic alias")]
    MissingTopic,
    /// Topic alias 0 (MQTT-3.3.2-8).
    #[error("topic alias is 0")]
    TopicAlias,
    /// An empty topic name (MQTT-4.7.3-1).
    #[error("topic name is empty")]
    EmptyTopic,
    /// A wildcard in a topic name, will topics included (MQTT-3.3.2-2, MQTT-4.7.0-1 / MQTT-4.7.1-1).
    #[error("topic name contains a wildcard")]
    TopicWildcard,
    /// More levels than this implementation walks.
    #[error("topic name has too many levels")]
    TopicLevels,
    /// A wildcard in a response topic, or an empty one (MQTT-3.3.2-14, MQTT-4.7.3-1).
    #[error("response topic is not a topic name")]
    ResponseTopic,
    /// A subscription identifier in a client's PUBLISH (MQTT-3.3.4-6).
    #[error("client sent a subscription identifier in PUBLISH")]
    SubscriptionIdentifierFromClient,
    /// No filter in SUBSCRIBE or UNSUBSCRIBE (MQTT-3.8.3-2, MQTT-3.10.3-2 / MQTT-3.8.3-3).
    #[error("list of filters is empty")]
    NoFilters,
    /// No reason code in SUBACK or UNSUBACK (MQTT-3.9.3-1, MQTT-3.11.3-1).
    #[error("list of reason codes is empty")]
    NoCodes,
    /// An ill-formed filter (MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.3-1, MQTT-4.8.2-1, MQTT-4.8.2-2).
    #[error("topic filter is ill-formed: {0}")]
    Filter(TopicError),
    /// Reserved bits in subscription options (MQTT-3.8.3-5 / MQTT-3-8.3-4).
    #[error("reserved bits of subscription options are set")]
    SubscribeOptions,
    /// Maximum QoS 3 in SUBSCRIBE (section 3.8.3.1 / MQTT-3-8.3-4).
    #[error("maximum QoS is 3")]
    SubscribeQoS,
    /// Retain handling 3 (section 3.8.3.1).
    #[error("retain handling is 3")]
    RetainHandling,
    /// No Local on a shared subscription (MQTT-3.8.3-4).
    #[error("no local on a shared subscription")]
    NoLocalOnShare,
    /// Reserved acknowledge flags of CONNACK (MQTT-3.2.2-1).
    #[error("reserved flags of CONNACK are set")]
    ConnAckFlags,
    /// Session present with a refusal (MQTT-3.2.2-6 / MQTT-3.2.2-4).
    #[error("session present with a refusal")]
    SessionPresent,
    /// A session expiry interval in a server's DISCONNECT (MQTT-3.14.2-2).
    #[error("server sent a session expiry interval in DISCONNECT")]
    ServerSessionExpiry,
    /// Passed our own check and was refused by the decoder behind it; stands for no clause, and tests show that it
    /// does not happen.
    #[error("packet is malformed")]
    Refused,
}

impl Violation {
    /// The reason code of the CONNACK or DISCONNECT that answers it.
    pub const fn reason(self) -> ReasonCode {
        match self {
            Self::Refused
            | Self::Truncated
            | Self::TrailingBytes
            | Self::RemainingLength
            | Self::VariableByteInteger
            | Self::PacketType
            | Self::FixedHeaderFlags
            | Self::Utf8
            | Self::Nul
            | Self::UnknownProperty
            | Self::PropertyNotAllowed
            | Self::ConnectReservedFlag
            | Self::WillFlags
            | Self::WillQoS
            | Self::DupWithQoS0
            | Self::PublishQoS
            | Self::SubscribeOptions
            | Self::ConnAckFlags => ReasonCode::MalformedPacket,
            Self::PacketTooLarge => ReasonCode::PacketTooLarge,
            Self::Direction
            | Self::PacketIdentifierZero
            | Self::DuplicateProperty
            | Self::PropertyValue
            | Self::ReasonCode
            | Self::PasswordWithoutUsername
            | Self::AuthenticationMethod
            | Self::MissingTopic
            | Self::ResponseTopic
            | Self::SubscriptionIdentifierFromClient
            | Self::NoFilters
            | Self::NoCodes
            | Self::SubscribeQoS
            | Self::RetainHandling
            | Self::NoLocalOnShare
            | Self::SessionPresent
            | Self::ServerSessionExpiry => ReasonCode::ProtocolError,
            Self::ProtocolName | Self::UnsupportedProtocolVersion { .. } => ReasonCode::UnsupportedProtocolVersion,
            Self::ClientIdentifier => ReasonCode::ClientIdentifierNotValid,
            Self::TopicAlias => ReasonCode::TopicAliasInvalid,
            Self::EmptyTopic | Self::TopicWildcard | Self::TopicLevels => ReasonCode::TopicNameInvalid,
            Self::Filter(_) => ReasonCode::TopicFilterInvalid,
        }
    }
}
