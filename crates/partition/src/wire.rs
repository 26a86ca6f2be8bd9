//! Reading and writing the fields of commands and snapshots: little endian, lengths in front, nothing trusted.

use mqtt::{PacketId, QoS, RetainHandling};

use crate::address::{
    BodyRef, Epoch, Incarnation, Lane, Owner, PartitionId, PartitionSet, SessionSlot, Tag, Timestamp,
};
use crate::command::SubscriptionOptions;

/// Why bytes are not what they should be. Bytes that were written by this crate never fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    #[error("the bytes end inside a field")]
    Truncated,
    #[error("{0} bytes follow the last field")]
    Trailing(usize),
    #[error("version {0} is not known")]
    UnknownVersion(u8),
    #[error("kind {0} is not known")]
    UnknownKind(u8),
    #[error("a text is not UTF-8")]
    NotUtf8,
    #[error("{0} is no value of {1}")]
    Value(u64, &'static str),
    #[error("{0} does not hold together")]
    Inconsistent(&'static str),
}

/// No counter of a sound state comes near: a million a second for two thousand years.
const COUNTER_END: u64 = 1 << 56;
/// The most that one byte of a distance says.
const DISTANCE_STEP: u8 = u8::MAX;

/// Takes fields off the front of a byte slice.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// # Errors
    /// `Trailing` when something is left.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(self.rest.len())) }
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// What is left, without taking it.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn tail(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Seven bits a byte, the lowest first.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        if let Some((byte @ 0..0x80, rest)) = self.rest.split_first() {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Value(value, "varint"))
    }

    /// What only counts up, and has room to go on.
    pub(crate) fn counter(&mut self) -> Result<u64, DecodeError> {
        match self.u64()? {
            value if value < COUNTER_END => Ok(value),
            over => Err(DecodeError::Value(over, "a counter")),
        }
    }

    /// As [`Write::distance`] has written it.
    pub(crate) fn distance(&mut self) -> Result<u64, DecodeError> {
        let mut distance = 0;
        loop {
            let step = self.u8()?;
            distance += u64::from(step);
            if step < DISTANCE_STEP {
                return Ok(distance);
            }
        }
    }

    #[inline]
    pub(crate) fn varint_u32(&mut self) -> Result<u32, DecodeError> {
        let value = self.varint()?;
        u32::try_from(value).map_err(|_| DecodeError::Value(value, "u32"))
    }

    pub(crate) fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DecodeError::Value(other.into(), "bool")),
        }
    }

    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.bool()? { read(self).map(Some) } else { Ok(None) }
    }

    #[inline]
    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let len = self.u16()?;
        mqtt::utf8(self.bytes(len.into())?).map_err(|_| DecodeError::NotUtf8)
    }

    /// Bytes with their length as `u32` in front.
    pub(crate) fn blob(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u32()?;
        self.bytes(len as usize)
    }

    pub(crate) fn owner(&mut self) -> Result<Owner, DecodeError> {
        Ok(Owner { frontend: self.u16()?, worker: self.u16()?, slot: self.u32()?, generation: self.u32()? })
    }

    pub(crate) fn lane(&mut self) -> Result<Lane, DecodeError> {
        Ok(Lane { frontend: self.u16()?, worker: self.u16()? })
    }

    pub(crate) fn incarnation(&mut self) -> Result<Incarnation, DecodeError> {
        self.u64().map(Incarnation)
    }

    pub(crate) fn epoch(&mut self) -> Result<Epoch, DecodeError> {
        self.u64().map(Epoch)
    }

    pub(crate) fn tag(&mut self) -> Result<Tag, DecodeError> {
        self.u32().map(Tag)
    }

    pub(crate) fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        self.u64().map(Timestamp)
    }

    pub(crate) fn partition(&mut self) -> Result<PartitionId, DecodeError> {
        match self.u16()? {
            number if number < PartitionSet::MAX => Ok(PartitionId(number)),
            over => Err(DecodeError::Value(over.into(), "a partition")),
        }
    }

    pub(crate) fn session(&mut self) -> Result<SessionSlot, DecodeError> {
        self.u32().map(SessionSlot)
    }

    pub(crate) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::new(self.u16()?).ok_or(DecodeError::Value(0, "packet identifier"))
    }

    pub(crate) fn body(&mut self) -> Result<BodyRef, DecodeError> {
        let index = self.u64()?;
        if index == 0 {
            return Err(DecodeError::Value(index, "the log index of a body"));
        }
        Ok(BodyRef { index, offset: self.u32()?, len: self.u32()? })
    }

    pub(crate) fn options(&mut self) -> Result<SubscriptionOptions, DecodeError> {
        let bits = self.u8()?;
        let identifier = self.u32()?;
        options_from_bits(bits, identifier).ok_or(DecodeError::Value(bits.into(), "subscription options"))
    }
}

