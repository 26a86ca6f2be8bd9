//! Any packet of either version, and decoding a frame into one.

use crate::{
    ack::{self, Ack, AckKind},
    auth::{self, Auth},
    connack::{self, ConnAck},
    connect::{self, Connect},
    disconnect::{self, Disconnect},
    frame::{Frame, PacketType},
    publish::{self, Publish},
    reader::Reader,
    suback::{self, SubAck},
    subscribe::{self, Subscribe},
    unsuback::{self, UnsubAck},
    unsubscribe::{self, Unsubscribe},
    version::ProtocolVersion,
    violation::Violation,
};

/// Who sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Client,
    Server,
}

/// A decoded packet. A closed set: matches name every variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    Connect(Box<Connect>),
    ConnAck(Box<ConnAck>),
    Publish(Publish<'a>),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    Subscribe(Subscribe),
    SubAck(SubAck),
    Unsubscribe(Unsubscribe),
    UnsubAck(UnsubAck),
    PingReq,
    PingResp,
    Disconnect(Disconnect),
    Auth(Auth),
}

/// Decodes a frame sent by `from`. CONNECT names its own version; `version` is not looked at for it.
///
/// # Errors
/// The first breach found; its reason code is `Violation::reason`.
#[inline]
pub fn decode<'a>(frame: Frame<'a>, version: ProtocolVersion, from: Peer) -> Result<Packet<'a>, Violation> {
    match frame.kind {
        PacketType::Publish => publish::decode(frame, version, from),
        PacketType::PubAck => ack::decode(frame, version, from, AckKind::PubAck).map(Packet::PubAck),
        PacketType::PubRec => ack::decode(frame, version, from, AckKind::PubRec).map(Packet::PubRec),
        PacketType::PubRel => ack::decode(frame, version, from, AckKind::PubRel).map(Packet::PubRel),
        PacketType::PubComp => ack::decode(frame, version, from, AckKind::PubComp).map(Packet::PubComp),
        kind => {
            frame.check_flags(version)?;
            check_direction(kind, version, from)?;
            decode_control(frame, version, from)
        }
    }
}

/// What is not traffic; kept out of the way of what is.
#[inline(never)]
fn decode_control<'a>(frame: Frame<'a>, version: ProtocolVersion, from: Peer) -> Result<Packet<'a>, Violation> {
    let body = frame.body;
    Ok(match frame.kind {
        PacketType::Connect => Packet::Connect(Box::new(connect::decode(body)?)),
        PacketType::ConnAck => Packet::ConnAck(Box::new(connack::decode(body, version)?)),
        PacketType::Subscribe => Packet::Subscribe(subscribe::decode(body, version)?),
        PacketType::SubAck => Packet::SubAck(suback::decode(body, version)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(unsubscribe::decode(body, version)?),
        PacketType::UnsubAck => Packet::UnsubAck(unsuback::decode(body, version)?),
        PacketType::PingReq => Reader::new(body).finish().map(|()| Packet::PingReq)?,
        PacketType::PingResp => Reader::new(body).finish().map(|()| Packet::PingResp)?,
        PacketType::Disconnect => Packet::Disconnect(disconnect::decode(body, version, from)?),
        PacketType::Auth => Packet::Auth(auth::decode(body, from)?),
        PacketType::Publish | PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
            return decode(frame, version, from);
        }
    })
}

/// Each packet flows in the directions of section 2.1.2; AUTH exists from version 5 on, and only then may a server
/// send DISCONNECT.
fn check_direction(kind: PacketType, version: ProtocolVersion, from: Peer) -> Result<(), Violation> {
    let allowed = match kind {
        PacketType::Auth if !version.is_v5() => return Err(Violation::PacketType),
        PacketType::Connect | PacketType::Subscribe | PacketType::Unsubscribe | PacketType::PingReq => {
            from == Peer::Client
        }
        PacketType::ConnAck | PacketType::SubAck | PacketType::UnsubAck | PacketType::PingResp => from == Peer::Server,
        PacketType::Disconnect => from == Peer::Client || version.is_v5(),
        PacketType::Publish
        | PacketType::PubAck
        | PacketType::PubRec
        | PacketType::PubRel
        | PacketType::PubComp
        | PacketType::Auth => true,
    };
    if allowed { Ok(()) } else { Err(Violation::Direction) }
}
