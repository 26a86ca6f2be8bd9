//! PINGREQ and PINGRESP: two bytes each.

use bytes::BytesMut;

/// Appends a PINGREQ.
pub fn encode_request(out: &mut BytesMut) {
    out.extend_from_slice(&[0xC0, 0]);
}

/// Appends a PINGRESP.
pub fn encode_response(out: &mut BytesMut) {
    out.extend_from_slice(&[0xD0, 0]);
}