/// Appends fields to a byte vector.
pub(crate) trait Write {
    fn bytes(&mut self, bytes: &[u8]);

    fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }

    /// A number whose length rises with it, so that a reader who goes so far goes no further than its bytes allow.
    fn distance(&mut self, mut distance: u64) {
        while distance >= DISTANCE_STEP.into() {
            self.u8(DISTANCE_STEP);
            distance -= u64::from(DISTANCE_STEP);
        }
        self.u8(distance as u8);
    }

    fn bool(&mut self, value: bool) {
        self.u8(value.into());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T))
    where
        Self: Sized,
    {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// At most 65,535 bytes, as every text in MQTT; longer ones are cut at a character, which no caller lets happen.
    fn text(&mut self, text: &str) {
        debug_assert!(text.len() <= usize::from(u16::MAX), "texts of MQTT are at most 65,535 bytes");
        let text = &text[..text.floor_char_boundary(u16::MAX.into())];
        self.u16(text.len() as u16);
        self.bytes(text.as_bytes());
    }

    fn blob(&mut self, blob: &[u8]) {
        self.u32(u32::try_from(blob.len()).expect("a blob is below 4 GiB"));
        self.bytes(blob);
    }

    fn owner(&mut self, owner: Owner) {
        self.u16(owner.frontend);
        self.u16(owner.worker);
        self.u32(owner.slot);
        self.u32(owner.generation);
    }

    fn lane(&mut self, lane: Lane) {
        self.u16(lane.frontend);
        self.u16(lane.worker);
    }

    fn body(&mut self, body: BodyRef) {
        self.u64(body.index);
        self.u32(body.offset);
        self.u32(body.len);
    }

    fn options(&mut self, options: SubscriptionOptions) {
        self.u8(options_to_bits(options));
        self.u32(options.identifier.unwrap_or(0));
    }
}

impl Write for Vec<u8> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Write for bytes::BytesMut {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// QoS in bits 0-1, no local 2, retain as published 3, retain handling 4-5, as in SUBSCRIBE.
pub(crate) fn options_to_bits(options: SubscriptionOptions) -> u8 {
    options.qos as u8
        | u8::from(options.no_local) << 2
        | u8::from(options.retain_as_published) << 3
        | (options.retain_handling as u8) << 4
}

pub(crate) fn options_from_bits(bits: u8, identifier: u32) -> Option<SubscriptionOptions> {
    let retain_handling = match bits >> 4 {
        0 => RetainHandling::SendAtSubscribe,
        1 => RetainHandling::SendIfNew,
        2 => RetainHandling::DoNotSend,
        _ => return None,
    };
    Some(SubscriptionOptions {
        qos: QoS::try_from(bits & 3).ok()?,
        no_local: bits & 4 != 0,
        retain_as_published: bits & 8 != 0,
        retain_handling,
        identifier: (identifier != 0).then_some(identifier),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_all_lengths_are_read_back() {
        let mut bytes = Vec::new();
        let values = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        for value in values {
            bytes.varint(value);
        }
        let mut reader = Reader::new(&bytes);
        for value in values {
            assert_eq!(reader.varint(), Ok(value));
        }
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn distances_take_a_byte_for_each_255() {
        let mut bytes = Vec::new();
        for distance in [0, 254, 255, 256, 510, 1000] {
            bytes.clear();
            bytes.distance(distance);
            assert_eq!(bytes.len() as u64, distance / 255 + 1);
            assert_eq!(Reader::new(&bytes).distance(), Ok(distance));
        }
    }

    #[test]
    fn a_text_that_is_cut_off_is_refused() {
        assert_eq!(Reader::new(&[5, 0, b'a']).text(), Err(DecodeError::Truncated));
        assert_eq!(Reader::new(&[1, 0, 0xff]).text(), Err(DecodeError::NotUtf8));
    }
}
