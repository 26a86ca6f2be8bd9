//! DISCONNECT and AUTH.

use bytes::Bytes;
use mqtt::{Auth, Disconnect, EncodeError, Packet, Peer, ProtocolVersion, ReasonCode, encode};

use super::{ALL_VERSIONS, one, written};

#[test]
fn a_normal_disconnect_is_two_bytes() {
    for version in ALL_VERSIONS {
        let bytes = written(|out| encode::disconnect(out, version, &Disconnect::default()));
        assert_eq!(bytes, [0xE0, 0]);
        let decoded = one(&bytes, version, Peer::Client);
        assert_eq!(decoded, Ok(Packet::Disconnect(Disconnect::default())));
    }
}

#[test]
fn a_disconnect_with_a_reason_alone_has_no_properties() {
    let disconnect = Disconnect { reason: ReasonCode::SessionTakenOver, ..Disconnect::default() };
    let bytes = written(|out| encode::disconnect(out, ProtocolVersion::V5, &disconnect));
    assert_eq!(bytes, [0xE0, 1, 0x8E]);
    let decoded = one(&bytes, ProtocolVersion::V5, Peer::Server);
    assert_eq!(decoded, Ok(Packet::Disconnect(disconnect)));
}

#[test]
fn mqtt_3_14_2_2_session_expiry_comes_from_the_client() {
    let disconnect = Disconnect { session_expiry: Some(7), reason_string: Some("bye".into()), ..Disconnect::default() };
    let bytes = written(|out| encode::disconnect(out, ProtocolVersion::V5, &disconnect));
    let decoded = one(&bytes, ProtocolVersion::V5, Peer::Client);
    assert_eq!(decoded, Ok(Packet::Disconnect(disconnect)));
    assert!(one(&bytes, ProtocolVersion::V5, Peer::Server).is_err());
}

#[test]
fn a_server_may_refer_to_another() {
    let disconnect = Disconnect {
        reason: ReasonCode::ServerMoved,
        server_reference: Some("other:1883".into()),
        ..Disconnect::default()
    };
    let bytes = written(|out| encode::disconnect(out, ProtocolVersion::V5, &disconnect));
    let decoded = one(&bytes, ProtocolVersion::V5, Peer::Server);
    assert_eq!(decoded, Ok(Packet::Disconnect(disconnect)));
}

#[test]
fn mqtt_3_14_2_1_reasons_depend_on_the_sender() {
    let accepted = |from| -> usize {
        (0..=255u8).filter(|&reason| one(&[0xE0, 1, reason], ProtocolVersion::V5, from).is_ok()).count()
    };
    assert_eq!(accepted(Peer::Client), 14);
    assert_eq!(accepted(Peer::Server), 28);
}

#[test]
fn an_authentication_step_keeps_method_and_data() {
    let auth = Auth {
        reason: ReasonCode::ContinueAuthentication,
        method: Some("SCRAM".into()),
        data: Some(Bytes::from_static(&[0, 1, 255])),
        reason_string: Some("go on".into()),
    };
    let bytes = written(|out| encode::auth(out, &auth).unwrap());
    for from in [Peer::Client, Peer::Server] {
        assert_eq!(one(&bytes, ProtocolVersion::V5, from), Ok(Packet::Auth(auth.clone())));
    }
}

#[test]
fn a_servers_success_may_be_bare() {
    let bytes = written(|out| encode::auth(out, &Auth::default()).unwrap());
    assert_eq!(bytes, [0xF0, 0]);
    let decoded = one(&bytes, ProtocolVersion::V5, Peer::Server);
    assert_eq!(decoded, Ok(Packet::Auth(Auth::default())));
}

#[test]
fn mqtt_3_15_2_1_auth_carries_three_reasons() {
    let auth = Auth { reason: ReasonCode::NotAuthorized, ..Auth::default() };
    let bytes = written(|out| assert_eq!(encode::auth(out, &auth), Err(EncodeError::Field)));
    assert!(bytes.is_empty());
}
