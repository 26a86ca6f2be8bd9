//! Packets a broker sends, read strictly: what the specification forbids a broker to write panics here.

use crate::property::{Props, id};
use crate::wire::{Reader, frame, put_u16};
use crate::{Publish, Version};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckKind {
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    pub kind: AckKind,
    pub packet_id: u16,
    /// 0 in MQTT 3.1.1.
    pub reason: u8,
    pub props: Props,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnAck {
    pub session_present: bool,
    pub code: u8,
    pub props: Props,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck {
    pub packet_id: u16,
    pub codes: Vec<u8>,
    pub props: Props,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    ConnAck(ConnAck),
    Publish(Publish),
    Ack(Ack),
    SubAck(SubAck),
    UnsubAck(SubAck),
    PingResp,
    Disconnect { reason: u8, props: Props },
    Auth { reason: u8, props: Props },
}

const CONNACK: &[u8] = &[
    id::SESSION_EXPIRY,
    id::RECEIVE_MAXIMUM,
    id::MAXIMUM_QOS,
    id::RETAIN_AVAILABLE,
    id::MAXIMUM_PACKET_SIZE,
    id::ASSIGNED_CLIENT_ID,
    id::TOPIC_ALIAS_MAXIMUM,
    id::REASON_STRING,
    id::USER_PROPERTY,
    id::WILDCARD_AVAILABLE,
    id::SUBSCRIPTION_ID_AVAILABLE,
    id::SHARED_AVAILABLE,
    id::SERVER_KEEP_ALIVE,
    id::RESPONSE_INFO,
    id::SERVER_REFERENCE,
    id::AUTH_METHOD,
    id::AUTH_DATA,
];
const ACK: &[u8] = &[id::REASON_STRING, id::USER_PROPERTY];
const DISCONNECT: &[u8] = &[id::REASON_STRING, id::USER_PROPERTY, id::SERVER_REFERENCE];
const AUTH: &[u8] = &[id::AUTH_METHOD, id::AUTH_DATA, id::REASON_STRING, id::USER_PROPERTY];

// What each packet of a server may say (the tables of sections 3.2 to 3.15).
const CONNACK_CODES: &[u8] = &[
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
    0x9c, 0x9d, 0x9f,
];
const PUBACK_CODES: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const PUBREL_CODES: &[u8] = &[0x00, 0x92];
const SUBACK_CODES: &[u8] = &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2];
const SUBACK_CODES_V311: &[u8] = &[0x00, 0x01, 0x02, 0x80];
const UNSUBACK_CODES: &[u8] = &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91];
const DISCONNECT_CODES: &[u8] = &[
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
    0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
];

impl Ack {
    pub fn new(kind: AckKind, packet_id: u16) -> Self {
        Ack { kind, packet_id, reason: 0, props: Props::new() }
    }

    pub fn reason(mut self, reason: u8) -> Self {
        self.reason = reason;
        self
    }

    pub fn encode(&self, version: Version) -> Vec<u8> {
        let mut body = Vec::new();
        put_u16(&mut body, self.packet_id);
        if version.is_v5() && (self.reason != 0 || !self.props.0.is_empty()) {
            body.push(self.reason);
            if !self.props.0.is_empty() {
                self.props.put(&mut body);
            }
        }
        let flags = if self.kind == AckKind::PubRel { 2 } else { 0 };
        frame((self.kind as u8) << 4 | flags, &body)
    }
}

