//! The properties of MQTT 5: their identifiers, types, ranges, and the packets they belong to (section 2.2.2.2).

use crate::{reader::Reader, text, violation::Violation};

pub(crate) const PAYLOAD_FORMAT_INDICATOR: u8 = 1;
pub(crate) const MESSAGE_EXPIRY_INTERVAL: u8 = 2;
pub(crate) const CONTENT_TYPE: u8 = 3;
pub(crate) const RESPONSE_TOPIC: u8 = 8;
pub(crate) const CORRELATION_DATA: u8 = 9;
pub(crate) const SUBSCRIPTION_IDENTIFIER: u8 = 11;
pub(crate) const SESSION_EXPIRY_INTERVAL: u8 = 17;
pub(crate) const ASSIGNED_CLIENT_IDENTIFIER: u8 = 18;
pub(crate) const SERVER_KEEP_ALIVE: u8 = 19;
pub(crate) const AUTHENTICATION_METHOD: u8 = 21;
pub(crate) const AUTHENTICATION_DATA: u8 = 22;
pub(crate) const REQUEST_PROBLEM_INFORMATION: u8 = 23;
pub(crate) const WILL_DELAY_INTERVAL: u8 = 24;
pub(crate) const REQUEST_RESPONSE_INFORMATION: u8 = 25;
pub(crate) const RESPONSE_INFORMATION: u8 = 26;
pub(crate) const SERVER_REFERENCE: u8 = 28;
pub(crate) const REASON_STRING: u8 = 31;
pub(crate) const RECEIVE_MAXIMUM: u8 = 33;
pub(crate) const TOPIC_ALIAS_MAXIMUM: u8 = 34;
pub(crate) const TOPIC_ALIAS: u8 = 35;
pub(crate) const MAXIMUM_QOS: u8 = 36;
pub(crate) const RETAIN_AVAILABLE: u8 = 37;
pub(crate) const USER_PROPERTY: u8 = 38;
pub(crate) const MAXIMUM_PACKET_SIZE: u8 = 39;
pub(crate) const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 40;
pub(crate) const SUBSCRIPTION_IDENTIFIER_AVAILABLE: u8 = 41;
pub(crate) const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 42;

/// Which properties a packet may carry.
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    once: u64,
    repeated: u64,
}

impl Allowed {
    /// Each of `once` at most once; user properties as often as one likes.
    const fn new(once: &[u8]) -> Self {
        Self { once: bits(once), repeated: bits(&[USER_PROPERTY]) }
    }
}

const fn bits(ids: &[u8]) -> u64 {
    let mut bits = 0;
    let mut at = 0;
    while at < ids.len() {
        bits |= 1 << ids[at];
        at += 1;
    }
    bits
}

pub(crate) const CONNECT: Allowed = Allowed::new(&[
    SESSION_EXPIRY_INTERVAL,
    RECEIVE_MAXIMUM,
    MAXIMUM_PACKET_SIZE,
    TOPIC_ALIAS_MAXIMUM,
    REQUEST_RESPONSE_INFORMATION,
    REQUEST_PROBLEM_INFORMATION,
    AUTHENTICATION_METHOD,
    AUTHENTICATION_DATA,
]);
pub(crate) const WILL: Allowed = Allowed::new(&[
    WILL_DELAY_INTERVAL,
    PAYLOAD_FORMAT_INDICATOR,
    MESSAGE_EXPIRY_INTERVAL,
    CONTENT_TYPE,
    RESPONSE_TOPIC,
    CORRELATION_DATA,
]);
pub(crate) const CONNACK: Allowed = Allowed::new(&[
    SESSION_EXPIRY_INTERVAL,
    RECEIVE_MAXIMUM,
    MAXIMUM_QOS,
    RETAIN_AVAILABLE,
    MAXIMUM_PACKET_SIZE,
    ASSIGNED_CLIENT_IDENTIFIER,
    TOPIC_ALIAS_MAXIMUM,
    REASON_STRING,
    WILDCARD_SUBSCRIPTION_AVAILABLE,
    SUBSCRIPTION_IDENTIFIER_AVAILABLE,
    SHARED_SUBSCRIPTION_AVAILABLE,
    SERVER_KEEP_ALIVE,
    RESPONSE_INFORMATION,
    SERVER_REFERENCE,
    AUTHENTICATION_METHOD,
    AUTHENTICATION_DATA,
]);
/// Whether a subscription identifier may stand here depends on the sender (MQTT-3.3.4-6).
pub(crate) const PUBLISH: Allowed = Allowed {
    once: bits(&[
        PAYLOAD_FORMAT_INDICATOR,
        MESSAGE_EXPIRY_INTERVAL,
        CONTENT_TYPE,
        RESPONSE_TOPIC,
        CORRELATION_DATA,
        TOPIC_ALIAS,
    ]),
    repeated: bits(&[USER_PROPERTY, SUBSCRIPTION_IDENTIFIER]),
};
/// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
pub(crate) const ACKNOWLEDGEMENT: Allowed = Allowed::new(&[REASON_STRING]);
pub(crate) const SUBSCRIBE: Allowed = Allowed::new(&[SUBSCRIPTION_IDENTIFIER]);
pub(crate) const UNSUBSCRIBE: Allowed = Allowed::new(&[]);
pub(crate) const CLIENT_DISCONNECT: Allowed = Allowed::new(&[SESSION_EXPIRY_INTERVAL, REASON_STRING]);
/// The session expiry interval is let through here to be refused by its own name (MQTT-3.14.2-2).
pub(crate) const SERVER_DISCONNECT: Allowed = Allowed::new(&[SESSION_EXPIRY_INTERVAL, REASON_STRING, SERVER_REFERENCE]);
pub(crate) const AUTH: Allowed = Allowed::new(&[AUTHENTICATION_METHOD, AUTHENTICATION_DATA, REASON_STRING]);

