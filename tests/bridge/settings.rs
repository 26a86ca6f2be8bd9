//! Settings of an endpoint as a server sees them: CONNECT, SUBSCRIBE and PUBLISH, byte for byte.

use std::time::Duration;

use causeway_tests::flow::plain_settings;
use causeway_tests::from_client::FromClient;
use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::scripted_server::{Heard, Reply, ScriptedServer, connack};
use causeway_tests::{Ack, AckKind, Flow, Props, Publish, Resources, Version, prop};

use crate::here::{Here, connected};

/// One test server for each end: as a destination, and as a source.
fn both_ends(settings: &str) -> [(ScriptedServer, Here); 2] {
    let (to, from) = (ScriptedServer::polite(), ScriptedServer::polite());
    let (up, down) = (Here::up(&to, settings), Here::down(&from, settings));
    [(to, up), (from, down)]
}

#[test]
fn what_is_asked_for_by_default() {
    for (server, _here) in both_ends("") {
        let connect = server.connect(0);
        assert_eq!((connect.version, connect.clean, connect.keep_alive), (Version::V5, false, 60));
        assert_eq!(connect.props.number(prop::SESSION_EXPIRY), Some(600));
        assert!(connect.user.is_none() && connect.password.is_none() && connect.will.is_none());
        assert!(!connect.props.has(prop::AUTH_METHOD));
    }
}

#[test]
fn session_expiry_and_keep_alive() {
    for (server, _here) in both_ends("sessionExpirySeconds: 3600\nkeepAliveSeconds: 17\n") {
        let connect = server.connect(0);
        assert_eq!(connect.keep_alive, 17);
        assert_eq!(connect.props.number(prop::SESSION_EXPIRY), Some(3600));
    }
    for (server, _here) in both_ends("sessionExpirySeconds: 0\nkeepAliveSeconds: 0\n") {
        let connect = server.connect(0);
        assert_eq!(connect.keep_alive, 0);
        assert_eq!(connect.props.number(prop::SESSION_EXPIRY).unwrap_or(0), 0);
    }
}

/// A connection on which nothing is said is asked whether it is there.
#[test]
fn keep_alive_is_kept() {
    let server = ScriptedServer::polite();
    let _here = Here::up(&server, "keepAliveSeconds: 1\n");
    server.hears("two PINGREQ", |heard| {
        let pings = heard.iter().filter(|one| matches!(one.packet, FromClient::PingReq)).count();
        (pings >= 2).then_some(())
    });
    let connections = server.heard().iter().filter(|one| matches!(one.packet, FromClient::Connect(_))).count();
    assert_eq!(connections, 1);
}

/// As a source it is the Receive Maximum; a destination sends it nothing.
#[test]
fn max_inflight_is_the_receive_maximum_of_a_source() {
    let server = ScriptedServer::polite();
    let _here = Here::down(&server, "maxInflightMessages: 7\n");
    assert_eq!(server.connect(0).props.number(prop::RECEIVE_MAXIMUM), Some(7));
    let server = ScriptedServer::polite();
    let _here = Here::down(&server, "");
    assert_eq!(server.connect(0).props.number(prop::RECEIVE_MAXIMUM), Some(100));
}

/// Withholds every PUBACK and says this at CONNACK.
fn withholding(props: Props) -> ScriptedServer {
    ScriptedServer::start(move |heard| match &heard.packet {
        FromClient::Connect(_) => Reply::With(connack(heard.version, 0, props.clone())),
        FromClient::Publish(_) => Reply::Nothing,
        _ => Reply::Usual,
    })
}

/// How many came before the server was asked whether it is there, which it is when there is nothing else to send.
fn before_a_ping(heard: &[Heard]) -> Option<usize> {
    let last = heard.iter().rposition(|one| matches!(one.packet, FromClient::Publish(_)))?;
    heard[last..].iter().any(|one| matches!(one.packet, FromClient::PingReq)).then_some(())?;
    Some(heard.iter().filter(|one| matches!(one.packet, FromClient::Publish(_))).count())
}

