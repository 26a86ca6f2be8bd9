//! Packets a client sends, as a server reads them: what the specification forbids a client to write panics here.

use crate::property::{Props, id};
use crate::wire::Reader;
use crate::{Ack, AckKind, Connect, Filter, Publish, Subscribe, Version, Will};

/// One packet of a client.
#[derive(Clone, Debug)]
pub enum FromClient {
    Connect(Connect),
    Publish(Publish),
    Ack(Ack),
    Subscribe { packet_id: u16, asked: Subscribe },
    Unsubscribe { packet_id: u16, filters: Vec<String>, props: Props },
    PingReq,
    Disconnect { reason: u8, props: Props },
    Auth { reason: u8, props: Props },
}

const CONNECT: &[u8] = &[
    id::SESSION_EXPIRY,
    id::AUTH_METHOD,
    id::AUTH_DATA,
    id::REQUEST_PROBLEM,
    id::REQUEST_RESPONSE,
    id::RECEIVE_MAXIMUM,
    id::TOPIC_ALIAS_MAXIMUM,
    id::USER_PROPERTY,
    id::MAXIMUM_PACKET_SIZE,
];
const WILL: &[u8] = &[
    id::WILL_DELAY,
    id::PAYLOAD_FORMAT,
    id::MESSAGE_EXPIRY,
    id::CONTENT_TYPE,
    id::RESPONSE_TOPIC,
    id::CORRELATION_DATA,
    id::USER_PROPERTY,
];
const SUBSCRIBE: &[u8] = &[id::SUBSCRIPTION_ID, id::USER_PROPERTY];
const ACK: &[u8] = &[id::REASON_STRING, id::USER_PROPERTY];
const DISCONNECT: &[u8] = &[id::SESSION_EXPIRY, id::REASON_STRING, id::USER_PROPERTY];
const AUTH: &[u8] = &[id::AUTH_METHOD, id::AUTH_DATA, id::REASON_STRING, id::USER_PROPERTY];

impl FromClient {
    /// Reads one packet; `version` is what its CONNECT said, and nothing to a CONNECT.
    pub fn read(first: u8, body: &[u8], version: Version) -> FromClient {
        let (kind, flags) = (first >> 4, first & 0x0f);
        let required = if [6, 8, 10].contains(&kind) { 2 } else { 0 };
        assert!(kind == 3 || flags == required, "[MQTT-2.1.3-1] first byte {first:#04x}");
        let mut reader = Reader::new(body);
        let packet = match kind {
            1 => FromClient::Connect(connect(&mut reader)),
            3 => return FromClient::Publish(Publish::read(flags, body, version)),
            4 => ack(&mut reader, AckKind::PubAck, version),
            5 => ack(&mut reader, AckKind::PubRec, version),
            6 => ack(&mut reader, AckKind::PubRel, version),
            7 => ack(&mut reader, AckKind::PubComp, version),
            8 => subscribe(&mut reader, version),
            10 => unsubscribe(&mut reader, version),
            12 => FromClient::PingReq,
            14 => {
                let (reason, props) = reason(&mut reader, DISCONNECT, version);
                FromClient::Disconnect { reason, props }
            }
            15 if version.is_v5() => {
                let (reason, props) = reason(&mut reader, AUTH, version);
                FromClient::Auth { reason, props }
            }
            _ => panic!("a client may not send first byte {first:#04x} in {version:?}"),
        };
        assert!(reader.is_empty(), "bytes behind the end of {packet:?}: {:02x?}", reader.rest());
        packet
    }

    /// The properties that belong to the packet itself; `None` of those that are only about a message.
    pub fn props(&self) -> Option<&Props> {
        match self {
            FromClient::Connect(connect) => Some(&connect.props),
            FromClient::Ack(ack) => Some(&ack.props),
            FromClient::Subscribe { asked, .. } => Some(&asked.props),
            FromClient::Unsubscribe { props, .. }
            | FromClient::Disconnect { props, .. }
            | FromClient::Auth { props, .. } => Some(props),
            FromClient::Publish(_) | FromClient::PingReq => None,
        }
    }
}

fn connect(reader: &mut Reader) -> Connect {
    let name = reader.str();
    let version = match (name.as_str(), reader.u8()) {
        ("MQIsdp", 3) => Version::V31,
        ("MQTT", 4) => Version::V311,
        ("MQTT", 5) => Version::V5,
        (name, level) => panic!("[MQTT-3.1.2-1] protocol {name} {level}"),
    };
    let flags = reader.u8();
    assert_eq!(flags & 1, 0, "[MQTT-3.1.2-3] the reserved flag of CONNECT");
    let keep_alive = reader.u16();
    let read = |reader: &mut Reader, allowed: &[u8], of: &str| {
        if version.is_v5() { Props::read(reader, allowed, of) } else { Props::new() }
    };
    let props = read(reader, CONNECT, "CONNECT");
    let client_id = reader.str();
    let will = (flags & 0x04 != 0).then(|| {
        let props = read(reader, WILL, "a will");
        let message = Publish::new(&reader.str(), reader.bin()).qos(flags >> 3 & 3).props(props);
        Will { message: Publish { retain: flags & 0x20 != 0, ..message } }
    });
    let user = (flags & 0x80 != 0).then(|| reader.str());
    let password = (flags & 0x40 != 0).then(|| reader.bin());
    Connect { version, client_id, clean: flags & 2 != 0, keep_alive, props, will, user, password }
}

fn ack(reader: &mut Reader, kind: AckKind, version: Version) -> FromClient {
    let packet_id = reader.u16();
    let (reason, props) = reason(reader, ACK, version);
    FromClient::Ack(Ack { kind, packet_id, reason, props })
}

/// An optional reason code and optional properties.
fn reason(reader: &mut Reader, allowed: &[u8], version: Version) -> (u8, Props) {
    if reader.is_empty() || !version.is_v5() {
        return (0, Props::new());
    }
    let reason = reader.u8();
    let props = if reader.is_empty() { Props::new() } else { Props::read(reader, allowed, "a packet with a reason") };
    (reason, props)
}

fn subscribe(reader: &mut Reader, version: Version) -> FromClient {
    let packet_id = reader.u16();
    assert!(packet_id > 0, "[MQTT-2.2.1-3] SUBSCRIBE with packet identifier 0");
    let props = if version.is_v5() { Props::read(reader, SUBSCRIBE, "SUBSCRIBE") } else { Props::new() };
    let mut filters = Vec::new();
    while !reader.is_empty() {
        let filter = reader.str();
        filters.push(Filter { filter, options: reader.u8() });
    }
    assert!(!filters.is_empty(), "[MQTT-3.8.3-2] SUBSCRIBE without a filter");
    FromClient::Subscribe { packet_id, asked: Subscribe { filters, props } }
}

fn unsubscribe(reader: &mut Reader, version: Version) -> FromClient {
    let packet_id = reader.u16();
    let props = if version.is_v5() { Props::read(reader, &[id::USER_PROPERTY], "UNSUBSCRIBE") } else { Props::new() };
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(reader.str());
    }
    assert!(!filters.is_empty(), "[MQTT-3.10.3-2] UNSUBSCRIBE without a filter");
    FromClient::Unsubscribe { packet_id, filters, props }
}
