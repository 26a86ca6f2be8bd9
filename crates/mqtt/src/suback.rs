//! SUBACK: what became of each filter of a SUBSCRIBE.

use bytes::BytesMut;
use mqtt_protocol_core::mqtt::{
    packet::{v3_1_1, v5_0},
    result_code::{SubackReasonCode, SubackReturnCode},
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

/// The answer to a SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubAck {
    pub id: PacketId,
    /// One per filter, in its order (MQTT-3.9.3-1); before version 5 every failure is `UnspecifiedError`.
    pub codes: Vec<ReasonCode>,
    pub reason_string: Option<String>,
}

/// Reads a SUBACK.
pub(crate) fn decode(body: &[u8], version: ProtocolVersion) -> Result<SubAck, Violation> {
    let id = check(body, version)?;
    if version.is_v5() {
        let (packet, _) = v5_0::Suback::parse(body).map_err(foreign::refused)?;
        let codes = packet.reason_codes().into_iter();
        Ok(SubAck {
            id,
            codes: codes.map(|code| reason(code as u8)).collect::<Result<_, _>>()?,
            reason_string: foreign::reason_string_of(packet.props()),
        })
    } else {
        let (packet, _) = v3_1_1::Suback::parse(body).map_err(foreign::refused)?;
        let codes = packet.return_codes().into_iter();
        Ok(SubAck { id, codes: codes.map(|code| reason(code as u8)).collect::<Result<_, _>>()?, reason_string: None })
    }
}

/// Checks what `mqtt-protocol-core` does not, and names what it finds.
fn check(body: &[u8], version: ProtocolVersion) -> Result<PacketId, Violation> {
    let mut reader = Reader::new(body);
    let id = reader.packet_id()?;
    if version.is_v5() {
        Walk::new(reader.properties()?, property::ACKNOWLEDGEMENT).check()?;
    }
    if reader.is_empty() {
        return Err(Violation::NoCodes);
    }
    let may_carry = |&code: &u8| {
        if version.is_v5() {
            SubackReasonCode::try_from(code).is_ok()
        } else {
            SubackReturnCode::try_from(code).is_ok()
        }
    };
    if reader.rest().iter().all(may_carry) { Ok(id) } else { Err(Violation::ReasonCode) }
}

fn reason(code: u8) -> Result<ReasonCode, Violation> {
    ReasonCode::try_from(code).map_err(|_| Violation::ReasonCode)
}

/// Appends a SUBACK; before version 5 every failure is 0x80. A code SUBACK does not know is sent as
/// `UnspecifiedError` (MQTT-3.9.3-2). Without codes, which no SUBSCRIBE asks for, nothing is written.
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
            .map(|&code| SubackReasonCode::try_from(code as u8).unwrap_or(SubackReasonCode::UnspecifiedError));
        let packet = v5_0::Suback::builder()
            .packet_id(id.get())
            .props(foreign::reason_string_only(reason_string))
            .reason_codes(codes.collect())
            .build();
        foreign::append(out, packet);
    } else {
        let codes =
            codes.iter().map(|code| SubackReturnCode::try_from(code.v3_suback()).unwrap_or(SubackReturnCode::Failure));
        let packet = v3_1_1::Suback::builder().packet_id(id.get()).return_codes(codes.collect()).build();
        foreign::append(out, packet);
    }
}
