//! PUBACK, PUBREC, PUBREL and PUBCOMP.

use bytes::BytesMut;

use crate::{
    frame::Frame,
    packet::Peer,
    property::{self, Value, Walk},
    qos::PacketId,
    reader::Reader,
    reason::ReasonCode,
    version::ProtocolVersion,
    violation::Violation,
};

/// Which acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckKind {
    PubAck,
    PubRec,
    PubRel,
    PubComp,
}

impl AckKind {
    /// The first byte of the packet, flags included (MQTT-3.6.1-1).
    const fn first_byte(self) -> u8 {
        match self {
            Self::PubAck => 0x40,
            Self::PubRec => 0x50,
            Self::PubRel => 0x62,
            Self::PubComp => 0x70,
        }
    }

    const fn plain_failure(self) -> ReasonCode {
        match self {
            Self::PubAck | Self::PubRec => ReasonCode::UnspecifiedError,
            Self::PubRel | Self::PubComp => ReasonCode::PacketIdentifierNotFound,
        }
    }

    /// Whether it may carry `reason` (MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1).
    const fn may_carry(self, reason: ReasonCode) -> bool {
        use ReasonCode as R;
        match self {
            Self::PubAck | Self::PubRec => matches!(
                reason,
                R::Success
                    | R::NoMatchingSubscribers
                    | R::UnspecifiedError
                    | R::ImplementationSpecificError
                    | R::NotAuthorized
                    | R::TopicNameInvalid
                    | R::PacketIdentifierInUse
                    | R::QuotaExceeded
                    | R::PayloadFormatInvalid
            ),
            Self::PubRel | Self::PubComp => {
                matches!(reason, R::Success | R::PacketIdentifierNotFound)
            }
        }
    }
}

/// What an acknowledgement says; its properties are checked and dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    pub id: PacketId,
    pub reason: ReasonCode,
}

/// Reads an acknowledgement; reason and properties may be left out from the end (section 3.4.2.1).
#[inline]
pub(crate) fn decode(frame: Frame<'_>, version: ProtocolVersion, from: Peer, kind: AckKind) -> Result<Ack, Violation> {
    frame.check_flags(version)?;
    let mut reader = Reader::new(frame.body);
    let id = reader.packet_id()?;
    if reader.is_empty() {
        return Ok(Ack { id, reason: ReasonCode::Success });
    }
    if !version.is_v5() {
        return Err(Violation::TrailingBytes);
    }
    let reason = decode_reason(reader, from, kind)?;
    Ok(Ack { id, reason })
}

#[inline(never)]
fn decode_reason(mut reader: Reader<'_>, from: Peer, kind: AckKind) -> Result<ReasonCode, Violation> {
    let reason = ReasonCode::try_from(reader.byte()?).map_err(|_| Violation::ReasonCode)?;
    // Servers refuse with codes that are not PUBACK's (mosquitto with 0x95): to end the connection for it would bring
    // the same message and the same answer again.
    let refuses = reason.is_error() && from == Peer::Server && matches!(kind, AckKind::PubAck | AckKind::PubRec);
    if !kind.may_carry(reason) && !refuses {
        return Err(Violation::ReasonCode);
    }
    if !reader.is_empty() {
        Walk::new(reader.properties()?, property::ACKNOWLEDGEMENT).check()?;
    }
    reader.finish()?;
    Ok(reason)
}

/// The reason string of an acknowledgement that `decode` has passed, for those few who ask why.
pub(crate) fn reason_string(body: &[u8]) -> Option<&str> {
    let mut reader = Reader::new(body);
    reader.take(3).ok()?;
    let mut walk = Walk::new(reader.properties().ok()?, property::ACKNOWLEDGEMENT);
    while let Ok(Some((id, value))) = walk.next() {
        if let (property::REASON_STRING, Value::Text(text)) = (id, value) {
            return Some(text);
        }
    }
    None
}

/// Appends an acknowledgement in its shortest form; before version 5 the reason is left out. A reason the packet cannot
/// carry is sent as the plainest failure it can.
pub fn encode(out: &mut BytesMut, version: ProtocolVersion, kind: AckKind, id: PacketId, reason: ReasonCode) {
    let [high, low] = id.get().to_be_bytes();
    if version.is_v5() && reason != ReasonCode::Success {
        let reason = if kind.may_carry(reason) { reason } else { kind.plain_failure() };
        out.extend_from_slice(&[kind.first_byte(), 3, high, low, reason as u8]);
    } else {
        out.extend_from_slice(&[kind.first_byte(), 2, high, low]);
    }
}
