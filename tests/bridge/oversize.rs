//! Messages that are larger than the other broker takes: they become dead letters, whether it says so before or not.

use causeway_tests::from_client::FromClient;
use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::scripted_server::{Reply, ScriptedServer, connack};
use causeway_tests::{Props, Publish, Resources, Version, eventually, prop};

use crate::dead_letters::{assert_letter, letters, texts};
use crate::here::Here;

/// A message of that size between two small ones: it becomes a dead letter, they pass.
fn too_large(here: &Here, bytes: usize) {
    let mut letters = letters(here);
    let large = Publish::new("in/bad", vec![b'x'; bytes]);
    here.publish(Publish::new("in/good", "0"));
    here.publish(large.clone());
    for number in 1..=3 {
        here.publish(Publish::new("in/good", number.to_string()));
    }
    assert_letter(&letters.take(), "upward", &large, "PacketTooLarge");
}

/// It is not sent at all: the server has said what it takes.
#[test]
fn what_is_larger_than_the_server_announces_becomes_a_dead_letter() {
    let server = ScriptedServer::start(|heard| match heard.packet {
        FromClient::Connect(_) => {
            Reply::With(connack(heard.version, 0, Props::new().u32(prop::MAXIMUM_PACKET_SIZE, 1000)))
        }
        _ => Reply::Usual,
    });
    let here = Here::up(&server, "");
    too_large(&here, 5000);
    eventually("the small ones arrive", || (texts(&server, "out/good").len() == 4).then_some(()));
    assert_eq!(texts(&server, "out/good"), ["0", "1", "2", "3"]);
    assert!(server.heard().iter().all(|one| one.bytes.len() <= 1000), "a packet larger than the server takes");
    assert_eq!(server.heard().iter().filter(|one| matches!(one.packet, FromClient::Connect(_))).count(), 1);
}

#[test]
fn what_is_larger_than_mosquitto_announces_becomes_a_dead_letter() {
    let mosquitto = Mosquitto::start(Setup::plain().line("max_packet_size 1000"));
    let resources = Resources::new();
    resources.mosquitto("remote", &mosquitto, "");
    let here = Here::up_to("remote", resources);
    let mut listener = mosquitto.client(Version::V5);
    listener.subscribe("out/#", 1);
    too_large(&here, 5000);
    assert_eq!(listener.take_texts(4), ["0", "1", "2", "3"]);
}

/// A limit that it does not announce: PUBACK 0x95, which the specification has no place for.
#[test]
fn what_is_larger_than_mosquitto_takes_becomes_a_dead_letter() {
    let mosquitto = Mosquitto::start(Setup::plain().line("message_size_limit 1000"));
    let resources = Resources::new();
    resources.mosquitto("remote", &mosquitto, "");
    let here = Here::up_to("remote", resources);
    let mut listener = mosquitto.client(Version::V5);
    listener.subscribe("out/#", 1);
    too_large(&here, 5000);
    assert_eq!(listener.take_texts(4), ["0", "1", "2", "3"]);
}
