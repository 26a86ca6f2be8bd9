//! The fixed header, partial packets, and PING.

use mqtt::{Frame, PacketType, Peer, ProtocolVersion, Split, Violation, decode, split};

#[test]
fn needs_two_bytes_at_least() {
    assert_eq!(split(&[], 100), Ok(Split::Partial { need: 2 }));
    assert_eq!(split(&[0xC0], 100), Ok(Split::Partial { need: 2 }));
}

#[test]
fn says_how_many_bytes_the_packet_needs() {
    assert_eq!(split(&[0x30, 0xAC, 0x02, 0], 1000), Ok(Split::Partial { need: 303 }));
    assert_eq!(split(&[0x30, 0xAC], 1000), Ok(Split::Partial { need: 3 }));
}

#[test]
fn takes_the_first_of_several_packets() {
    let Ok(Split::Whole { frame, len }) = split(&[0x40, 2, 0, 1, 0xC0, 0], 100) else {
        panic!("not whole");
    };
    assert_eq!(len, 4);
    assert_eq!(frame, Frame { kind: PacketType::PubAck, flags: 0, body: &[0, 1] });
}

#[test]
fn mqtt_3_1_2_24_too_large_is_known_before_the_body_is_there() {
    assert_eq!(split(&[0x30, 98], 100), Ok(Split::Partial { need: 100 }));
    assert_eq!(split(&[0x30, 99], 100), Err(Violation::PacketTooLarge));
    assert_eq!(split(&[0x30, 0xff, 0xff, 0xff, 0x7f], 100), Err(Violation::PacketTooLarge));
}

#[test]
fn mqtt_1_5_5_1_remaining_length_is_minimal() {
    for long in [&[0x30, 0x80, 0][..], &[0x30, 0x80, 0x80, 0x80, 0], &[0x30, 0xff, 0xff, 0xff, 0xff]] {
        assert_eq!(split(long, u32::MAX), Err(Violation::RemainingLength));
    }
}

#[test]
fn mqtt_2_1_3_1_flags_are_judged_before_the_body_is_there() {
    for first in [0x11, 0x81, 0xA0, 0x60, 0x42, 0xC2, 0xE1, 0xF8] {
        assert_eq!(split(&[first], 100), Err(Violation::FixedHeaderFlags));
    }
    assert_eq!(split(&[0x0f], 100), Err(Violation::PacketType));
}

#[test]
fn ping_is_two_bytes() {
    for version in super::ALL_VERSIONS {
        let request = super::written(mqtt::encode::pingreq);
        assert_eq!(super::one(&request, version, Peer::Client), Ok(mqtt::Packet::PingReq));
        let response = super::written(mqtt::encode::pingresp);
        assert_eq!(super::one(&response, version, Peer::Server), Ok(mqtt::Packet::PingResp));
    }
}

#[test]
fn a_frame_made_by_hand_is_checked_too() {
    let frame = Frame { kind: PacketType::PubRel, flags: 0, body: &[0, 1] };
    assert_eq!(decode(frame, ProtocolVersion::V5, Peer::Client), Err(Violation::FixedHeaderFlags));
}
