//! MQTT over WebSocket (section 6).

use causeway_tests::stream::tcp;
use causeway_tests::websocket::{self, WebSocket};
use causeway_tests::{AckKind, Broker, Client, Connect, Filter, Publish, Subscribe, Version, Will, both, fresh};

fn open(path: &str, protocol: Option<&str>) -> Result<WebSocket<std::net::TcpStream>, websocket::Refused> {
    WebSocket::open(tcp(Broker::shared().ws()), path, protocol)
}

fn client(v: Version) -> Client {
    let mut client = Broker::shared().websocket(v);
    assert_eq!(client.connect(&Connect::fresh(v)).code, 0);
    client
}

both! {
    fn mqtt_6_0_0_1_binary_frames_carry_mqtt(v) {
        let mut client = client(v);
        let topic = fresh("ws");
        client.subscribe(&topic, 2);
        for qos in 0..3 {
            for size in [0, 1, 125, 126, 127, 65_535, 65_536, 300_000] {
                client.publish(Publish::new(&topic, vec![qos; size]).qos(qos));
                assert_eq!(client.take().payload.len(), size);
            }
        }
        client.quiet();
    }

    fn mqtt_6_0_0_2_packets_need_not_fit_frames(v) {
        let topic = fresh("ws/frames");
        let mut socket = open("/mqtt", Some("mqtt")).expect("an upgrade");
        let mut reader = Broker::shared().client(v);
        reader.subscribe(&topic, 1);
        let mut bytes = Connect::fresh(v).encode();
        bytes.extend(Subscribe::new(Filter::new("some/thing", 1)).encode(v, 1));
        bytes.extend(Publish::new(&topic, "in pieces").qos(1).packet_id(2).encode(v));
        for piece in bytes.chunks(3) {
            socket.send_frame(true, websocket::BINARY, piece).expect("a frame is taken");
        }
        let mut client = Client::over(Box::new(socket), v);
        assert_eq!(client.expect_connack().code, 0);
        client.await_ack(AckKind::PubAck, 2);
        assert_eq!(reader.take().payload, b"in pieces");
    }

    /// Several packets in one frame, and frames in fragments.
    fn several_packets_in_one_frame_and_fragments(v) {
        let topic = fresh("ws/fragments");
        let mut socket = open("/mqtt", Some("mqtt")).expect("an upgrade");
        let mut reader = Broker::shared().client(v);
        reader.subscribe(&topic, 0);
        let mut bytes = Connect::fresh(v).encode();
        bytes.extend(Subscribe::new(Filter::new("some/thing", 0)).encode(v, 1));
        socket.send_frame(true, websocket::BINARY, &bytes).expect("a frame is taken");
        let publish = Publish::new(&topic, "fragmented").encode(v);
        let (head, tail) = publish.split_at(5);
        socket.send_frame(false, websocket::BINARY, head).expect("a frame is taken");
        socket.send_frame(true, websocket::PING, b"between").expect("a frame is taken");
        socket.send_frame(false, websocket::CONTINUATION, &tail[..2]).expect("a frame is taken");
        socket.send_frame(true, websocket::CONTINUATION, &tail[2..]).expect("a frame is taken");
        assert_eq!(socket.pong(), b"between");
        let mut client = Client::over(Box::new(socket), v);
        assert_eq!(client.expect_connack().code, 0);
        assert_eq!(reader.take().payload, b"fragmented");
    }

    fn mqtt_6_0_0_1_text_frames_close(v) {
        let broker = Broker::shared();
        let topic = fresh("ws/will");
        let mut witness = broker.client(v);
        witness.subscribe(&topic, 1);
        let mut socket = open("/mqtt", Some("mqtt")).expect("an upgrade");
        let connect = Connect::fresh(v).will(Will::new(&topic, "gone").qos(1));
        socket.send_frame(true, websocket::BINARY, &connect.encode()).expect("a frame is taken");
        socket.send_frame(true, websocket::TEXT, &[0xc0, 0]).expect("a frame is taken");
        let mut client = Client::over(Box::new(socket), v);
        let packets = client.drain_to_close();
        assert!(!packets.contains(&causeway_tests::Packet::PingResp), "{packets:?}");
        assert_eq!(witness.take().payload, b"gone");
    }

    /// A WebSocket close frame is not a DISCONNECT: the will is published.
    fn closing_the_websocket_publishes_the_will(v) {
        let broker = Broker::shared();
        let topic = fresh("ws/close");
        let mut witness = broker.client(v);
        witness.subscribe(&topic, 1);
        let mut socket = open("/mqtt", Some("mqtt")).expect("an upgrade");
        let connect = Connect::fresh(v).will(Will::new(&topic, "gone").qos(1));
        socket.send_frame(true, websocket::BINARY, &connect.encode()).expect("a frame is taken");
        let mut client = Client::over(Box::new(socket), v);
        assert_eq!(client.expect_connack().code, 0);
        client.vanish();
        assert_eq!(witness.take().payload, b"gone");
    }

    /// Sessions do not care what they run over.
    fn sessions_move_between_transports(v) {
        let broker = Broker::shared();
        let topic = fresh("ws/session");
        let connect = Connect::persistent(v, &fresh("moving"));
        let mut over_ws = broker.websocket(v);
        over_ws.connect(&connect);
        over_ws.subscribe(&topic, 1);
        over_ws.disconnect();
        broker.client(v).publish(Publish::new(&topic, "queued").qos(1));
        let mut over_tcp = broker.connect(&connect);
        assert!(over_tcp.connack.session_present);
        assert_eq!(over_tcp.take().payload, b"queued");
    }
}

/// Any path is served.
#[test]
fn any_path_is_accepted() {
    for path in ["/", "/mqtt", "/ws", "/some/where?token=1"] {
        open(path, Some("mqtt")).unwrap_or_else(|refused| panic!("{path}: {}", refused.head));
    }
}

#[test]
fn mqtt_6_0_0_4_sub_protocol_mqtt_is_chosen() {
    open("/mqtt", Some("mqtt")).expect("an upgrade");
    open("/mqtt", Some("chat, mqtt")).expect("an upgrade where mqtt is one of several");
}

/// [MQTT-6.0.0-3] binds the client to offer it; without, the server refuses.
#[test]
fn other_sub_protocols_are_refused() {
    if causeway_tests::broker::is_reference() {
        return;
    }
    match open("/mqtt", Some("chat")) {
        Err(refused) => assert!(refused.head.starts_with("HTTP/1.1 4") || refused.head.is_empty(), "{}", refused.head),
        Ok(_) => panic!("sub-protocol chat accepted"),
    }
}

/// An ordinary HTTP request gets an answer, not a hanging connection.
#[test]
fn plain_http_is_answered() {
    let answer = causeway_tests::http::get(Broker::shared().ws(), "/");
    assert!(answer.is_none_or(|(status, _)| status >= 400), "a page on the MQTT port");
}
