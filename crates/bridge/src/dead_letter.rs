//! Messages that a destination will never take, as they are kept for somebody to look at.

use std::sync::Arc;

use bytes::Bytes;
use mqtt::client::{Message, MessageProperties, Received};
use mqtt::{QoS, ReasonCode};

use crate::hop;

/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 1000;

/// How much of the message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Payload and properties.
    Whole,
    /// Neither: it was too large, or otherwise not fit, for the dead letter topic too.
    Bare,
}

/// Where a message came from and why it went no further.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Story<'a> {
    pub dataflow: &'a str,
    /// The names of the endpoints.
    pub source: &'a str,
    pub destination: &'a str,
    pub reason: &'a str,
    /// What the server said, if it did.
    pub code: Option<ReasonCode>,
    /// What the dataflow adds to the trail of the message; `None` where none is kept.
    pub hop: Option<&'a str>,
}

/// The message to publish. It does not expire: it is a record.
pub(crate) fn letter(topic: &Arc<str>, received: &Received, story: Story<'_>, extent: Extent) -> Message {
    let whole = MessageProperties::decode(&received.properties);
    let (payload, mut properties) = match extent {
        Extent::Whole => (received.payload.clone(), whole),
        Extent::Bare => {
            // Where it has been is needed still: a letter must not go in circles.
            let user = whole.user.into_iter().filter(|(name, _)| name == hop::HOP).collect();
            (Bytes::new(), MessageProperties { user, ..MessageProperties::default() })
        }
    };
    let told = [
        ("causeway-reason", clip(story.reason)),
        ("causeway-dataflow", story.dataflow),
        ("causeway-source", story.source),
        ("causeway-destination", story.destination),
        ("causeway-topic", &received.topic),
    ];
    properties.user.extend(told.map(|(name, value)| (name.to_owned(), value.to_owned())));
    if let Some(code) = story.code {
        properties.user.push(("causeway-reason-code".to_owned(), format!("0x{:02X}", code as u8)));
    }
    if extent == Extent::Bare {
        properties.user.push(("causeway-payload-bytes".to_owned(), received.payload.len().to_string()));
    }
    // Names, topics and what was decoded from a list can be written as one.
    let properties = properties.encode().unwrap_or_default();
    let properties = story.hop.map_or_else(|| properties.clone(), |own| hop::stamp(&properties, own));
    Message { qos: QoS::AtLeastOnce, properties, ..Message::new(topic.clone(), payload) }
}

fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(REASON_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received() -> Received {
        let user = vec![("a".to_owned(), "1".to_owned()), ("causeway-hop".to_owned(), "there/x".to_owned())];
        let properties =
            MessageProperties { content_type: Some("text/plain".into()), user, ..MessageProperties::default() };
        Received {
            topic: "in/x".into(),
            payload: Bytes::from_static(b"body"),
            qos: QoS::AtLeastOnce,
            retain: true,
            dup: false,
            expiry: Some(77),
            alias: None,
            subscription_ids: Vec::new(),
            properties: properties.encode().unwrap(),
            packet_id: Some(1),
            receipt: None,
        }
    }

    #[test]
    fn a_letter_keeps_the_message_and_says_why() {
        let reason = "é".repeat(2000);
        let story = Story {
            dataflow: "flow",
            source: "from",
            destination: "to",
            reason: &reason,
            code: Some(ReasonCode::PacketTooLarge),
            hop: Some("here/flow"),
        };
        let whole = letter(&"dead".into(), &received(), story, Extent::Whole);
        let properties = MessageProperties::decode(&whole.properties);
        assert_eq!(
            (&*whole.topic, &whole.payload[..], whole.retain, whole.expiry),
            ("dead", &b"body"[..], false, None)
        );
        assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
        let user = |name: &str| properties.user.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(user("a"), Some("1"));
        assert_eq!(user("causeway-reason").map(str::len), Some(1000));
        assert_eq!(user("causeway-topic"), Some("in/x"));
        assert_eq!(user("causeway-reason-code"), Some("0x95"));
        assert_eq!(user("causeway-hop"), Some("there/x,here/flow"));

        let bare = letter(&"dead".into(), &received(), story, Extent::Bare);
        let user = MessageProperties::decode(&bare.properties).user;
        assert!(user.contains(&("causeway-hop".into(), "there/x,here/flow".into())));
        assert!(bare.payload.is_empty() && user.contains(&("causeway-payload-bytes".into(), "4".into())));
    }
}
