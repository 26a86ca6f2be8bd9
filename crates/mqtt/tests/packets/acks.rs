//! PUBACK, PUBREC, PUBREL and PUBCOMP.

use mqtt::{Ack, AckKind, Packet, Peer, ProtocolVersion, ReasonCode, encode};

use super::{ALL_VERSIONS, id, one, written};

const KINDS: [(AckKind, u8); 4] =
    [(AckKind::PubAck, 0x40), (AckKind::PubRec, 0x50), (AckKind::PubRel, 0x62), (AckKind::PubComp, 0x70)];

fn wrapped(kind: AckKind, ack: Ack) -> Packet<'static> {
    match kind {
        AckKind::PubAck => Packet::PubAck(ack),
        AckKind::PubRec => Packet::PubRec(ack),
        AckKind::PubRel => Packet::PubRel(ack),
        AckKind::PubComp => Packet::PubComp(ack),
    }
}

#[test]
fn a_success_is_four_bytes() {
    for version in ALL_VERSIONS {
        for (kind, first) in KINDS {
            let bytes = written(|out| encode::ack(out, version, kind, id(0x0102), ReasonCode::Success));
            assert_eq!(bytes, [first, 2, 1, 2]);
            for from in [Peer::Client, Peer::Server] {
                let ack = Ack { id: id(0x0102), reason: ReasonCode::Success };
                assert_eq!(one(&bytes, version, from), Ok(wrapped(kind, ack)));
            }
        }
    }
}

#[test]
fn a_reason_is_written_in_version_5_alone() {
    for (kind, first) in KINDS {
        let reason = match kind {
            AckKind::PubAck | AckKind::PubRec => ReasonCode::NotAuthorized,
            AckKind::PubRel | AckKind::PubComp => ReasonCode::PacketIdentifierNotFound,
        };
        let bytes = written(|out| encode::ack(out, ProtocolVersion::V5, kind, id(9), reason));
        assert_eq!(bytes, [first, 3, 0, 9, reason as u8]);
        let decoded = one(&bytes, ProtocolVersion::V5, Peer::Client);
        assert_eq!(decoded, Ok(wrapped(kind, Ack { id: id(9), reason })));
        let bytes = written(|out| encode::ack(out, ProtocolVersion::V3_1_1, kind, id(9), reason));
        assert_eq!(bytes, [first, 2, 0, 9]);
    }
}

#[test]
fn mqtt_3_4_2_1_puback_and_pubrec_carry_nine_reasons() {
    for first in [0x40, 0x50] {
        let carried: Vec<u8> = (0..=255)
            .filter(|&reason| one(&[first, 3, 0, 1, reason], ProtocolVersion::V5, Peer::Client).is_ok())
            .collect();
        assert_eq!(carried, [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
    }
}

#[test]
fn mqtt_3_6_2_1_pubrel_and_pubcomp_carry_two_reasons() {
    for first in [0x62, 0x70] {
        let carried: Vec<u8> = (0..=255)
            .filter(|&reason| one(&[first, 3, 0, 1, reason], ProtocolVersion::V5, Peer::Client).is_ok())
            .collect();
        assert_eq!(carried, [0, 0x92]);
    }
}

/// A client takes any refusal of a server as one: to end the connection would only bring the message again.
#[test]
fn a_server_may_refuse_with_any_failure() {
    for first in [0x40, 0x50] {
        let read = |reason: u8, from| one(&[first, 3, 0, 1, reason], ProtocolVersion::V5, from).is_ok();
        assert!(read(0x95, Peer::Server) && !read(0x95, Peer::Client));
        // Not a failure, or nothing known.
        assert!(!read(0x01, Peer::Server) && !read(0xff, Peer::Server));
    }
}

#[test]
fn mqtt_3_4_2_1_a_foreign_reason_is_sent_as_the_plainest_failure() {
    for (kind, first) in KINDS {
        let reason = ReasonCode::QoSNotSupported;
        let bytes = written(|out| encode::ack(out, ProtocolVersion::V5, kind, id(1), reason));
        let plain = if matches!(first, 0x40 | 0x50) { 0x80 } else { 0x92 };
        assert_eq!(bytes, [first, 3, 0, 1, plain]);
    }
}