#[test]
fn max_inflight_is_the_window_of_a_destination() {
    let server = withholding(Props::new());
    let here = Here::up(&server, "maxInflightMessages: 3\nkeepAliveSeconds: 1\n");
    (0..10).for_each(|number| here.publish(Publish::new("in/x", number.to_string())));
    assert_eq!(server.hears("a full window", before_a_ping), 3);
    for number in 0..7 {
        let packet_id = server.publish(number).packet_id;
        server.send(&Ack::new(AckKind::PubAck, packet_id).encode(Version::V5));
        // Each answer makes room for one.
        assert_eq!(server.publish(number + 3).text(), (number + 3).to_string());
        assert_eq!(server.published().len(), number + 4);
    }
}

#[test]
fn a_server_may_take_less_than_the_window() {
    let server = withholding(Props::new().u16(prop::RECEIVE_MAXIMUM, 2));
    let here = Here::up(&server, "maxInflightMessages: 50\nkeepAliveSeconds: 1\n");
    (0..5).for_each(|number| here.publish(Publish::new("in/x", number.to_string())));
    assert_eq!(server.hears("a full window", before_a_ping), 2);
}

/// A window of one over a source, too: the next is not taken before the first is through.
#[test]
fn a_source_is_answered_when_the_destination_has_answered() {
    let (from, to) = (ScriptedServer::polite(), withholding(Props::new()));
    let resources = Resources::new();
    resources.endpoint("from", &plain_settings(from.address, "keepAliveSeconds: 1\n"));
    resources.endpoint("onto", &plain_settings(to.address, ""));
    resources.profile("across", "remoteToRemote: Allowed");
    let flow = Flow::new("across").from("from", &["in/#"]).to("onto", "out").with("profileRef: across");
    resources.dataflow(&flow);
    let _here = Here::start(resources);
    from.subscription();
    to.connect(0);
    from.send(&Publish::new("in/x", "one").qos(1).packet_id(5).encode(Version::V5));
    let packet_id = to.publish(0).packet_id;
    let pings = |heard: &[Heard]| heard.iter().filter(|one| matches!(one.packet, FromClient::PingReq)).count();
    let before = pings(&from.heard());
    from.hears("a PINGREQ", |heard| (pings(heard) > before).then_some(()));
    assert!(from.acknowledged().is_empty(), "acknowledged before the destination has it");
    to.send(&Ack::new(AckKind::PubAck, packet_id).encode(Version::V5));
    from.hears("the PUBACK", |_| (from.acknowledged().first()?.packet_id == 5).then_some(()));
}

#[test]
fn quality_of_service() {
    for (setting, qos) in [("", 1), ("qos: 1\n", 1), ("qos: 0\n", 0)] {
        let [(to, up), (from, down)] = both_ends(setting);
        up.publish(Publish::new("in/x", "body"));
        assert_eq!(to.publish(0).qos, qos, "published with {setting}");
        let subscription = from.subscription();
        assert_eq!((subscription[0].0.as_str(), subscription[0].1 & 3), ("in/#", qos), "subscribed with {setting}");
        let mut sink = down.client();
        sink.subscribe("out/#", 1);
        from.send(&Publish::new("in/x", "body").qos(qos).packet_id(u16::from(qos)).encode(Version::V5));
        assert_eq!(sink.take().topic, "out/x");
    }
}

/// A message of QoS 2 crosses with the 1 of the endpoint.
#[test]
fn no_more_than_once_is_asked_of_a_destination() {
    let server = ScriptedServer::polite();
    let here = Here::up(&server, "");
    assert_eq!(here.client().publish(Publish::new("in/x", "body").qos(2)), 0);
    assert_eq!(server.publish(0).qos, 1);
}

/// The subscription asks for the flag as it was published, and for what is retained once.
#[test]
fn retain_is_kept_or_not() {
    for (setting, kept) in [("", true), ("retain: Keep\n", true), ("retain: Never\n", false)] {
        let server = ScriptedServer::polite();
        let here = Here::up(&server, setting);
        here.publish(Publish::new("in/x", "retained").retained());
        here.publish(Publish::new("in/x", "not retained"));
        assert_eq!((server.publish(0).retain, server.publish(1).retain), (kept, false), "with {setting}");

        let server = ScriptedServer::polite();
        let _here = Here::down(&server, setting);
        assert_eq!(server.subscription()[0].1 & 0x38, 0x18, "retain as published, sent where it is new");
    }
}