impl Packet {
    /// Reads one packet from a broker.
    pub fn read(first: u8, body: &[u8], version: Version) -> Packet {
        let (kind, flags) = (first >> 4, first & 0x0f);
        let required = if kind == 6 { 2 } else { 0 };
        assert!(kind == 3 || flags == required, "[MQTT-2.1.3-1] first byte {first:#04x}");
        let mut reader = Reader::new(body);
        let packet = match kind {
            2 => Packet::ConnAck(read_connack(&mut reader, version)),
            3 => return Packet::Publish(Publish::read(flags, body, version)),
            4 => read_ack(&mut reader, AckKind::PubAck, PUBACK_CODES, version),
            5 => read_ack(&mut reader, AckKind::PubRec, PUBACK_CODES, version),
            6 => read_ack(&mut reader, AckKind::PubRel, PUBREL_CODES, version),
            7 => read_ack(&mut reader, AckKind::PubComp, PUBREL_CODES, version),
            9 => Packet::SubAck(read_suback(&mut reader, version)),
            11 => Packet::UnsubAck(read_unsuback(&mut reader, version)),
            13 => Packet::PingResp,
            14 if version.is_v5() => read_disconnect(&mut reader),
            15 if version.is_v5() => {
                let (reason, props) = read_reason(&mut reader, AUTH, "AUTH");
                assert!([0x00, 0x18].contains(&reason), "[MQTT-3.15.2-1] AUTH {reason:#04x}");
                Packet::Auth { reason, props }
            }
            _ => panic!("a broker may not send first byte {first:#04x} in {version:?}"),
        };
        assert!(reader.is_empty(), "bytes behind the end of {packet:?}: {:02x?}", reader.rest());
        packet
    }
}

fn read_connack(reader: &mut Reader, version: Version) -> ConnAck {
    let flags = reader.u8();
    assert!(flags <= 1, "[MQTT-3.2.2-1] CONNACK flags {flags:#04x}");
    let code = reader.u8();
    let session_present = flags == 1;
    assert!(code == 0 || !session_present, "[MQTT-3.2.2-6] session present with code {code:#04x}");
    // A refusal of the version itself may come in the layout of MQTT 3.1.1.
    let old = !version.is_v5() || (code != 0 && reader.is_empty());
    if old {
        assert!(code <= 5 || version.is_v5(), "CONNACK return code {code}");
        return ConnAck { session_present, code, props: Props::new() };
    }
    assert!(CONNACK_CODES.contains(&code), "[MQTT-3.2.2-8] CONNACK {code:#04x}");
    ConnAck { session_present, code, props: Props::read(reader, CONNACK, "CONNACK") }
}

fn read_ack(reader: &mut Reader, kind: AckKind, codes: &[u8], version: Version) -> Packet {
    let packet_id = reader.u16();
    let (reason, props) = if version.is_v5() { read_reason(reader, ACK, "acknowledgement") } else { (0, Props::new()) };
    assert!(codes.contains(&reason), "{kind:?} with reason {reason:#04x}");
    Packet::Ack(Ack { kind, packet_id, reason, props })
}

/// An optional reason code and optional properties.
fn read_reason(reader: &mut Reader, allowed: &[u8], packet: &str) -> (u8, Props) {
    if reader.is_empty() {
        return (0, Props::new());
    }
    let reason = reader.u8();
    let props = if reader.is_empty() { Props::new() } else { Props::read(reader, allowed, packet) };
    (reason, props)
}

fn read_disconnect(reader: &mut Reader) -> Packet {
    let (reason, props) = read_reason(reader, DISCONNECT, "DISCONNECT");
    assert!(DISCONNECT_CODES.contains(&reason), "[MQTT-3.14.2-1] DISCONNECT {reason:#04x}");
    Packet::Disconnect { reason, props }
}

fn read_suback(reader: &mut Reader, version: Version) -> SubAck {
    let packet_id = reader.u16();
    let props = if version.is_v5() { Props::read(reader, ACK, "SUBACK") } else { Props::new() };
    let codes = reader.rest().to_vec();
    let known = if version.is_v5() { SUBACK_CODES } else { SUBACK_CODES_V311 };
    assert!(codes.iter().all(|code| known.contains(code)), "[MQTT-3.9.3-2] SUBACK {codes:02x?}");
    SubAck { packet_id, codes, props }
}

fn read_unsuback(reader: &mut Reader, version: Version) -> SubAck {
    let packet_id = reader.u16();
    if !version.is_v5() {
        return SubAck { packet_id, codes: Vec::new(), props: Props::new() };
    }
    let props = Props::read(reader, ACK, "UNSUBACK");
    let codes = reader.rest().to_vec();
    assert!(codes.iter().all(|code| UNSUBACK_CODES.contains(code)), "[MQTT-3.11.3-2] UNSUBACK {codes:02x?}");
    SubAck { packet_id, codes, props }
}
