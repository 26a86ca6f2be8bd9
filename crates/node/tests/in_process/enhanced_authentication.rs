//! Enhanced authentication (MQTT 5, 4.12) with a method that challenges the client.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::Arc;

use auth::{EnhancedMethod, Exchange, Step};
use mqtt::ReasonCode;

use crate::broker::Broker;
use crate::wire::{AUTH, CONNACK, Socket, connect, field, packet};

const METHOD: &str = "challenge";
const CONTINUE: u8 = 0x18;
const RE_AUTHENTICATE: u8 = 0x19;

/// The server sends a nonce, the client a digest of it and a secret that both know.
struct Challenge;

impl EnhancedMethod for Challenge {
    fn name(&self) -> &str {
        METHOD
    }

    fn begin(&self, _client_id: &str) -> Box<dyn Exchange> {
        Box::new(Challenged { nonce: None })
    }
}

struct Challenged {
    nonce: Option<[u8; 8]>,
}

impl Exchange for Challenged {
    fn step(&mut self, data: &[u8]) -> Step {
        match self.nonce {
            None => {
                let nonce = RandomState::new().hash_one(data).to_be_bytes();
                self.nonce = Some(nonce);
                Step::Continue(nonce.to_vec())
            }
            Some(nonce) if data == digest(&nonce) => {
                Step::Accept { data: b"welcome".to_vec(), username: Some("ann".to_owned()) }
            }
            Some(_) => Step::Deny(ReasonCode::NotAuthorized),
        }
    }
}

fn digest(nonce: &[u8]) -> Vec<u8> {
    let mut hasher = DefaultHasher::new();
    ("the secret", nonce).hash(&mut hasher);
    hasher.finish().to_be_bytes().to_vec()
}

fn broker() -> Broker {
    Broker::start(vec![Arc::new(Challenge)])
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
    let properties = properties(method, data);
    let mut body = vec![reason, properties.len() as u8];
    body.extend(properties);
    packet(AUTH, &body)
}

/// Sends `first` and returns the nonce that the server answers with (MQTT-4.12.0-2).
fn challenged(socket: &mut Socket, first: &[u8]) -> Vec<u8> {
    socket.send(first);
    let (kind, body) = socket.packet();
    assert_eq!((kind, body[0]), (AUTH, CONTINUE), "{body:02x?}");
    let expected = properties(METHOD, &[0; 8]);
    let (told, nonce) = body[2..].split_at(expected.len() - 8);
    assert_eq!(told, &expected[..told.len()]);
    nonce.to_vec()
}

fn connecting(broker: &Broker) -> (Socket, Vec<u8>) {
    let mut socket = Socket::open(broker);
    let nonce = challenged(&mut socket, &connect("ann", &properties(METHOD, b"ann")));
    (socket, nonce)
}

fn connected(broker: &Broker) -> Socket {
    let (mut socket, nonce) = connecting(broker);
    socket.send(&auth(CONTINUE, METHOD, &digest(&nonce)));
    let (kind, body) = socket.packet();
    assert_eq!((kind, body[1]), (CONNACK, 0), "{body:02x?}");
    // MQTT-4.12.0-5: CONNACK names the method; the method's last data comes with it.
    let told = properties(METHOD, b"welcome");
    assert!(body.windows(told.len()).any(|part| part == told), "{body:02x?}");
    socket
}

fn expect_refusal(mut socket: Socket, reason: u8) {
    let (kind, body) = socket.packet();
    assert_eq!((kind, body[1]), (CONNACK, reason), "{body:02x?}");
    socket.expect_end();
}

#[test]
fn the_right_answer_lets_the_client_in() {
    let broker = broker();
    connected(&broker).expect_ping();
}

#[test]
fn a_wrong_answer_is_refused() {
    let broker = broker();
    let (mut socket, nonce) = connecting(&broker);
    socket.send(&auth(CONTINUE, METHOD, &nonce));
    expect_refusal(socket, 0x87);
}

#[test]
fn mqtt_4_12_0_1_an_unknown_method_is_refused() {
    let broker = broker();
    let mut socket = Socket::open(&broker);
    socket.send(&connect("ann", &properties("other", b"")));
    expect_refusal(socket, 0x8c);
}

#[test]
fn mqtt_4_12_0_4_another_method_in_the_exchange_is_an_error() {
    let broker = broker();
    let (mut socket, nonce) = connecting(&broker);
    socket.send(&auth(CONTINUE, "other", &digest(&nonce)));
    expect_refusal(socket, 0x82);
}

#[test]
fn mqtt_3_1_2_30_nothing_but_auth_and_disconnect_before_connack() {
    let broker = broker();
    let (mut socket, _) = connecting(&broker);
    socket.send(&packet(0x30, b"\x00\x01t\x00x"));
    expect_refusal(socket, 0x82);
}

#[test]
fn a_client_authenticates_again_as_often_as_it_likes() {
    let broker = broker();
    let mut socket = connected(&broker);
    for _ in 0..3 {
        let nonce = challenged(&mut socket, &auth(RE_AUTHENTICATE, METHOD, b"ann"));
        socket.expect_ping();
        socket.send(&auth(CONTINUE, METHOD, &digest(&nonce)));
        let (kind, body) = socket.packet();
        assert_eq!((kind, body[0]), (AUTH, 0), "{body:02x?}");
        assert_eq!(body[2..], properties(METHOD, b"welcome"));
    }
    socket.expect_ping();
}

#[test]
fn mqtt_4_12_1_2_a_failed_re_authentication_ends_the_connection() {
    let broker = broker();
    let mut socket = connected(&broker);
    let nonce = challenged(&mut socket, &auth(RE_AUTHENTICATE, METHOD, b"ann"));
    socket.send(&auth(CONTINUE, METHOD, &nonce));
    socket.expect_disconnect(0x87);
}

#[test]
fn mqtt_4_12_1_1_re_authentication_keeps_to_the_method_of_connect() {
    let broker = broker();
    let mut socket = connected(&broker);
    socket.send(&auth(RE_AUTHENTICATE, "other", b"ann"));
    socket.expect_disconnect(0x82);
}

#[test]
fn steps_out_of_turn_are_errors() {
    let broker = broker();
    // A step without an exchange.
    let mut socket = connected(&broker);
    socket.send(&auth(CONTINUE, METHOD, b""));
    socket.expect_disconnect(0x82);
    // An exchange within an exchange.
    let mut socket = connected(&broker);
    challenged(&mut socket, &auth(RE_AUTHENTICATE, METHOD, b"ann"));
    socket.send(&auth(RE_AUTHENTICATE, METHOD, b"ann"));
    socket.expect_disconnect(0x82);
    // A client that has named no method.
    let mut socket = Socket::open(&broker);
    socket.send(&connect("bob", &[]));
    assert_eq!(socket.packet().0, CONNACK);
    socket.send(&auth(RE_AUTHENTICATE, METHOD, b"bob"));
    socket.expect_disconnect(0x82);
}
