//! What each packet decodes to and how it is written, in every version; refusals are in `data/verdicts.txt`.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod acks;
mod connack;
mod connect;
mod framing;
mod last_words;
mod publish;
mod subscribe;
mod topics;

use bytes::BytesMut;
use mqtt::{Packet, PacketId, Peer, ProtocolVersion, Split, Violation, decode, split};

const ALL_VERSIONS: [ProtocolVersion; 3] = [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5];

/// Decodes the one packet that `bytes` are.
fn one(bytes: &[u8], version: ProtocolVersion, from: Peer) -> Result<Packet<'_>, Violation> {
    match split(bytes, u32::MAX)? {
        Split::Whole { frame, len } => {
            assert_eq!(len, bytes.len());
            decode(frame, version, from)
        }
        Split::Partial { need } => panic!("{need} bytes needed, {} there", bytes.len()),
    }
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

/// The bytes `write` appends to a buffer that is not empty.
fn written(write: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut out = BytesMut::from(&b"before"[..]);
    write(&mut out);
    assert!(out.starts_with(b"before"));
    out[6..].to_vec()
}
