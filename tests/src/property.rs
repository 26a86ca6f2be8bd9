//! Properties of MQTT 5 packets, in the order they stand on the wire.

use crate::wire::{Reader, put_bin, put_str, put_u16, put_u32, put_var};

/// Property identifiers by the specification's names.
pub mod id {
    pub const PAYLOAD_FORMAT: u8 = 0x01;
    pub const MESSAGE_EXPIRY: u8 = 0x02;
    pub const CONTENT_TYPE: u8 = 0x03;
    pub const RESPONSE_TOPIC: u8 = 0x08;
    pub const CORRELATION_DATA: u8 = 0x09;
    pub const SUBSCRIPTION_ID: u8 = 0x0b;
    pub const SESSION_EXPIRY: u8 = 0x11;
    pub const ASSIGNED_CLIENT_ID: u8 = 0x12;
    pub const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub const AUTH_METHOD: u8 = 0x15;
    pub const AUTH_DATA: u8 = 0x16;
    pub const REQUEST_PROBLEM: u8 = 0x17;
    pub const WILL_DELAY: u8 = 0x18;
    pub const REQUEST_RESPONSE: u8 = 0x19;
    pub const RESPONSE_INFO: u8 = 0x1a;
    pub const SERVER_REFERENCE: u8 = 0x1c;
    pub const REASON_STRING: u8 = 0x1f;
    pub const RECEIVE_MAXIMUM: u8 = 0x21;
    pub const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub const TOPIC_ALIAS: u8 = 0x23;
    pub const MAXIMUM_QOS: u8 = 0x24;
    pub const RETAIN_AVAILABLE: u8 = 0x25;
    pub const USER_PROPERTY: u8 = 0x26;
    pub const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub const WILDCARD_AVAILABLE: u8 = 0x28;
    pub const SUBSCRIPTION_ID_AVAILABLE: u8 = 0x29;
    pub const SHARED_AVAILABLE: u8 = 0x2a;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Byte(u8),
    U16(u16),
    U32(u32),
    Var(u32),
    Str(String),
    Bin(Vec<u8>),
    Pair(String, String),
}

/// A list of properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Props(pub Vec<(u8, Value)>);

impl Props {
    pub fn new() -> Self {
        Props::default()
    }

    pub fn byte(self, id: u8, value: u8) -> Self {
        self.with(id, Value::Byte(value))
    }

    pub fn u16(self, id: u8, value: u16) -> Self {
        self.with(id, Value::U16(value))
    }

    pub fn u32(self, id: u8, value: u32) -> Self {
        self.with(id, Value::U32(value))
    }

    pub fn var(self, id: u8, value: u32) -> Self {
        self.with(id, Value::Var(value))
    }

    pub fn str(self, id: u8, value: &str) -> Self {
        self.with(id, Value::Str(value.into()))
    }

    pub fn bin(self, id: u8, value: &[u8]) -> Self {
        self.with(id, Value::Bin(value.into()))
    }

    pub fn user(self, name: &str, value: &str) -> Self {
        self.with(id::USER_PROPERTY, Value::Pair(name.into(), value.into()))
    }

    fn with(mut self, id: u8, value: Value) -> Self {
        self.0.push((id, value));
        self
    }

    /// The first property of that identifier.
    pub fn find(&self, id: u8) -> Option<&Value> {
        self.0.iter().find(|(i, _)| *i == id).map(|(_, v)| v)
    }

    pub fn has(&self, id: u8) -> bool {
        self.find(id).is_some()
    }

    /// The number a byte, two-byte, four-byte or variable property holds.
    pub fn number(&self, id: u8) -> Option<u32> {
        self.find(id).map(|value| match value {
            Value::Byte(n) => u32::from(*n),
            Value::U16(n) => u32::from(*n),
            Value::U32(n) | Value::Var(n) => *n,
            other => panic!("property {id:#04x} is no number: {other:?}"),
        })
    }

