//! UNSUBACK: what became of each filter of an UNSUBSCRIBE.

use bytes::BytesMut;
use mqtt_protocol_core::mqtt::{
    packet::{v3_1_1, v5_0},
    result_code::UnsubackReasonCode,
};

use crate::{
    foreign,
    property::{self, Walk},
    qos::PacketId,
    reader::Reader,
    reason::ReasonCode,
    version::ProtocolVersion,
    violation::Violation,
};

/// The answer to an UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubAck {
    pub id: PacketId,
    /// One per filter, in its order (MQTT-3.11.3-1); empty before version 5.
    pub codes: Vec<ReasonCode>,
    pub reason_string: Option<String>,
}

/// Reads an UNSUBACK.
pub(crate) fn decode(body: &[u8], version: ProtocolVersion) -> Result<UnsubAck, Violation> {
    let id = check(body, version)?;
    if !version.is_v5() {
        return Ok(UnsubAck { id, codes: Vec::new(), reason_string: None });
    }
    let (packet, _) = v5_0::Unsuback::parse(body).map_err(foreign::refused)?;
    let codes = packet.reason_codes().into_iter();
    Ok(UnsubAck {
        id,
        codes: codes
            .map(|code| ReasonCode::try_from(code as u8).map_err(|_| Violation::ReasonCode))
            .collect::<Result<_, _>>()?,
        reason_string: foreign::reason_string_of(packet.props()),
    })
}

/// Checks what `mqtt-protocol-core` does not, and names what it finds.
fn check(body: &[u8], version: ProtocolVersion) -> Result<PacketId, Violation> {
    let mut reader = Reader::new(body);
    let id = reader.packet_id()?;
    if !version.is_v5() {
        return reader.finish().map(|()| id);
    }
    Walk::new(reader.properties()?, property::ACKNOWLEDGEMENT).check()?;
    if reader.is_empty() {
        return Err(Violation::NoCodes);
    }
    if reader.rest().iter().all(|&code| UnsubackReasonCode::try_from(code).is_ok()) {
        Ok(id)
    } else {
        Err(Violation::ReasonCode)
    }
}

/// Appends an UNSUBACK; before version 5 it carries no codes. A code UNSUBACK does not know is sent as
/// `UnspecifiedError` (MQTT-3.11.3-2). Without codes, which no UNSUBSCRIBE of version 5 asks for, nothing is written.
pub fn encode(
    out: &mut BytesMut,
    version: ProtocolVersion,
    id: PacketId,
    codes: &[ReasonCode],
    reason_string: Option<&str>,
) {
    if version.is_v5() {
        let codes = codes
            .iter()
            .map(|&code| UnsubackReasonCode::try_from(code as u8).unwrap_or(UnsubackReasonCode::UnspecifiedError));
        let packet = v5_0::Unsuback::builder()
            .packet_id(id.get())
            .props(foreign::reason_string_only(reason_string))
            .reason_codes(codes.collect())
            .build();
        foreign::append(out, packet);
    } else {
        foreign::append(out, v3_1_1::Unsuback::builder().packet_id(id.get()).build());
    }
}
