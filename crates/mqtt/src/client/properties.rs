//! The properties of a message that go with it from publisher to subscriber.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    encode_error::EncodeError,
    property::{self, Value, Walk},
    topic,
    writer::put_binary,
};

/// What a payload is (section 3.3.2.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadFormat {
    Unspecified = 0,
    Utf8 = 1,
}

/// The properties of a PUBLISH or a will that go with the message (sections 3.3.2.3.2 to 3.3.2.3.9).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageProperties {
    pub payload_format: Option<PayloadFormat>,
    pub content_type: Option<String>,
    pub response_topic: Option<String>,
    pub correlation_data: Option<Bytes>,
    /// In order; names may repeat.
    pub user: Vec<(String, String)>,
}

impl MessageProperties {
    /// Reads a checked raw list; ends at the first property that is not well-formed.
    pub fn decode(list: &[u8]) -> Self {
        let mut read = Self::default();
        let mut walk = Walk::new(list, property::PUBLISH);
        while let Ok(Some((id, value))) = walk.next() {
            match (id, value) {
                (property::PAYLOAD_FORMAT_INDICATOR, Value::Byte(format)) => {
                    let formats = [PayloadFormat::Unspecified, PayloadFormat::Utf8];
                    read.payload_format = formats.into_iter().find(|known| *known as u8 == format);
                }
                (property::CONTENT_TYPE, Value::Text(text)) => read.content_type = Some(text.to_owned()),
                (property::RESPONSE_TOPIC, Value::Text(text)) => read.response_topic = Some(text.to_owned()),
                (property::CORRELATION_DATA, Value::Binary(bytes)) => {
                    read.correlation_data = Some(Bytes::copy_from_slice(bytes));
                }
                (_, Value::Pair(key, value)) => read.user.push((key.to_owned(), value.to_owned())),
                _ => {}
            }
        }
        read
    }

    /// The raw list.
    ///
    /// # Errors
    /// A string or binary field of more than 65,535 bytes, a string with U+0000, or a response topic that is no topic
    /// name (MQTT-3.3.2-14).
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        let mut list = BytesMut::new();
        if let Some(format) = self.payload_format {
            list.put_slice(&[property::PAYLOAD_FORMAT_INDICATOR, format as u8]);
        }
        if let Some(text) = &self.content_type {
            list.put_u8(property::CONTENT_TYPE);
            put_text(&mut list, text)?;
        }
        if let Some(text) = &self.response_topic {
            topic::check_topic_name(text).map_err(|_| EncodeError::Field)?;
            list.put_u8(property::RESPONSE_TOPIC);
            put_text(&mut list, text)?;
        }
        if let Some(bytes) = &self.correlation_data {
            list.put_u8(property::CORRELATION_DATA);
            put_binary(&mut list, bytes)?;
        }
        for (key, value) in &self.user {
            list.put_u8(property::USER_PROPERTY);
            put_text(&mut list, key)?;
            put_text(&mut list, value)?;
        }
        Ok(list.freeze())
    }
}

/// A string; U+0000 is refused (MQTT-1.5.4-2).
fn put_text(list: &mut BytesMut, text: &str) -> Result<(), EncodeError> {
    if text.contains('\0') {
        return Err(EncodeError::Field);
    }
    put_binary(list, text.as_bytes())
}