    pub fn text(&self, id: u8) -> Option<&str> {
        self.find(id).map(|value| match value {
            Value::Str(text) => text.as_str(),
            other => panic!("property {id:#04x} is no string: {other:?}"),
        })
    }

    pub fn bytes(&self, id: u8) -> Option<&[u8]> {
        self.find(id).map(|value| match value {
            Value::Bin(bytes) => bytes.as_slice(),
            other => panic!("property {id:#04x} is not binary: {other:?}"),
        })
    }

    /// User properties in their order.
    pub fn users(&self) -> Vec<(&str, &str)> {
        let pairs = self.0.iter().filter_map(|(_, v)| match v {
            Value::Pair(name, value) => Some((name.as_str(), value.as_str())),
            _ => None,
        });
        pairs.collect()
    }

    /// Subscription identifiers, sorted.
    pub fn subscription_ids(&self) -> Vec<u32> {
        let ids = self.0.iter().filter_map(|(i, v)| match v {
            Value::Var(n) if *i == id::SUBSCRIPTION_ID => Some(*n),
            _ => None,
        });
        let mut ids: Vec<u32> = ids.collect();
        ids.sort_unstable();
        ids
    }

    /// Appends the length and the properties.
    pub fn put(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        for (id, value) in &self.0 {
            body.push(*id);
            match value {
                Value::Byte(n) => body.push(*n),
                Value::U16(n) => put_u16(&mut body, *n),
                Value::U32(n) => put_u32(&mut body, *n),
                Value::Var(n) => put_var(&mut body, *n),
                Value::Str(text) => put_str(&mut body, text),
                Value::Bin(bytes) => put_bin(&mut body, bytes),
                Value::Pair(name, value) => {
                    put_str(&mut body, name);
                    put_str(&mut body, value);
                }
            }
        }
        put_var(out, body.len() as u32);
        out.extend_from_slice(&body);
    }

    /// Reads length and properties; panics at one that this packet may not carry, or that stands twice.
    pub fn read(reader: &mut Reader, allowed: &[u8], packet: &str) -> Props {
        let length = reader.var() as usize;
        let mut body = Reader::new(reader.take(length));
        let mut props = Props::new();
        while !body.is_empty() {
            let id = body.u8();
            assert!(allowed.contains(&id), "{packet} carries property {id:#04x}");
            let repeats = id == id::USER_PROPERTY || (id == id::SUBSCRIPTION_ID && packet == "PUBLISH");
            assert!(repeats || !props.has(id), "{packet} carries property {id:#04x} twice");
            props.0.push((id, read_value(&mut body, id)));
        }
        props
    }
}

fn read_value(body: &mut Reader, id: u8) -> Value {
    match id {
        id::PAYLOAD_FORMAT | id::REQUEST_PROBLEM | id::REQUEST_RESPONSE => Value::Byte(flag(body)),
        id::MAXIMUM_QOS | id::RETAIN_AVAILABLE | id::WILDCARD_AVAILABLE => Value::Byte(flag(body)),
        id::SUBSCRIPTION_ID_AVAILABLE | id::SHARED_AVAILABLE => Value::Byte(flag(body)),
        id::MESSAGE_EXPIRY | id::SESSION_EXPIRY | id::WILL_DELAY | id::MAXIMUM_PACKET_SIZE => Value::U32(body.u32()),
        id::SERVER_KEEP_ALIVE | id::RECEIVE_MAXIMUM | id::TOPIC_ALIAS_MAXIMUM | id::TOPIC_ALIAS => {
            Value::U16(body.u16())
        }
        id::SUBSCRIPTION_ID => Value::Var(body.var()),
        id::CORRELATION_DATA | id::AUTH_DATA => Value::Bin(body.bin()),
        id::USER_PROPERTY => Value::Pair(body.str(), body.str()),
        _ => Value::Str(body.str()),
    }
}

fn flag(body: &mut Reader) -> u8 {
    let value = body.u8();
    assert!(value <= 1, "a property that is 0 or 1 has the value {value}");
    value
}
