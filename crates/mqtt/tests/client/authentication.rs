//! Enhanced authentication, at CONNECT and again (section 4.12).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mqtt::client::{Breach, Challenge, End, Event, NotTaken, Settings};
use mqtt::{Auth, Authentication, ConnAck, Packet, Peer, ProtocolVersion, ReasonCode, Split, decode, encode, split};

use super::wire::Wire;

const METHOD: &str = "K8S-SAT";

fn auth(reason: ReasonCode, method: &str, data: &'static [u8]) -> BytesMut {
    let mut bytes = BytesMut::new();
    let (method, data) = (Some(method.to_owned()), Some(Bytes::from_static(data)));
    encode::auth(&mut bytes, &Auth { reason, method, data, reason_string: None }).unwrap();
    bytes
}

/// The AUTH that the client sent.
fn sent(wire: &mut Wire) -> Auth {
    let Ok(Split::Whole { frame, .. }) = split(&wire.to_server, u32::MAX) else { panic!("nothing was sent") };
    let Ok(Packet::Auth(auth)) = decode(frame, ProtocolVersion::V5, Peer::Client) else { panic!("no AUTH was sent") };
    wire.to_server.clear();
    auth
}

fn begun() -> Wire {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings::default());
    let data = Some(Bytes::from_static(b"first"));
    wire.connect.authentication = Some(Authentication { method: METHOD.to_owned(), data });
    wire.connect();
    wire.to_server.clear();
    wire
}

fn accepted() -> Wire {
    let mut wire = begun();
    let mut bytes = BytesMut::new();
    let authentication = Some(Authentication { method: METHOD.to_owned(), data: Some(Bytes::from_static(b"last")) });
    encode::connack(&mut bytes, ProtocolVersion::V5, &ConnAck { authentication, ..ConnAck::default() });
    wire.feed(&bytes);
    let [Event::Connected(accepted)] = wire.events.as_slice() else { panic!("{:?}", wire.events) };
    assert_eq!(accepted.authentication_data.as_deref(), Some(&b"last"[..]));
    wire.events.clear();
    wire
}

#[test]
fn a_challenge_is_answered_with_the_method_of_connect() {
    let mut wire = begun();
    assert_eq!(wire.machine.authenticate(None, wire.now), Err(NotTaken::NotDue));
    wire.feed(&auth(ReasonCode::ContinueAuthentication, METHOD, b"why?"));
    let challenge = Challenge { data: Some(Bytes::from_static(b"why?")), reason_string: None };
    assert_eq!(wire.events, [Event::Challenged(challenge)]);
    // The answer may take its time; the server's next one may not.
    wire.pass(Duration::from_secs(1000));
    wire.machine.authenticate(Some(Bytes::from_static(b"because")), wire.now).unwrap();
    wire.settle();
    let answer = sent(&mut wire);
    assert_eq!((answer.reason, answer.method.as_deref()), (ReasonCode::ContinueAuthentication, Some(METHOD)));
    assert_eq!(answer.data.as_deref(), Some(&b"because"[..]));
    wire.events.clear();
    wire.pass(Duration::from_secs(30));
    assert_eq!(wire.events, [Event::Ended(End::NoAnswer)]);
}

/// MQTT-4.12.0-5
#[test]
fn another_method_is_a_breach() {
    let mut wire = begun();
    wire.feed(&auth(ReasonCode::ContinueAuthentication, "OTHER", b""));
    assert_eq!(wire.events, [Event::Ended(End::Breach(Breach::AuthenticationMethod))]);
}

#[test]
fn success_before_connack_is_a_breach() {
    let mut wire = begun();
    wire.feed(&auth(ReasonCode::Success, METHOD, b""));
    assert!(matches!(wire.events.as_slice(), [Event::Ended(End::Breach(Breach::Unexpected(_)))]));
}

/// MQTT-4.12.1-1
#[test]
fn authentication_can_be_repeated() {
    let mut wire = accepted();
    wire.machine.reauthenticate(Some(Bytes::from_static(b"token 2"))).unwrap();
    assert_eq!(wire.machine.reauthenticate(None), Err(NotTaken::NotDue));
    wire.settle();
    let asked = sent(&mut wire);
    assert_eq!((asked.reason, asked.method.as_deref()), (ReasonCode::ReAuthenticate, Some(METHOD)));

    wire.feed(&auth(ReasonCode::ContinueAuthentication, METHOD, b"more"));
    wire.machine.authenticate(Some(Bytes::from_static(b"here")), wire.now).unwrap();
    wire.settle();
    assert_eq!(sent(&mut wire).reason, ReasonCode::ContinueAuthentication);
    wire.feed(&auth(ReasonCode::Success, METHOD, b"done"));
    let [Event::Challenged(_), Event::Reauthenticated(done)] = wire.events.as_slice() else {
        panic!("{:?}", wire.events)
    };
    assert_eq!(done.data.as_deref(), Some(&b"done"[..]));
    wire.machine.reauthenticate(None).unwrap();
}

#[test]
fn the_server_cannot_begin_it() {
    let mut wire = accepted();
    wire.feed(&auth(ReasonCode::ContinueAuthentication, METHOD, b""));
    assert!(matches!(wire.events.as_slice(), [Event::Ended(End::Breach(Breach::Unexpected(_)))]));
}

#[test]
fn without_a_method_there_is_nothing_to_repeat() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    assert_eq!(wire.machine.reauthenticate(None), Err(NotTaken::NotDue));
    wire.cut();
    assert_eq!(wire.machine.reauthenticate(None), Err(NotTaken::NotConnected));
}

#[test]
fn secrets_do_not_show() {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings::default());
    wire.connect.username = Some("user".to_owned());
    wire.connect.password = Some(Bytes::from_static(b"hush-hush"));
    wire.machine.connect(&wire.connect, wire.now).unwrap();
    assert!(!format!("{:?}", wire.machine).contains("hush-hush"));
}
