//! `mqttVersion` against a server that knows MQTT 3.1.1 alone, and one that knows both.

use causeway_tests::from_client::FromClient;
use causeway_tests::scripted_server::{Heard, Reply, ScriptedServer};
use causeway_tests::{Props, Publish, Version};

use crate::here::Here;
use crate::shown::{self, DESTINATION};

/// What a server of 3.1.1 does with a CONNECT of 5.
#[derive(Clone, Copy)]
enum Refusal {
    /// Return code 1, in its own format.
    Told,
    /// The connection ends without a word.
    Silent,
}

fn of_3_1_1(refusal: Refusal) -> ScriptedServer {
    ScriptedServer::start(move |heard| match (&heard.packet, heard.version, refusal) {
        (FromClient::Connect(_), Version::V5, Refusal::Told) => Reply::Close(vec![0x20, 2, 0, 1]),
        (FromClient::Connect(_), Version::V5, Refusal::Silent) => Reply::Close(Vec::new()),
        _ => Reply::Usual,
    })
}

fn connects(heard: &[Heard], version: Version) -> usize {
    heard.iter().filter(|one| one.version == version && matches!(one.packet, FromClient::Connect(_))).count()
}

#[test]
fn auto_falls_back_as_a_destination() {
    for refusal in [Refusal::Told, Refusal::Silent] {
        let server = of_3_1_1(refusal);
        let here = Here::up(&server, "");
        here.publish(Publish::new("in/x", "body").props(Props::new().user("a", "1")));
        let message = server.publish(0);
        assert_eq!((message.topic.as_str(), message.text(), message.qos), ("out/x", "body", 1));
        let heard = server.heard();
        assert!(connects(&heard, Version::V5) >= 1 && connects(&heard, Version::V311) == 1);
        let connect = server.hears("a CONNECT of 3.1.1", |heard| {
            heard.iter().find_map(|one| match &one.packet {
                FromClient::Connect(connect) if connect.version == Version::V311 => Some(connect.clone()),
                _ => None,
            })
        });
        assert!(!connect.clean, "the session is to last");
    }
}

#[test]
fn auto_falls_back_as_a_source() {
    let server = of_3_1_1(Refusal::Told);
    let here = Here::down(&server, "");
    let mut sink = here.client();
    sink.subscribe("out/#", 1);
    server.send(&Publish::new("in/x", "body").qos(1).packet_id(9).encode(Version::V311));
    assert_eq!(sink.take().topic, "out/x");
    server.hears("the PUBACK", |_| (server.acknowledged().first()?.packet_id == 9).then_some(()));
    assert_eq!(server.subscription(), [("in/#".to_string(), 1)], "no options that 3.1.1 has not");
}

#[test]
fn v3_never_asks_for_5() {
    let server = ScriptedServer::polite();
    let here = Here::up(&server, "mqttVersion: V3\n");
    here.publish(Publish::new("in/x", "body").retained());
    let message = server.publish(0);
    assert_eq!((message.topic.as_str(), message.retain), ("out/x", true));
    assert_eq!((connects(&server.heard(), Version::V311), connects(&server.heard(), Version::V5)), (1, 0));
}

#[test]
fn v5_never_asks_for_3_1_1() {
    let server = of_3_1_1(Refusal::Told);
    let here = Here::up(&server, "mqttVersion: V5\n");
    server.hears("more tries of version 5", |heard| (connects(heard, Version::V5) >= 4).then_some(()));
    assert_eq!(connects(&server.heard(), Version::V311), 0);
    shown::failing(&here.broker, "upward", DESTINATION, "CONNACK", 1);
}

#[test]
fn auto_speaks_5_where_it_is_known() {
    let server = ScriptedServer::polite();
    let _here = Here::up(&server, "mqttVersion: Auto\n");
    assert_eq!(server.connect(0).version, Version::V5);
    assert_eq!(connects(&server.heard(), Version::V311), 0);
}
