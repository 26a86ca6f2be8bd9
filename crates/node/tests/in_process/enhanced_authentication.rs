//! Enhanced authentication (MQTT 5, 4.12): the packets around it, with tokens under a shared secret.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::authentication::{Counters, JwtSettings, KeySettings, MethodSettings, Methods, Secret, TokenPlace};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use crate::broker::Broker;
use crate::wire::{AUTH, CONNACK, Socket, connect, field, packet, with_length};

const METHOD: &str = "OAUTH2-JWT";
const CONTINUE: u8 = 0x18;
const RE_AUTHENTICATE: u8 = 0x19;
const KEY: &str = "a secret of at least thirty-two bytes";

fn broker() -> Broker {
    let settings = JwtSettings {
        issuer: "https://issuer.example".to_owned(),
        audiences: vec!["broker".to_owned()],
        keys: KeySettings::Secret(Secret::from(KEY)),
        leeway: Duration::ZERO,
        username: "sub".to_owned(),
        attributes: BTreeMap::new(),
        places: vec![TokenPlace::Enhanced(METHOD.to_owned())],
    };
    let methods = Methods::compile(&[MethodSettings::Jwt(settings)], None, &Arc::new(Counters::default()));
    Broker::start(Some(Arc::new(methods.expect("methods"))))
}

fn token(subject: &str, key: &str) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let claims = json!({"iss": "https://issuer.example", "aud": "broker", "sub": subject, "exp": now + 600});
    let token = jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(key.as_bytes()));
    token.expect("a token").into_bytes()
}

/// Authentication Method and Authentication Data.
fn properties(method: &str, data: &[u8]) -> Vec<u8> {
    let mut properties = vec![0x15];
    properties.extend(field(method.as_bytes()));
    properties.push(0x16);
    properties.extend(field(data));
    properties
}

fn auth(reason: u8, method: &str, data: &[u8]) -> Vec<u8> {
    let mut body = vec![reason];
    body.extend(with_length(&properties(method, data)));
    packet(AUTH, &body)
}

fn connecting(broker: &Broker, method: &str, data: &[u8]) -> Socket {
    let mut socket = Socket::open(broker);
    socket.send(&connect("ann", &properties(method, data)));
    socket
}

fn connected(broker: &Broker) -> Socket {
    let mut socket = connecting(broker, METHOD, &token("ann", KEY));
    let (kind, body) = socket.packet();
    assert_eq!((kind, body[1]), (CONNACK, 0), "{body:02x?}");
    let told = &properties(METHOD, b"")[..3 + METHOD.len()];
    assert!(body.windows(told.len()).any(|part| part == told), "MQTT-4.12.0-5: CONNACK names the method: {body:02x?}");
    socket
}

fn expect_refusal(mut socket: Socket, reason: u8) {
    let (kind, body) = socket.packet();
    assert_eq!((kind, body[1]), (CONNACK, reason), "{body:02x?}");
    socket.expect_end();
}

#[test]
fn mqtt_4_12_0_5_the_right_token_lets_the_client_in() {
    let broker = broker();
    connected(&broker).expect_ping();
}

#[test]
fn mqtt_4_12_0_4_a_wrong_token_is_refused() {
    let broker = broker();
    let others = token("ann", "another secret of at least thirty-two bytes");
    expect_refusal(connecting(&broker, METHOD, &others), 0x87);
    expect_refusal(connecting(&broker, METHOD, b""), 0x87);
}

#[test]
fn mqtt_4_12_0_1_an_unknown_method_is_refused() {
    let broker = broker();
    expect_refusal(connecting(&broker, "other", b""), 0x8c);
}

/// They are looked at when it is known who the client is, and in their order.
#[test]
fn what_follows_connect_waits_for_connack() {
    let broker = broker();
    let mut socket = Socket::open(&broker);
    let mut bytes = connect("ann", &properties(METHOD, &token("ann", KEY)));
    bytes.extend(packet(0xc0, b""));
    socket.send(&bytes);
    assert_eq!(socket.packet().0, CONNACK);
    assert_eq!(socket.packet().0, 0xd0);
    let mut socket = Socket::open(&broker);
    let mut bytes = connect("ann", &properties(METHOD, b"no token"));
    bytes.extend(packet(0xc0, b""));
    socket.send(&bytes);
    expect_refusal(socket, 0x87);
}

#[test]
fn a_client_authenticates_again_as_often_as_it_likes() {
    let broker = broker();
    let mut socket = connected(&broker);
    for _ in 0..3 {
        socket.send(&auth(RE_AUTHENTICATE, METHOD, &token("ann", KEY)));
        let (kind, body) = socket.packet();
        assert_eq!((kind, body[0]), (AUTH, 0), "{body:02x?}");
        assert_eq!(body[2..], properties(METHOD, b"")[..3 + METHOD.len()]);
        socket.expect_ping();
    }
}

#[test]
fn mqtt_4_12_1_2_a_failed_re_authentication_ends_the_connection() {
    let broker = broker();
    for bad in [token("ben", KEY), b"no token".to_vec()] {
        let mut socket = connected(&broker);
        socket.send(&auth(RE_AUTHENTICATE, METHOD, &bad));
        socket.expect_disconnect(0x87);
    }
}

#[test]
fn mqtt_4_12_1_1_re_authentication_keeps_to_the_method_of_connect() {
    let broker = broker();
    let mut socket = connected(&broker);
    socket.send(&auth(RE_AUTHENTICATE, "CUSTOM-JWT", &token("ann", KEY)));
    socket.expect_disconnect(0x82);
}

#[test]
fn steps_out_of_turn_are_errors() {
    let broker = broker();
    // A step without an exchange.
    let mut socket = connected(&broker);
    socket.send(&auth(CONTINUE, METHOD, b""));
    socket.expect_disconnect(0x82);
    // Two at a time.
    let mut socket = connected(&broker);
    let mut bytes = auth(RE_AUTHENTICATE, METHOD, &token("ann", KEY));
    bytes.extend(bytes.clone());
    socket.send(&bytes);
    socket.expect_disconnect(0x82);
    // A port that knows no methods.
    let open = Broker::start(None);
    expect_refusal(connecting(&open, METHOD, &token("ann", KEY)), 0x8c);
    let mut socket = Socket::open(&open);
    socket.send(&connect("bob", &[]));
    assert_eq!(socket.packet().0, CONNACK);
    socket.send(&auth(RE_AUTHENTICATE, METHOD, b"bob"));
    socket.expect_disconnect(0x82);
}
