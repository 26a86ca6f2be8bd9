//! The properties of a forwarded message: read for whoever looks at it, and `$partition` for the broker itself.

/// Messages with the same value go to the same member of a shared group while its membership stands.
const PARTITION: &[u8] = b"$partition";

/// The properties of a message as [`Message`](crate::Message) holds them, each by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageProperties {
    /// Payload Format Indicator: 1 is UTF-8.
    pub payload_format: Option<u8>,
    pub content_type: Option<String>,
    pub response_topic: Option<String>,
    pub correlation_data: Option<Vec<u8>>,
    /// In their order.
    pub user: Vec<(String, String)>,
}

impl MessageProperties {
    /// Reads them up to the first that is not well formed.
    pub fn parse(properties: &[u8]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut all = Self::default();
        let mut rest = properties;
        while let Some((property, after)) = split(rest) {
            rest = after;
            match property {
                Property::User(name, value) => all.user.push((text(name), text(value))),
                Property::PayloadFormat(format) => all.payload_format = Some(format),
                Property::ContentType(content_type) => all.content_type = Some(text(content_type)),
                Property::ResponseTopic(topic) => all.response_topic = Some(text(topic)),
                Property::CorrelationData(data) => all.correlation_data = Some(data.to_vec()),
                Property::NotForwarded => {}
            }
        }
        all
    }
}

enum Property<'a> {
    User(&'a [u8], &'a [u8]),
    PayloadFormat(u8),
    ContentType(&'a [u8]),
    ResponseTopic(&'a [u8]),
    CorrelationData(&'a [u8]),
    /// Message Expiry Interval, Topic Alias.
    NotForwarded,
}

/// The value of `$partition` in the properties of a PUBLISH as [`Message`](crate::Message) holds them; `None` when it
/// is not there.
pub fn partition_value(properties: &[u8]) -> Option<&[u8]> {
    let mut rest = properties;
    while let Some((property, after)) = split(rest) {
        match property {
            Property::User(PARTITION, value) => return Some(value),
            _ => rest = after,
        }
    }
    None
}

/// The first property and what follows it.
fn split(properties: &[u8]) -> Option<(Property<'_>, &[u8])> {
    let (kind, rest) = properties.split_first()?;
    Some(match *kind {
        0x26 => {
            let (name, rest) = binary(rest)?;
            let (value, rest) = binary(rest)?;
            (Property::User(name, value), rest)
        }
        0x01 => {
            let (format, rest) = rest.split_first()?;
            (Property::PayloadFormat(*format), rest)
        }
        0x03 => {
            let (content_type, rest) = binary(rest)?;
            (Property::ContentType(content_type), rest)
        }
        0x08 => {
            let (topic, rest) = binary(rest)?;
            (Property::ResponseTopic(topic), rest)
        }
        0x09 => {
            let (data, rest) = binary(rest)?;
            (Property::CorrelationData(data), rest)
        }
        0x02 => (Property::NotForwarded, rest.get(4..)?),
        0x23 => (Property::NotForwarded, rest.get(2..)?),
        // Nothing else stands in a PUBLISH but Subscription Identifiers, which are not forwarded.
        _ => return None,
    })
}

fn binary(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, value: &str) -> Vec<u8> {
        let mut bytes = vec![0x26];
        for text in [name, value] {
            bytes.extend_from_slice(&(text.len() as u16).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    #[test]
    fn the_value_is_found_among_other_properties() {
        let all = [&[1, 1, 3, 0, 1, b't'][..], &user("a", "b"), &[9, 0, 2, 7, 7], &user("$partition", "k")].concat();
        assert_eq!(partition_value(&all), Some(&b"k"[..]));
        assert_eq!(partition_value(&user("$partitions", "k")), None);
        assert_eq!(partition_value(&all[..all.len() - 1]), None);
        assert_eq!(partition_value(&[]), None);
    }
    #[test]
    fn properties_are_read_up_to_the_first_that_is_broken() {
        let all =
            [&[1, 1, 3, 0, 1, b't', 8, 0, 1, b'r'][..], &user("a", "b"), &[9, 0, 2, 7, 7], &user("a", "c")].concat();
        let pair = |value: &str| ("a".to_owned(), value.to_owned());
        let expected = MessageProperties {
            payload_format: Some(1),
            content_type: Some("t".into()),
            response_topic: Some("r".into()),
            correlation_data: Some(vec![7, 7]),
            user: vec![pair("b"), pair("c")],
        };
        assert_eq!(MessageProperties::parse(&all), expected);
        let cut = MessageProperties { user: vec![pair("b")], ..expected };
        assert_eq!(MessageProperties::parse(&all[..all.len() - 1]), cut);
    }
}
