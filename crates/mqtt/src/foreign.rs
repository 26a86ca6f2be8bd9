//! The seam to `mqtt-protocol-core`: its packets and properties go in and out here and nowhere else in our API.

use bytes::BytesMut;
use mqtt_protocol_core::mqtt::{
    packet::{GenericPacketTrait, Properties, Property, ReasonString, UserProperty},
    result_code::MqttError,
};

use crate::{encode_error::EncodeError, violation::Violation, writer::MAX_REMAINING_LENGTH};

/// What `mqtt-protocol-core` still refuses after our own check; tests show that nothing does.
pub(crate) fn refused(_: MqttError) -> Violation {
    Violation::Refused
}

/// Appends a packet; one that could not be built is left out, which its encoder has ruled out or documents.
pub(crate) fn append(out: &mut BytesMut, built: Result<impl GenericPacketTrait, MqttError>) {
    if let Ok(packet) = built {
        out.extend_from_slice(&packet.to_continuous_buffer());
    }
}

/// The longest front of `text` that a string of the wire has room for.
pub(crate) fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(usize::from(u16::MAX))]
}

/// A property list of nothing but the reason string.
pub(crate) fn reason_string_only(text: Option<&str>) -> Properties {
    text.and_then(|text| ReasonString::new(clip(text)).ok()).map(|property| vec![property.into()]).unwrap_or_default()
}

/// The reason string in a property list.
pub(crate) fn reason_string_of(properties: &[Property]) -> Option<String> {
    properties.iter().find_map(|property| match property {
        Property::ReasonString(text) => Some(text.val().to_owned()),
        _ => None,
    })
}

/// A property list of nothing but user properties.
pub(crate) fn user_properties(pairs: &[(String, String)]) -> Result<Properties, EncodeError> {
    let property = |(key, value): &(String, String)| UserProperty::new(key, value).map(Property::from);
    pairs.iter().map(property).collect::<Result<_, _>>().map_err(|_| EncodeError::Field)
}

/// Refuses filters too many for one packet, whose builder would panic on them. 16 bytes are room for the rest of the
/// packet, 3 for a filter's length and options.
pub(crate) fn check_room(filter_lens: impl Iterator<Item = usize>) -> Result<(), EncodeError> {
    let sum = 16 + filter_lens.map(|len| len + 3).sum::<usize>();
    if sum <= MAX_REMAINING_LENGTH { Ok(()) } else { Err(EncodeError::PacketTooLarge) }
}
