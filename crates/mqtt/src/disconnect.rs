//! DISCONNECT: the last packet of a connection.

use bytes::BytesMut;
use mqtt_protocol_core::mqtt::{
    packet::{Properties, Property, ReasonString, ServerReference, SessionExpiryInterval, v3_1_1, v5_0},
    result_code::{DisconnectReasonCode, MqttError},
};

use crate::{
    foreign,
    packet::Peer,
    property::{self, SESSION_EXPIRY_INTERVAL, Walk},
    reader::Reader,
    reason::ReasonCode,
    version::ProtocolVersion,
    violation::Violation,
};

/// Why and how a connection ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disconnect {
    pub reason: ReasonCode,
    /// Seconds; only a client may send it (MQTT-3.14.2-2).
    pub session_expiry: Option<u32>,
    pub reason_string: Option<String>,
    /// Only a server may send it.
    pub server_reference: Option<String>,
}

/// Reads a DISCONNECT.
pub(crate) fn decode(body: &[u8], version: ProtocolVersion, from: Peer) -> Result<Disconnect, Violation> {
    if !version.is_v5() {
        Reader::new(body).finish()?;
        return Ok(Disconnect::default());
    }
    let mut disconnect = Disconnect { reason: check(body, from)?, ..Disconnect::default() };
    let (packet, _) = v5_0::Disconnect::parse(body).map_err(foreign::refused)?;
    for property in packet.props().iter().flatten() {
        match property {
            Property::SessionExpiryInterval(seconds) => {
                disconnect.session_expiry = Some(seconds.val());
            }
            Property::ReasonString(text) => disconnect.reason_string = Some(text.val().to_owned()),
            Property::ServerReference(text) => {
                disconnect.server_reference = Some(text.val().to_owned());
            }
            _ => {}
        }
    }
    Ok(disconnect)
}

/// Checks what `mqtt-protocol-core` does not, and names what it finds. Reason and properties may be left out from the
/// end (section 3.14.2.1).
fn check(body: &[u8], from: Peer) -> Result<ReasonCode, Violation> {
    let mut reader = Reader::new(body);
    if reader.is_empty() {
        return Ok(ReasonCode::Success);
    }
    let reason = ReasonCode::try_from(reader.byte()?).map_err(|_| Violation::ReasonCode)?;
    if !may_carry(reason, from) {
        return Err(Violation::ReasonCode);
    }
    if !reader.is_empty() {
        let allowed = match from {
            Peer::Client => property::CLIENT_DISCONNECT,
            Peer::Server => property::SERVER_DISCONNECT,
        };
        let mut walk = Walk::new(reader.properties()?, allowed);
        while let Some((id, _)) = walk.next()? {
            if id == SESSION_EXPIRY_INTERVAL && from == Peer::Server {
                return Err(Violation::ServerSessionExpiry);
            }
        }
    }
    reader.finish()?;
    Ok(reason)
}

/// The reason codes of section 3.14.2.1 and who may send them (MQTT-3.14.2-1).
fn may_carry(reason: ReasonCode, from: Peer) -> bool {
    use ReasonCode as R;
    match reason {
        R::DisconnectWithWill => from == Peer::Client,
        R::Success
        | R::UnspecifiedError
        | R::MalformedPacket
        | R::ProtocolError
        | R::ImplementationSpecificError
        | R::TopicNameInvalid
        | R::ReceiveMaximumExceeded
        | R::TopicAliasInvalid
        | R::PacketTooLarge
        | R::MessageRateTooHigh
        | R::QuotaExceeded
        | R::AdministrativeAction
        | R::PayloadFormatInvalid => true,
        _ => from == Peer::Server && DisconnectReasonCode::try_from(reason as u8).is_ok(),
    }
}

/// Appends a DISCONNECT in its shortest form; before version 5 it is two bytes, which only a client may send. A reason
/// DISCONNECT does not know is sent as `UnspecifiedError` (MQTT-3.14.2-1).
pub fn encode(out: &mut BytesMut, version: ProtocolVersion, disconnect: &Disconnect) {
    if !version.is_v5() {
        foreign::append(out, v3_1_1::Disconnect::builder().build());
        return;
    }
    let properties = properties(disconnect).unwrap_or_default();
    let mut builder = v5_0::Disconnect::builder();
    if disconnect.reason != ReasonCode::Success || !properties.is_empty() {
        builder = builder.reason_code(
            DisconnectReasonCode::try_from(disconnect.reason as u8).unwrap_or(DisconnectReasonCode::UnspecifiedError),
        );
    }
    if !properties.is_empty() {
        builder = builder.props(properties);
    }
    foreign::append(out, builder.build());
}

fn properties(disconnect: &Disconnect) -> Result<Properties, MqttError> {
    let mut properties = Properties::new();
    if let Some(seconds) = disconnect.session_expiry {
        properties.push(SessionExpiryInterval::new(seconds)?.into());
    }
    if let Some(text) = &disconnect.reason_string {
        properties.push(ReasonString::new(foreign::clip(text))?.into());
    }
    if let Some(text) = &disconnect.server_reference {
        properties.push(ServerReference::new(foreign::clip(text))?.into());
    }
    Ok(properties)
}
