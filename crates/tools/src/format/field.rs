//! The fields of a message, by their letters.

use std::io::{self, Write};

use super::json::{self, PayloadAs};
use super::{Sample, nanoseconds, strftime};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Alias,
    ContentType,
    CorrelationData,
    Expiry,
    PayloadFormat,
    Time,
    Json,
    JsonOfJson,
    Length,
    PacketId,
    UserProperties,
    Payload,
    QoS,
    ResponseTopic,
    Retain,
    SubscriptionIds,
    Topic,
    UnixTime,
    LowerHex,
    UpperHex,
}

const LETTERS: [(char, Field); 20] = [
    ('A', Field::Alias),
    ('C', Field::ContentType),
    ('D', Field::CorrelationData),
    ('E', Field::Expiry),
    ('F', Field::PayloadFormat),
    ('I', Field::Time),
    ('j', Field::Json),
    ('J', Field::JsonOfJson),
    ('l', Field::Length),
    ('m', Field::PacketId),
    ('P', Field::UserProperties),
    ('p', Field::Payload),
    ('q', Field::QoS),
    ('R', Field::ResponseTopic),
    ('r', Field::Retain),
    ('S', Field::SubscriptionIds),
    ('t', Field::Topic),
    ('U', Field::UnixTime),
    ('x', Field::LowerHex),
    ('X', Field::UpperHex),
];

/// All letters, for a sentence.
pub(super) fn letters() -> String {
    LETTERS.iter().map(|(letter, _)| format!("%{letter}")).collect::<Vec<_>>().join(" ")
}

impl Field {
    pub fn of(letter: char) -> Option<Self> {
        LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, field)| *field)
    }

    /// A property that is not there prints nothing.
    pub fn print(self, out: &mut impl Write, sample: &Sample<'_>) -> io::Result<()> {
        let Sample { received, properties, time } = sample;
        match self {
            Self::Alias => number(out, received.alias.map(|alias| u32::from(alias.get()))),
            Self::ContentType => text(out, properties.content_type.as_deref()),
            Self::CorrelationData => out.write_all(properties.correlation_data.as_deref().unwrap_or_default()),
            Self::Expiry => number(out, received.expiry),
            Self::PayloadFormat => number(out, properties.payload_format.map(|format| format as u32)),
            Self::Time => text(out, Some(&strftime(*time, "%Y-%m-%dT%H:%M:%S%z"))),
            Self::Json => json::print(out, sample, PayloadAs::Text),
            Self::JsonOfJson => json::print(out, sample, PayloadAs::Json),
            Self::Length => write!(out, "{}", received.payload.len()),
            Self::PacketId => write!(out, "{}", received.packet_id.unwrap_or(0)),
            Self::UserProperties => {
                let pairs = properties.user.iter().map(|(name, value)| format!("{name}:{value}"));
                text(out, Some(&pairs.collect::<Vec<_>>().join(" ")))
            }
            Self::Payload => out.write_all(&received.payload),
            Self::QoS => write!(out, "{}", received.qos as u8),
            Self::ResponseTopic => text(out, properties.response_topic.as_deref()),
            Self::Retain => write!(out, "{}", u8::from(received.retain)),
            Self::SubscriptionIds => {
                let ids = received.subscription_ids.iter().map(u32::to_string);
                text(out, Some(&ids.collect::<Vec<_>>().join(" ")))
            }
            Self::Topic => text(out, Some(&received.topic)),
            Self::UnixTime => write!(out, "{}.{:09}", time.timestamp(), nanoseconds(*time)),
            Self::LowerHex => received.payload.iter().try_for_each(|byte| write!(out, "{byte:02x}")),
            Self::UpperHex => received.payload.iter().try_for_each(|byte| write!(out, "{byte:02X}")),
        }
    }
}

fn text(out: &mut impl Write, text: Option<&str>) -> io::Result<()> {
    out.write_all(text.unwrap_or_default().as_bytes())
}

fn number(out: &mut impl Write, number: Option<u32>) -> io::Result<()> {
    number.map_or(Ok(()), |number| write!(out, "{number}"))
}
