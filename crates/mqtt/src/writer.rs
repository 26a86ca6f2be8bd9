//! Writes the fields our own encoders need.

use bytes::{BufMut, BytesMut};

use crate::encode_error::EncodeError;

/// The largest remaining length (section 2.1.4).
pub(crate) const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// The largest packet there can be: first byte, four bytes of length, and the rest.
pub(crate) const MAX_PACKET_SIZE: u32 = MAX_REMAINING_LENGTH as u32 + 5;

/// Bytes a variable byte integer takes.
pub(crate) const fn variable_len(value: usize) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    }
}

/// Appends a variable byte integer of at most `MAX_REMAINING_LENGTH`.
pub(crate) fn put_variable(out: &mut BytesMut, mut value: usize) {
    debug_assert!(value <= MAX_REMAINING_LENGTH);
    while value > 0x7f {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// Appends binary data behind its two bytes of length.
pub(crate) fn put_binary(out: &mut BytesMut, bytes: &[u8]) -> Result<(), EncodeError> {
    let len = u16::try_from(bytes.len()).map_err(|_| EncodeError::Field)?;
    out.put_u16(len);
    out.put_slice(bytes);
    Ok(())
}
