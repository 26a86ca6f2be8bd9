//! What messages carry across.

use std::time::Duration;

use causeway_tests::from_client::FromClient;
use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::scripted_server::{Reply, ScriptedServer};
use causeway_tests::{Ack, AckKind, Props, Publish, Resources, Version, prop};

use crate::here::Here;

/// Everything that belongs to a message.
fn all() -> Props {
    Props::new()
        .byte(prop::PAYLOAD_FORMAT, 1)
        .str(prop::CONTENT_TYPE, "text/plain; größe")
        .str(prop::RESPONSE_TOPIC, "answers/here")
        .bin(prop::CORRELATION_DATA, &[0, 1, 254, 255])
        .user("b", "2")
        .user("a", "1")
        .user("b", "3")
        .user("", "")
}

/// The same whatever their order, but user properties in theirs.
fn assert_same(found: &Props, sent: &Props) {
    for id in [prop::PAYLOAD_FORMAT, prop::CONTENT_TYPE, prop::RESPONSE_TOPIC, prop::CORRELATION_DATA] {
        assert_eq!(found.find(id), sent.find(id), "property {id:#04x}");
    }
    let users: Vec<_> = found.users().into_iter().filter(|(name, _)| *name != "causeway-hop").collect();
    assert_eq!(users, sent.users());
    for id in [prop::TOPIC_ALIAS, prop::SUBSCRIPTION_ID] {
        assert!(!found.has(id), "property {id:#04x} belongs to a connection");
    }
}

#[test]
fn every_property_crosses_upward() {
    let server = ScriptedServer::polite();
    let here = Here::up(&server, "");
    here.publish(Publish::new("in/x", "body").props(all()));
    let message = server.publish(0);
    assert_eq!(message.text(), "body");
    assert_same(&message.props, &all());
    here.publish(Publish::new("in/x", [0, 255]));
    let message = server.publish(1);
    assert_eq!(message.payload, [0, 255]);
    assert_same(&message.props, &Props::new());
}

#[test]
fn every_property_crosses_downward() {
    let server = ScriptedServer::polite();
    let here = Here::down(&server, "");
    let mut sink = here.client();
    sink.subscribe("out/#", 1);
    server.send(&Publish::new("in/x", "body").qos(1).packet_id(1).props(all()).encode(Version::V5));
    assert_same(&sink.take().props, &all());
}

/// As much of its life as a message has left goes along, whether it waited in the broker or in the dataflow.
#[test]
fn what_is_left_of_the_expiry_crosses() {
    let server = ScriptedServer::start(|heard| match &heard.packet {
        FromClient::Publish(publish) if publish.payload == b"first" => Reply::Nothing,
        _ => Reply::Usual,
    });
    let here = Here::up(&server, "maxInflightMessages: 1\n");
    here.publish(Publish::new("in/x", "first"));
    let packet_id = server.publish(0).packet_id;
    let expiry = |seconds| Props::new().u32(prop::MESSAGE_EXPIRY, seconds);
    here.publish(Publish::new("in/x", "short").props(expiry(1)));
    here.publish(Publish::new("in/x", "long").props(expiry(1000)));
    // Time itself is what is waited for.
    std::thread::sleep(Duration::from_millis(2500));
    server.send(&Ack::new(AckKind::PubAck, packet_id).encode(Version::V5));
    let message = server.publish(1);
    assert_eq!(message.text(), "long", "what has expired goes no further");
    let left = message.props.number(prop::MESSAGE_EXPIRY).expect("an expiry");
    assert!((900..=998).contains(&left), "{left} s of 1000 left after 2.5");
    here.publish(Publish::new("in/x", "without"));
    assert!(!server.publish(2).props.has(prop::MESSAGE_EXPIRY));
}

/// A large message, and an empty one, through mosquitto and back.
#[test]
fn payloads_of_any_size() {
    let remote = Mosquitto::start(Setup::plain());
    let resources = Resources::new();
    resources.mosquitto("remote", &remote, "");
    let here = Here::up_to("remote", resources);
    let mut there = remote.client(Version::V5);
    there.subscribe("out/#", 1);
    for size in [0, 1, 70_000, 3_000_000] {
        let payload: Vec<u8> = (0..size).map(|byte| (byte % 251) as u8).collect();
        here.publish(Publish::new("in/x", &payload));
        let found = there.take().payload;
        assert!(found == payload, "{} bytes came of {size}", found.len());
    }
}
