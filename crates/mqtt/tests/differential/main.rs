//! Our codec against `mqtt-protocol-core`, in both directions: what one writes the other reads as the same packet.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod acks;
mod connect;
mod message;
mod publish;
mod subscribe;

use bytes::BytesMut;
use mqtt::{Frame, Packet, Peer, ProtocolVersion, QoS, Split, decode, split};
use mqtt_protocol_core::mqtt::packet::Qos;

/// The one frame that `bytes` are.
fn frame(bytes: &[u8]) -> Frame<'_> {
    match split(bytes, u32::MAX) {
        Ok(Split::Whole { frame, len }) if len == bytes.len() => frame,
        other => panic!("{other:?}"),
    }
}

fn ours(bytes: &[u8], version: ProtocolVersion, from: Peer) -> Packet<'_> {
    match decode(frame(bytes), version, from) {
        Ok(packet) => packet,
        Err(violation) => panic!("{violation}: {bytes:02x?}"),
    }
}

fn written(write: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut out = BytesMut::new();
    write(&mut out);
    out.to_vec()
}

fn their_qos(qos: QoS) -> Qos {
    match qos {
        QoS::AtMostOnce => Qos::AtMostOnce,
        QoS::AtLeastOnce => Qos::AtLeastOnce,
        QoS::ExactlyOnce => Qos::ExactlyOnce,
    }
}