/// A value in one of the types of section 2.2.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Byte(u8),
    Two(u16),
    Four(u32),
    Variable(u32),
    Text(&'a str),
    Binary(&'a [u8]),
    Pair(&'a str, &'a str),
}

impl Value<'_> {
    /// A number in the range of its property: flags are 0 or 1, what counts or names something is not zero.
    fn check_range(self, id: u8) -> Result<(), Violation> {
        let in_range = match (id, self) {
            (TOPIC_ALIAS, Value::Two(0)) => return Err(Violation::TopicAlias),
            (RECEIVE_MAXIMUM, Value::Two(value)) => value != 0,
            (MAXIMUM_PACKET_SIZE, Value::Four(value)) => value != 0,
            (SUBSCRIPTION_IDENTIFIER, Value::Variable(value)) => value != 0,
            (_, Value::Byte(value)) => value <= 1,
            _ => true,
        };
        if in_range { Ok(()) } else { Err(Violation::PropertyValue) }
    }
}

/// Walks a property list and checks what it passes: known, allowed, not twice, well-formed, in range.
pub(crate) struct Walk<'a> {
    reader: Reader<'a>,
    allowed: Allowed,
    seen: u64,
}

impl<'a> Walk<'a> {
    /// `list` without its length.
    pub(crate) fn new(list: &'a [u8], allowed: Allowed) -> Self {
        Self { reader: Reader::new(list), allowed, seen: 0 }
    }

    /// Bytes not yet walked.
    pub(crate) fn remaining(&self) -> usize {
        self.reader.len()
    }

    /// The next property, or `None` at the end.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<(u8, Value<'a>)>, Violation> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let id = self.reader.byte()?;
        let bit = 1u64.checked_shl(u32::from(id)).unwrap_or(0);
        if (self.allowed.once | self.allowed.repeated) & bit == 0 {
            return Err(if is_known(id) { Violation::PropertyNotAllowed } else { Violation::UnknownProperty });
        }
        if self.seen & self.allowed.once & bit != 0 {
            return Err(Violation::DuplicateProperty);
        }
        self.seen |= bit;
        let value = read_value(id, &mut self.reader)?;
        value.check_range(id)?;
        Ok(Some((id, value)))
    }

    /// Walks to the end.
    pub(crate) fn check(mut self) -> Result<(), Violation> {
        while self.next()?.is_some() {}
        Ok(())
    }
}

const fn is_known(id: u8) -> bool {
    matches!(id, 1..=3 | 8 | 9 | 11 | 17..=19 | 21..=26 | 28 | 31 | 33..=42)
}

#[inline]
fn read_value<'a>(id: u8, reader: &mut Reader<'a>) -> Result<Value<'a>, Violation> {
    Ok(match id {
        USER_PROPERTY => Value::Pair(reader.string()?, reader.string()?),
        MESSAGE_EXPIRY_INTERVAL | SESSION_EXPIRY_INTERVAL | WILL_DELAY_INTERVAL | MAXIMUM_PACKET_SIZE => {
            Value::Four(reader.four()?)
        }
        SERVER_KEEP_ALIVE | RECEIVE_MAXIMUM | TOPIC_ALIAS_MAXIMUM | TOPIC_ALIAS => Value::Two(reader.two()?),
        SUBSCRIPTION_IDENTIFIER => Value::Variable(reader.variable()?),
        CORRELATION_DATA | AUTHENTICATION_DATA => Value::Binary(reader.binary()?),
        RESPONSE_TOPIC => Value::Text(response_topic(reader.binary()?)?),
        CONTENT_TYPE
        | ASSIGNED_CLIENT_IDENTIFIER
        | AUTHENTICATION_METHOD
        | RESPONSE_INFORMATION
        | SERVER_REFERENCE
        | REASON_STRING => Value::Text(reader.string()?),
        _ => Value::Byte(reader.byte()?),
    })
}

/// A response topic is a topic name (MQTT-3.3.2-13, MQTT-3.3.2-14).
fn response_topic(bytes: &[u8]) -> Result<&str, Violation> {
    match text::topic_name(bytes) {
        Ok("") | Err(Violation::TopicWildcard | Violation::TopicLevels) => Err(Violation::ResponseTopic),
        checked => checked,
    }
}