/// What is retained here when a dataflow comes is at the destination afterwards.
#[test]
fn what_is_retained_already_crosses() {
    let remote = Mosquitto::start(Setup::plain());
    let resources = Resources::new();
    let here = Here::start(resources);
    here.publish(Publish::new("in/state", "on").retained());
    here.resources.mosquitto("remote", &remote, "");
    here.resources.dataflow(&Flow::new("upward").from("default", &["in/#"]).to("remote", "${inputTopic}"));
    here.takes("in/#", 1);
    // Asked for before or after it is there: what mosquitto retains is sent to whoever comes.
    let mut there = remote.client(Version::V5);
    there.subscribe("in/#", 1);
    assert_eq!(there.take().text(), "on");
    let mut later = remote.client(Version::V5);
    later.subscribe("in/#", 1);
    let message = later.take();
    assert_eq!((message.text(), message.retain), ("on", true));
}

#[test]
fn client_id_prefix() {
    let remote = Mosquitto::start(Setup::plain());
    let resources = Resources::new();
    resources.mosquitto("remote", &remote, "clientIdPrefix: plant-7-\nkeepAliveSeconds: 33\n");
    resources.dataflow(&Flow::new("upward").from("default", &["in/#"]).to("remote", "out"));
    resources.dataflow(&Flow::new("downward").from("remote", &["in/#"]).to("default", "out"));
    let _here = Here::start(resources);
    for name in ["upward", "downward"] {
        let line = connected(&remote, &format!("as plant-7-{name}"));
        assert!(line.contains("(p5, c0, k33)"), "{line}");
    }
}

/// Without a prefix two installations have identifiers of their own, and an installation has the same again after a restart.
#[test]
fn without_a_prefix_the_identifier_is_this_installations() {
    let server = ScriptedServer::polite();
    let mut first = Here::up(&server, "");
    let id = server.connect(0).client_id;
    let (own, _) = id.split_once("-upward").expect("the dataflow's name");
    assert!(own.len() > 7, "{id}");
    let _second = Here::up(&server, "");
    let other = server.connect(1).client_id;
    assert!(other.contains("-upward") && other != id, "{other}");
    first.broker.restart();
    assert_eq!(server.connect(2).client_id, id);
}

#[test]
fn a_host_of_ipv6() {
    let remote = Mosquitto::start(Setup::plain().ipv6());
    let resources = Resources::new();
    assert!(remote.front().to_string().starts_with("[::1]:"));
    resources.mosquitto("remote", &remote, "");
    let here = Here::up_to("remote", resources);
    let mut there = remote.client(Version::V5);
    there.subscribe("out/#", 1);
    here.publish(Publish::new("in/x", "body"));
    assert_eq!(there.take().topic, "out/x");
}

/// The path of the upgrade is the host's, or `/mqtt`.
#[test]
fn the_path_of_websockets() {
    for (path, asked) in [("/some/where", "/some/where"), ("", "/mqtt")] {
        let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = server.local_addr().expect("its address");
        let resources = Resources::new();
        resources.endpoint("remote", &plain_settings(format!("{address}{path}"), "protocol: WebSockets\n"));
        let _here = Here::up_to("remote", resources);
        let (mut socket, _) = server.accept().expect("a connection");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a read timeout");
        let head = head(&mut socket);
        assert!(head.starts_with(&format!("GET {asked} HTTP/1.1\r\n")), "{head}");
        let lower = head.to_lowercase();
        assert!(lower.contains("sec-websocket-protocol: mqtt\r\n"), "{head}");
        assert!(lower.contains(&format!("host: {address}\r\n")), "{head}");
    }
}

/// What an HTTP client says first.
fn head(socket: &mut impl std::io::Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).expect("a request");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text")
}
