//! Places for fields that are put together before they are appended, at less cost than one by one.

use bytes::BytesMut;

use crate::wire::Write;

/// Writes into bytes that are there already, exactly as many as are written.
#[derive(Debug)]
pub(crate) struct Filling<'a> {
    rest: &'a mut [u8],
}

impl<'a> Filling<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether there is no more room.
    pub(crate) fn is_full(&self) -> bool {
        self.rest.is_empty()
    }
}

impl Write for Filling<'_> {
    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let (place, rest) = std::mem::take(&mut self.rest).split_at_mut(bytes.len());
        place.copy_from_slice(bytes);
        self.rest = rest;
    }
}

/// Bytes of the longest run of short fields.
const SHORT_BYTES: usize = 64;

/// Short fields, put together before they are appended at once.
#[derive(Debug)]
pub(crate) struct Short {
    bytes: [u8; SHORT_BYTES],
    len: usize,
}

impl Short {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; SHORT_BYTES], len: 0 }
    }

    pub(crate) fn append_to(self, out: &mut impl Write) {
        out.bytes(&self.bytes[..self.len]);
    }

    /// The same; a copy whose length is known takes no call.
    #[inline]
    pub(crate) fn append_at_once(self, out: &mut BytesMut) {
        let begin = out.len();
        out.extend_from_slice(&self.bytes);
        out.truncate(begin + self.len);
    }
}

impl Write for Short {
    fn bytes(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}
