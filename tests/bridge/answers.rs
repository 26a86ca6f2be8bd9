//! What a server says about itself when a dataflow connects: its limits, whether it remembers the session, what it grants.

use causeway_tests::from_client::FromClient;
use causeway_tests::scripted_server::{Heard, Reply, ScriptedServer, answer, connack};
use causeway_tests::wire::frame;
use causeway_tests::{Props, Publish, Version, prop};

use crate::here::Here;
use crate::shown::{self, SOURCE};

/// Says this at CONNACK.
fn limited(props: Props) -> ScriptedServer {
    ScriptedServer::start(move |heard| match &heard.packet {
        FromClient::Connect(_) => Reply::With(connack(heard.version, 0, props.clone())),
        _ => Reply::Usual,
    })
}

fn count(heard: &[Heard], is: impl Fn(&FromClient) -> bool) -> usize {
    heard.iter().filter(|one| is(&one.packet)).count()
}

/// A retained publish would end the connection [MQTT-3.2.2-14]: the message goes without the flag.
#[test]
fn a_server_that_retains_nothing_is_sent_nothing_to_retain() {
    let server = limited(Props::new().byte(prop::RETAIN_AVAILABLE, 0));
    let here = Here::up(&server, "retain: Keep\n");
    here.publish(Publish::new("in/x", "body").retained());
    let message = server.publish(0);
    assert_eq!((message.text(), message.retain), ("body", false));
}

/// So would a publish above the Maximum QoS [MQTT-3.2.2-11].
#[test]
fn a_server_of_qos_0_is_sent_qos_0() {
    let server = limited(Props::new().byte(prop::MAXIMUM_QOS, 0));
    let here = Here::up(&server, "qos: 1\n");
    here.publish(Publish::new("in/x", "body"));
    assert_eq!(server.publish(0).qos, 0);
    here.publish(Publish::new("in/x", "next"));
    assert_eq!(server.publish(1).text(), "next");
}

/// The server's keep alive holds [MQTT-3.1.2-21].
#[test]
fn the_keep_alive_of_the_server_holds() {
    let server = limited(Props::new().u16(prop::SERVER_KEEP_ALIVE, 1));
    let _here = Here::up(&server, "keepAliveSeconds: 600\n");
    server.hears("two PINGREQ", |heard| {
        (count(heard, |packet| matches!(packet, FromClient::PingReq)) >= 2).then_some(())
    });
}

/// What a server can never take is kept where it can be found, and those behind it go on.
#[test]
fn a_message_beyond_the_maximum_packet_size_is_a_dead_letter() {
    let server = limited(Props::new().u32(prop::MAXIMUM_PACKET_SIZE, 1000));
    let here = Here::up(&server, "");
    let mut letters = here.client();
    letters.subscribe("dataflow/deadletter/#", 1);
    here.publish(Publish::new("in/x", vec![b'a'; 2000]));
    here.publish(Publish::new("in/x", "small"));
    assert_eq!(letters.take().payload.len(), 2000);
    assert_eq!(server.publish(0).text(), "small");
}

/// A session that is there needs no new subscription; one that is not does.
#[test]
fn a_forgotten_session_is_subscribed_anew() {
    let server = ScriptedServer::polite();
    let _here = Here::down(&server, "");
    let subscribes = |heard: &[Heard]| count(heard, |packet| matches!(packet, FromClient::Subscribe { .. }));
    server.cut();
    server.hears("a second SUBSCRIBE", |heard| (subscribes(heard) == 2).then_some(()));
}

#[test]
fn a_remembered_session_is_used_as_it_is() {
    let server = ScriptedServer::start(|heard| match &heard.packet {
        // With a session, but for the first.
        FromClient::Connect(_) if heard.connection > 0 => Reply::With(frame(0x20, &[1, 0, 0])),
        _ => Reply::Usual,
    });
    let here = Here::down(&server, "keepAliveSeconds: 1\n");
    let mut sink = here.client();
    sink.subscribe("out/#", 1);
    server.cut();
    // Nothing is sent after the CONNECT until it is time to ask whether anybody is there.
    server.hears("a PINGREQ on the second connection", |heard| {
        heard.iter().any(|one| one.connection > 0 && matches!(one.packet, FromClient::PingReq)).then_some(())
    });
    assert_eq!(count(&server.heard(), |packet| matches!(packet, FromClient::Subscribe { .. })), 1);
    server.send(&Publish::new("in/x", "still").qos(1).packet_id(1).encode(Version::V5));
    assert_eq!(sink.take().text(), "still");
}

/// Granted less than was asked for is granted.
#[test]
fn a_subscription_with_less_is_taken() {
    let server = ScriptedServer::start(|heard| match &heard.packet {
        FromClient::Subscribe { packet_id, .. } => Reply::With(answer(0x90, *packet_id, heard.version, &[0])),
        _ => Reply::Usual,
    });
    let here = Here::down(&server, "");
    let mut sink = here.client();
    sink.subscribe("out/#", 1);
    server.send(&Publish::new("in/x", "body").encode(Version::V5));
    assert_eq!(sink.take().text(), "body");
}

/// One of several filters that is refused is told, with the code, and asked for again.
#[test]
fn a_subscription_that_is_refused_is_told() {
    let server = ScriptedServer::start(|heard| match &heard.packet {
        FromClient::Subscribe { packet_id, .. } => Reply::With(answer(0x90, *packet_id, heard.version, &[0x87])),
        _ => Reply::Usual,
    });
    let here = Here::down(&server, "");
    let failing = shown::failing(&here.broker, "downward", SOURCE, "SUBACK", 2);
    assert_eq!(failing.code, Some(0x87));
    assert!(failing.text.contains("in/#"), "{failing:?}");
}
