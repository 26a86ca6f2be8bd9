//! Reads the fields of a packet body from front to back; never beyond its end.

use crate::{qos::PacketId, text, violation::Violation};

pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes are left.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Everything that is left.
    #[inline]
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may be left.
    #[inline]
    pub(crate) fn finish(self) -> Result<(), Violation> {
        if self.rest.is_empty() { Ok(()) } else { Err(Violation::TrailingBytes) }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Violation::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Violation> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn two(&mut self) -> Result<u16, Violation> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn four(&mut self) -> Result<u32, Violation> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Violation> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Violation::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Binary data: two bytes of length, then as many bytes.
    #[inline]
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], Violation> {
        let len = self.two()?;
        self.take(usize::from(len))
    }

    #[inline]
    pub(crate) fn string(&mut self) -> Result<&'a str, Violation> {
        text::string(self.binary()?)
    }

    /// A packet identifier that is not zero (MQTT-2.2.1-3).
    #[inline]
    pub(crate) fn packet_id(&mut self) -> Result<PacketId, Violation> {
        PacketId::new(self.two()?).ok_or(Violation::PacketIdentifierZero)
    }

    /// A variable byte integer in its shortest form (MQTT-1.5.5-1).
    #[inline]
    pub(crate) fn variable(&mut self) -> Result<u32, Violation> {
        match variable(self.rest) {
            Variable::Value { value, len } => {
                self.rest = self.rest.get(len..).unwrap_or_default();
                Ok(value)
            }
            Variable::Incomplete => Err(Violation::Truncated),
            Variable::OverLong => Err(Violation::VariableByteInteger),
        }
    }

    /// The bytes of a property list, its length taken off; the length is there even when it is zero (MQTT-2.2.2-1).
    #[inline]
    pub(crate) fn properties(&mut self) -> Result<&'a [u8], Violation> {
        let len = self.variable()?;
        self.take(len as usize)
    }
}

/// What the front of some bytes is, read as a variable byte integer.
pub(crate) enum Variable {
    Value { value: u32, len: usize },
    Incomplete,
    OverLong,
}

/// Reads a variable byte integer of at most four bytes.
#[inline]
pub(crate) fn variable(bytes: &[u8]) -> Variable {
    if let Some(&byte @ 0..=0x7f) = bytes.first() {
        return Variable::Value { value: u32::from(byte), len: 1 };
    }
    longer_variable(bytes)
}

fn longer_variable(bytes: &[u8]) -> Variable {
    let mut value = 0;
    for (at, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return if byte == 0 && at > 0 { Variable::OverLong } else { Variable::Value { value, len: at + 1 } };
        }
    }
    if bytes.len() < 4 { Variable::Incomplete } else { Variable::OverLong }
}
