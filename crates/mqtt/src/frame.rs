//! Framing: the fixed header, and how many bytes belong to a packet.

use crate::{
    reader::{Variable, variable},
    version::ProtocolVersion,
    violation::Violation,
};

/// What a packet is (section 2.1.2); the discriminant is its number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    const fn from_first_byte(byte: u8) -> Option<Self> {
        Some(match byte >> 4 {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The flags the fixed header must carry; `None` for PUBLISH, whose flags have a meaning each.
    const fn required_flags(self) -> Option<u8> {
        match self {
            Self::Publish => None,
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => Some(0b0010),
            _ => Some(0),
        }
    }
}

/// DUP, which 3.1 sets when it repeats a PUBREL, SUBSCRIBE or UNSUBSCRIBE.
const V3_1_DUP: u8 = 0b1000;

/// One whole packet without its fixed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: PacketType,
    /// The lower four bits of the first byte.
    pub flags: u8,
    pub body: &'a [u8],
}

impl Frame<'_> {
    /// Reserved flags are as prescribed (MQTT-2.1.3-1); 3.1 may add DUP where it repeats a packet.
    pub(crate) fn check_flags(&self, version: ProtocolVersion) -> Result<(), Violation> {
        match self.kind.required_flags() {
            Some(required) if self.flags != required => {
                let repeated = version == ProtocolVersion::V3_1 && required != 0 && self.flags == required | V3_1_DUP;
                if repeated { Ok(()) } else { Err(Violation::FixedHeaderFlags) }
            }
            _ => Ok(()),
        }
    }
}

/// What the front of a read buffer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split<'a> {
    /// A packet of `len` bytes, fixed header included.
    Whole { frame: Frame<'a>, len: usize },
    /// The packet needs `need` bytes in total as far as is known; always more than the buffer holds.
    Partial { need: usize },
}

/// Takes the first packet from the front of `buf`. `max_packet_size` counts the fixed header too.
///
/// # Errors
/// Packet type 0, reserved flags (those only a version tells apart wait for `decode`), an over-long remaining length,
/// and `PacketTooLarge` as soon as the length is known, before the body is there.
#[inline]
pub fn split(buf: &[u8], max_packet_size: u32) -> Result<Split<'_>, Violation> {
    let Some((&first, after_first)) = buf.split_first() else {
        return Ok(Split::Partial { need: 2 });
    };
    let kind = PacketType::from_first_byte(first).ok_or(Violation::PacketType)?;
    let flags = first & 0x0f;
    if kind != PacketType::Publish {
        // Not even 3.1 allows what is refused here.
        let frame = Frame { kind, flags, body: &[] };
        frame.check_flags(ProtocolVersion::V3_1)?;
    }
    let (remaining, header_len) = match variable(after_first) {
        Variable::Value { value, len } => (value, 1 + len),
        Variable::Incomplete => return Ok(Split::Partial { need: buf.len() + 1 }),
        Variable::OverLong => return Err(Violation::RemainingLength),
    };
    let len = header_len + remaining as usize;
    if len > max_packet_size as usize {
        return Err(Violation::PacketTooLarge);
    }
    match buf.get(header_len..len) {
        Some(body) => Ok(Split::Whole { frame: Frame { kind, flags, body }, len }),
        None => Ok(Split::Partial { need: len }),
    }
}
