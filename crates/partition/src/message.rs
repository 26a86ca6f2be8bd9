//! An application message in the form in which it is logged, kept and delivered.

use mqtt::QoS;

use crate::address::Timestamp;
use crate::wire::{DecodeError, Reader, Write};

const RETAIN: u8 = 1 << 2;
const EXPIRES: u8 = 1 << 3;

/// An application message. `properties` are the PUBLISH properties that are forwarded unchanged, as MQTT 5 encodes
/// them one after the other, without the length in front: all but Topic Alias, Subscription Identifier and Message
/// Expiry Interval.
///
/// Encoded as `u8 flags (QoS 0-1, retain 2, expires 3) | [u64 expires] | u16 length, topic | u32 length, properties |
/// payload`, up to the end of the bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Message<'a> {
    pub topic: &'a str,
    pub qos: QoS,
    pub retain: bool,
    pub expires: Option<Timestamp>,
    pub properties: &'a [u8],
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a whole encoded message.
    ///
    /// # Errors
    /// When the bytes are not a message.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let flags = reader.u8()?;
        if flags & !(3 | RETAIN | EXPIRES) != 0 {
            return Err(DecodeError::Value(flags.into(), "message flags"));
        }
        let qos = QoS::try_from(flags & 3).map_err(|_| DecodeError::Value(flags.into(), "message flags"))?;
        let expires = if flags & EXPIRES != 0 { Some(reader.timestamp()?) } else { None };
        Ok(Self {
            topic: reader.text()?,
            qos,
            retain: flags & RETAIN != 0,
            expires,
            properties: reader.blob()?,
            payload: reader.tail(),
        })
    }

    /// What removes a topic's retained message (MQTT-3.3.1-6).
    pub fn removal_of(topic: &'a str) -> Self {
        Self { topic, qos: QoS::AtLeastOnce, retain: true, expires: None, properties: &[], payload: &[] }
    }

    /// Appends the encoded message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.write(&[self.properties], out);
    }

    pub fn encoded_len(&self) -> usize {
        7 + if self.expires.is_some() { 8 } else { 0 } + self.topic.len() + self.properties.len() + self.payload.len()
    }

    /// Writes with `properties` instead of its own, which may lie in several slices.
    pub(crate) fn write(&self, properties: &[&[u8]], out: &mut impl Write) {
        self.write_head(properties, out);
        out.bytes(self.payload);
    }

    /// Bytes of what [`Message::write_head`] writes.
    pub(crate) fn head_len(&self, properties: &[&[u8]]) -> usize {
        let properties: usize = properties.iter().map(|slice| slice.len()).sum();
        7 + if self.expires.is_some() { 8 } else { 0 } + self.topic.len() + properties
    }

    /// All but the payload.
    #[inline]
    pub(crate) fn write_head(&self, properties: &[&[u8]], out: &mut impl Write) {
        let retain = if self.retain { RETAIN } else { 0 };
        let expires = if self.expires.is_some() { EXPIRES } else { 0 };
        out.u8(self.qos as u8 | retain | expires);
        if let Some(expires) = self.expires {
            out.u64(expires.0);
        }
        out.text(self.topic);
        let len: usize = properties.iter().map(|slice| slice.len()).sum();
        out.u32(u32::try_from(len).expect("properties are below 256 MiB"));
        for slice in properties {
            out.bytes(slice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_message_is_what_it_has_always_been() {
        let message = Message {
            topic: "a/b",
            qos: QoS::AtLeastOnce,
            retain: true,
            expires: Some(Timestamp(0x0102)),
            properties: &[1, 1],
            payload: b"hi",
        };
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        let golden = [&[13, 2, 1, 0, 0, 0, 0, 0, 0, 3, 0][..], b"a/b", &[2, 0, 0, 0, 1, 1], b"hi"].concat();
        assert_eq!(bytes, golden);
        assert_eq!(bytes.len(), message.encoded_len());
        assert_eq!(Message::parse(&bytes), Ok(message));
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        assert_eq!(Message::parse(&[]), Err(DecodeError::Truncated));
        assert_eq!(Message::parse(&[3]), Err(DecodeError::Value(3, "message flags")));
        assert_eq!(Message::parse(&[0x10]), Err(DecodeError::Value(0x10, "message flags")));
        assert_eq!(Message::parse(&[0, 1, 0, b'a', 9, 0, 0, 0]), Err(DecodeError::Truncated));
    }
}
