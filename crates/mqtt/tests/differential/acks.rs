//! PUBACK, PUBREC, PUBREL and PUBCOMP.

use mqtt::{Ack, AckKind, Packet, PacketId, Peer, ProtocolVersion, ReasonCode, encode};
use mqtt_protocol_core::mqtt::{
    packet::{Properties, ReasonString, UserProperty, v3_1_1, v5_0},
    result_code::{PubackReasonCode, PubcompReasonCode, PubrecReasonCode, PubrelReasonCode},
};
use proptest::{prelude::*, sample::select};

use crate::{
    frame,
    message::{id, text},
    ours, written,
};

const PUBLISH_REASONS: [ReasonCode; 9] = [
    ReasonCode::Success,
    ReasonCode::NoMatchingSubscribers,
    ReasonCode::UnspecifiedError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicNameInvalid,
    ReasonCode::PacketIdentifierInUse,
    ReasonCode::QuotaExceeded,
    ReasonCode::PayloadFormatInvalid,
];
const RELEASE_REASONS: [ReasonCode; 2] = [ReasonCode::Success, ReasonCode::PacketIdentifierNotFound];

fn properties(reason_string: &str, value: &str) -> Properties {
    vec![ReasonString::new(reason_string).unwrap().into(), UserProperty::new("key", value).unwrap().into()]
}

fn our_ack(bytes: &[u8], version: ProtocolVersion) -> Ack {
    match ours(bytes, version, Peer::Client) {
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => ack,
        other => panic!("{other:?}"),
    }
}

fn our_bytes(version: ProtocolVersion, kind: AckKind, id: PacketId, reason: ReasonCode) -> Vec<u8> {
    written(|out| encode::ack(out, version, kind, id, reason))
}

proptest! {
    #[test]
    fn puback(id in id(), reason in select(&PUBLISH_REASONS[..]), a in text(), b in text()) {
        let bytes = our_bytes(ProtocolVersion::V5, AckKind::PubAck, id, reason);
        let (theirs, _) = v5_0::Puback::parse(frame(&bytes).body).unwrap();
        prop_assert_eq!(theirs.packet_id(), id.get());
        prop_assert_eq!(theirs.reason_code().map_or(0, |code| code as u8), reason as u8);

        let code = PubackReasonCode::try_from(reason as u8).unwrap();
        let theirs = v5_0::Puback::builder().packet_id(id.get()).reason_code(code).props(properties(&a, &b)).build();
        prop_assert_eq!(our_ack(&theirs.unwrap().to_continuous_buffer(), ProtocolVersion::V5), Ack { id, reason });
    }

    #[test]
    fn pubrec(id in id(), reason in select(&PUBLISH_REASONS[..]), a in text(), b in text()) {
        let bytes = our_bytes(ProtocolVersion::V5, AckKind::PubRec, id, reason);
        let (theirs, _) = v5_0::Pubrec::parse(frame(&bytes).body).unwrap();
        prop_assert_eq!(theirs.packet_id(), id.get());
        prop_assert_eq!(theirs.reason_code().map_or(0, |code| code as u8), reason as u8);

        let code = PubrecReasonCode::try_from(reason as u8).unwrap();
        let theirs = v5_0::Pubrec::builder().packet_id(id.get()).reason_code(code).props(properties(&a, &b)).build();
        prop_assert_eq!(our_ack(&theirs.unwrap().to_continuous_buffer(), ProtocolVersion::V5), Ack { id, reason });
    }

    #[test]
    fn pubrel(id in id(), reason in select(&RELEASE_REASONS[..]), a in text(), b in text()) {
        let bytes = our_bytes(ProtocolVersion::V5, AckKind::PubRel, id, reason);
        let (theirs, _) = v5_0::Pubrel::parse(frame(&bytes).body).unwrap();
        prop_assert_eq!(theirs.packet_id(), id.get());
        prop_assert_eq!(theirs.reason_code().map_or(0, |code| code as u8), reason as u8);

        let code = PubrelReasonCode::try_from(reason as u8).unwrap();
        let theirs = v5_0::Pubrel::builder().packet_id(id.get()).reason_code(code).props(properties(&a, &b)).build();
        prop_assert_eq!(our_ack(&theirs.unwrap().to_continuous_buffer(), ProtocolVersion::V5), Ack { id, reason });
    }

    #[test]
    fn pubcomp(id in id(), reason in select(&RELEASE_REASONS[..]), a in text(), b in text()) {
        let bytes = our_bytes(ProtocolVersion::V5, AckKind::PubComp, id, reason);
        let (theirs, _) = v5_0::Pubcomp::parse(frame(&bytes).body).unwrap();
        prop_assert_eq!(theirs.packet_id(), id.get());
        prop_assert_eq!(theirs.reason_code().map_or(0, |code| code as u8), reason as u8);

        let code = PubcompReasonCode::try_from(reason as u8).unwrap();
        let theirs = v5_0::Pubcomp::builder().packet_id(id.get()).reason_code(code).props(properties(&a, &b)).build();
        prop_assert_eq!(our_ack(&theirs.unwrap().to_continuous_buffer(), ProtocolVersion::V5), Ack { id, reason });
    }

    #[test]
    fn version_3_1_1(id in id()) {
        let theirs = [
            (AckKind::PubAck, v3_1_1::Puback::builder().packet_id(id.get()).build().unwrap().to_continuous_buffer()),
            (AckKind::PubRec, v3_1_1::Pubrec::builder().packet_id(id.get()).build().unwrap().to_continuous_buffer()),
            (AckKind::PubRel, v3_1_1::Pubrel::builder().packet_id(id.get()).build().unwrap().to_continuous_buffer()),
            (AckKind::PubComp, v3_1_1::Pubcomp::builder().packet_id(id.get()).build().unwrap().to_continuous_buffer()),
        ];
        for (kind, theirs) in theirs {
            let reason = ReasonCode::Success;
            prop_assert_eq!(&our_bytes(ProtocolVersion::V3_1_1, kind, id, reason), &theirs);
            prop_assert_eq!(our_ack(&theirs, ProtocolVersion::V3_1_1), Ack { id, reason });
        }
    }
}
