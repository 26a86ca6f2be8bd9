//! UNSUBSCRIBE: filters to forget.

use bytes::BytesMut;
use mqtt_protocol_core::mqtt::packet::{MqttString, v3_1_1, v5_0};

use crate::{
    encode_error::EncodeError,
    foreign,
    property::{self, Walk},
    qos::PacketId,
    reader::Reader,
    topic::Filter,
    version::ProtocolVersion,
    violation::Violation,
};

/// A request to end subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    pub id: PacketId,
    /// Well-formed filters, `$share/...` included, in the order of the packet; at least one.
    pub filters: Vec<String>,
}

/// Reads an UNSUBSCRIBE.
pub(crate) fn decode(body: &[u8], version: ProtocolVersion) -> Result<Unsubscribe, Violation> {
    let id = check(body, version)?;
    let entries = if version.is_v5() {
        let (packet, _) = v5_0::Unsubscribe::parse(body).map_err(foreign::refused)?;
        texts(packet.entries())
    } else {
        let (packet, _) = v3_1_1::Unsubscribe::parse(body).map_err(foreign::refused)?;
        texts(packet.entries())
    };
    Ok(Unsubscribe { id, filters: entries })
}

/// Checks what `mqtt-protocol-core` does not, and names what it finds.
fn check(body: &[u8], version: ProtocolVersion) -> Result<PacketId, Violation> {
    let mut reader = Reader::new(body);
    let id = reader.packet_id()?;
    if version.is_v5() {
        Walk::new(reader.properties()?, property::UNSUBSCRIBE).check()?;
    }
    if reader.is_empty() {
        return Err(Violation::NoFilters);
    }
    while !reader.is_empty() {
        Filter::parse(reader.string()?).map_err(Violation::Filter)?;
    }
    Ok(id)
}

fn texts(entries: &[MqttString]) -> Vec<String> {
    entries.iter().map(|entry| entry.as_str().to_owned()).collect()
}

/// Appends an UNSUBSCRIBE.
///
/// # Errors
/// No filter, one of more than 65,535 bytes, or more than a packet can hold.
pub fn encode(out: &mut BytesMut, version: ProtocolVersion, unsubscribe: &Unsubscribe) -> Result<(), EncodeError> {
    encode_with(out, version, unsubscribe, &[])
}

/// As `encode`, with user properties.
///
/// # Errors
/// As `encode`, and a user property of more than 65,535 bytes.
pub(crate) fn encode_with(
    out: &mut BytesMut,
    version: ProtocolVersion,
    unsubscribe: &Unsubscribe,
    user_properties: &[(String, String)],
) -> Result<(), EncodeError> {
    if unsubscribe.filters.is_empty() {
        return Err(EncodeError::EmptyList);
    }
    foreign::check_room(unsubscribe.filters.iter().map(String::len))?;
    let id = unsubscribe.id.get();
    let filters: Vec<&str> = unsubscribe.filters.iter().map(String::as_str).collect();
    if version.is_v5() {
        let properties = foreign::user_properties(user_properties)?;
        let packet = v5_0::Unsubscribe::builder()
            .packet_id(id)
            .props(properties)
            .entries(filters)
            .and_then(|builder| builder.build());
        foreign::append(out, Ok(packet.map_err(|_| EncodeError::Field)?));
    } else {
        let packet = v3_1_1::Unsubscribe::builder().packet_id(id).entries(filters).and_then(|builder| builder.build());
        foreign::append(out, Ok(packet.map_err(|_| EncodeError::Field)?));
    }
    Ok(())
}
