//! CONNECT and CONNACK: what is accepted, what is refused, and how.

use causeway_tests::client::Event;
use causeway_tests::wire::frame;
use causeway_tests::{Broker, Connect, Packet, Props, Publish, Subscribe, Version, Will, both, fresh, prop};
use causeway_tests::{Filter, broker};

both! {
    fn mqtt_3_1_0_1_first_packet_must_be_connect(v) {
        let others: [(&str, &[u8]); 5] = [
            ("PINGREQ", &[0xc0, 0]),
            ("PUBLISH", &[0x30, 5, 0, 1, b'a', 0, b'x']),
            ("SUBSCRIBE", &[0x82, 7, 0, 1, 0, 0, 1, b'a', 0]),
            ("DISCONNECT", &[0xe0, 0]),
            ("CONNACK", &[0x20, 2, 0, 0]),
        ];
        for (name, bytes) in others {
            let mut client = Broker::shared().raw(v);
            client.send(bytes);
            let answers = client.drain_to_close();
            assert!(!answers.iter().any(|p| matches!(p, Packet::ConnAck(a) if a.code == 0)), "{name}: {answers:?}");
        }
    }

    fn mqtt_3_1_0_2_second_connect_is_a_protocol_error(v) {
        let mut client = Broker::shared().client(v);
        client.send(&Connect::new(v, &client.id.clone()).encode());
        client.expect_disconnect(0x82);
    }

    fn mqtt_3_1_2_3_reserved_connect_flag_must_be_zero(v) {
        let mut bytes = Connect::fresh(v).encode();
        bytes[9] |= 0x01;
        let mut client = Broker::shared().raw(v);
        client.send(&bytes);
        refused(&mut client, &[0x81, 0x82]);
    }

    fn mqtt_3_1_3_5_client_ids_of_1_to_23_characters(v) {
        let alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for start in [0, 23, 39] {
            Broker::shared().connect(&Connect::new(v, &alphabet[start..start + 23])).disconnect();
        }
        Broker::shared().connect(&Connect::new(v, "Z")).disconnect();
    }

    /// Longer identifiers and other characters may be allowed (3.1.3.1), and clients rely on it.
    fn long_client_ids_of_any_characters_are_accepted(v) {
        let long = format!("{}-Grüße/+#/ 日本語-{}", fresh("long"), "x".repeat(200));
        Broker::shared().connect(&Connect::new(v, &long)).quiet();
    }

    fn mqtt_3_1_3_6_an_empty_client_id_is_assigned_a_unique_one(v) {
        let first = Broker::shared().connect(&Connect::new(v, ""));
        let mut second = Broker::shared().connect(&Connect::new(v, ""));
        second.quiet();
        // The same identifier would have ended the first connection.
        let mut first = first;
        first.quiet();
        assert!(!first.connack.session_present);
    }

    fn mqtt_3_1_4_5_accepted_connect_is_answered_with_code_zero(v) {
        let (mut client, answer) = Broker::shared().attempt(&Connect::fresh(v));
        assert_eq!((answer.code, answer.session_present), (0, false));
        client.quiet();
    }

    fn mqtt_3_2_0_2_exactly_one_connack(v) {
        let mut client = Broker::shared().client(v);
        client.quiet();
        client.quiet();
    }

    fn mqtt_3_1_4_6_nothing_is_processed_after_a_refused_connect(v) {
        let topic = fresh("refused/then/publish");
        let mut bytes = Connect::fresh(v).encode();
        bytes[9] |= 0x01;
        bytes.extend(Publish::new(&topic, "late").retained().encode(v));
        let mut client = Broker::shared().raw(v);
        let _ = client.try_send(&bytes);
        refused(&mut client, &[0x81, 0x82]);
        let mut reader = Broker::shared().client(v);
        reader.subscribe(&topic, 1);
        reader.quiet();
    }

    /// 3.1.4: a client may send more packets without waiting for CONNACK.
    fn packets_pipelined_behind_connect_are_processed(v) {
        let topic = fresh("pipelined");
        let mut reader = Broker::shared().client(v);
        reader.subscribe(&topic, 0);
        let mut bytes = Connect::fresh(v).encode();
        bytes.extend(Subscribe::new(Filter::new(&fresh("pipelined"), 0)).encode(v, 1));
        bytes.extend(Publish::new(&topic, "at once").encode(v));
        bytes.extend([0xc0, 0]);
        let mut client = Broker::shared().raw(v);
        client.send(&bytes);
        assert_eq!(client.expect_connack().code, 0);
        client.await_packet("PINGRESP", |p| (*p == Packet::PingResp).then_some(()));
        client.await_packet("SUBACK", |p| matches!(p, Packet::SubAck(a) if a.codes == [0]).then_some(()));
        assert_eq!(reader.take().payload, b"at once");
    }

    fn mqtt_4_2_0_1_packets_split_at_every_byte(v) {
        let topic = fresh("split");
        let mut client = Broker::shared().raw(v);
        let slowly = |client: &mut causeway_tests::Client, bytes: Vec<u8>| {
            bytes.into_iter().for_each(|byte| client.send(&[byte]));
        };
        slowly(&mut client, Connect::fresh(v).encode());
        assert_eq!(client.expect_connack().code, 0);
        slowly(&mut client, Subscribe::new(Filter::new(&topic, 0)).encode(v, 1));
        assert!(matches!(client.recv(), Packet::SubAck(_)));
        slowly(&mut client, Publish::new(&topic, "byte by byte").encode(v));
        assert_eq!(client.take().payload, b"byte by byte");
    }

    fn mqtt_3_12_4_1_pingreq_is_answered(v) {
        let mut client = Broker::shared().client(v);
        client.send(&[0xc0, 0, 0xc0, 0, 0xc0, 0]);
        for _ in 0..3 {
            assert_eq!(client.recv(), Packet::PingResp);
        }
        client.quiet();
    }

    /// No authentication is configured: credentials are carried and ignored.
    fn user_name_and_password_are_accepted(v) {
        Broker::shared().connect(&Connect::fresh(v).user("någon").password(b"\x00\xff secret")).quiet();
        Broker::shared().connect(&Connect::fresh(v).user("")).quiet();
    }

    fn mqtt_3_1_3_2_client_ids_are_case_sensitive(v) {
        let name = fresh("CaseSensitive");
        let mut upper = Broker::shared().connect(&Connect::new(v, &name));
        let mut lower = Broker::shared().connect(&Connect::new(v, &name.to_lowercase()));
        upper.quiet();
        lower.quiet();
    }

    fn mqtt_3_14_4_2_disconnect_ends_the_connection(v) {
        let mut client = Broker::shared().client(v);
        client.send(&[0xe0, 0]);
        client.expect_closed();
    }

    /// What follows DISCONNECT on the wire is not processed.
    fn packets_behind_disconnect_are_not_processed(v) {
        let topic = fresh("after/disconnect");
        let mut client = Broker::shared().client(v);
        let mut bytes = vec![0xe0, 0];
        bytes.extend(Publish::new(&topic, "late").retained().encode(v));
        client.send(&bytes);
        client.expect_closed();
        let mut reader = Broker::shared().client(v);
        reader.subscribe(&topic, 1);
        reader.quiet();
    }
}

/// Refused before a session begins: CONNACK with one of these codes, or nothing, then the end.
fn refused(client: &mut causeway_tests::Client, codes: &[u8]) {
    match client.drain_to_close().as_slice() {
        [] => {}
        [Packet::ConnAck(answer)] if codes.contains(&answer.code) => {}
        other => panic!("refused with {other:02x?} instead of {codes:02x?}"),
    }
}

#[test]
fn mqtt_3_1_2_1_wrong_protocol_name_is_refused() {
    for name in ["MQTX", "mqtt", "MQTTT", "", "HTTP"] {
        let mut body = Vec::new();
        causeway_tests::wire::put_str(&mut body, name);
        body.extend([4, 2, 0, 60, 0, 1, b'a']);
        // Which version answers is open: the parser for 5 takes both layouts.
        let mut client = Broker::shared().raw(Version::V5);
        client.send(&frame(0x10, &body));
        let answers = client.drain_to_close();
        let fine = |p: &Packet| matches!(p, Packet::ConnAck(a) if a.code != 0);
        assert!(answers.len() <= 1 && answers.iter().all(fine), "{name}: {answers:?}");
    }
}

#[test]
fn mqtt_3_1_2_2_unsupported_protocol_version_is_refused() {
    for level in [0u8, 1, 2, 6, 7, 100, 255] {
        let mut client = Broker::shared().raw(Version::V5);
        client.send(&frame(0x10, &[0, 4, b'M', b'Q', b'T', b'T', level, 2, 0, 60, 0, 1, b'a']));
        refused(&mut client, &[0x01, 0x84]);
    }
}

/// 3.1.1 demands the answer 0x01 where 5.0 leaves it open.
#[test]
fn mqtt311_3_1_2_2_unsupported_level_is_answered() {
    let mut client = Broker::shared().raw(Version::V5);
    client.send(&frame(0x10, &[0, 4, b'M', b'Q', b'T', b'T', 6, 2, 0, 60, 0, 1, b'a']));
    let answers = client.drain_to_close();
    let code = match answers.as_slice() {
        [Packet::ConnAck(answer)] => answer.code,
        other => panic!("{other:?}"),
    };
    assert!([0x01, 0x84].contains(&code), "{code:#04x}");
}

#[test]
fn mqtt311_3_1_3_8_empty_client_id_without_clean_session_is_refused() {
    let (mut client, answer) = Broker::shared().attempt(&Connect::new(Version::V311, "").clean(false));
    assert_eq!(answer.code, 0x02);
    client.expect_closed();
}

#[test]
fn mqtt_3_1_3_7_assigned_client_id_is_returned_and_works() {
    let broker = Broker::shared();
    let first = broker.connect(&Connect::new(Version::V5, "").clean(false).session_expiry(600));
    let assigned =
        first.connack.props.text(prop::ASSIGNED_CLIENT_ID).expect("an assigned client identifier").to_string();
    assert!(!assigned.is_empty());
    first.vanish();
    let again = broker.connect(&Connect::new(Version::V5, &assigned).clean(false));
    assert!(again.connack.session_present);
    assert!(!again.connack.props.has(prop::ASSIGNED_CLIENT_ID));
}

#[test]
fn mqtt_3_2_2_16_assigned_client_ids_are_unique() {
    let clients: Vec<_> = (0..50).map(|_| Broker::shared().connect(&Connect::new(Version::V5, ""))).collect();
    let mut names: Vec<&str> = clients.iter().map(|c| c.id.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 50);
}

/// Clients of MQTT 3.1 are served as 3.1.1 clients.
#[test]
fn mqtt31_clients_are_accepted() {
    let broker = Broker::shared();
    let topic = fresh("mqisdp");
    let will = Will::new(&fresh("mqisdp/will"), "gone").qos(1);
    let mut old = broker.connect(&Connect::new(Version::V31, &fresh("old")).will(will));
    old.subscribe(&topic, 2);
    let mut new = broker.client(Version::V5);
    new.publish(Publish::new(&topic, "from 5").qos(2).props(Props::new().user("a", "b")));
    assert_eq!(old.take().payload, b"from 5");
    old.publish(Publish::new(&topic, "from 3.1").qos(1));
    assert_eq!(old.take().payload, b"from 3.1");
    old.quiet();
}

#[test]
fn mqtt31_sessions_resume() {
    let broker = Broker::shared();
    let (id, topic) = (fresh("old"), fresh("mqisdp/resume"));
    let mut old = broker.connect(&Connect::new(Version::V31, &id).clean(false));
    old.subscribe(&topic, 1);
    old.disconnect();
    broker.client(Version::V311).publish(Publish::new(&topic, "kept").qos(1));
    let mut old = broker.connect(&Connect::new(Version::V31, &id).clean(false));
    assert_eq!(old.take().payload, b"kept");
}

#[test]
fn protocol_name_and_level_must_belong_together() {
    for (name, level) in [("MQIsdp", 4u8), ("MQIsdp", 5), ("MQTT", 3)] {
        let mut body = Vec::new();
        causeway_tests::wire::put_str(&mut body, name);
        body.extend([level, 2, 0, 60]);
        if level == 5 {
            body.push(0);
        }
        body.extend([0, 1, b'a']);
        let mut client = Broker::shared().raw(Version::V5);
        client.send(&frame(0x10, &body));
        refused(&mut client, &[0x01, 0x84]);
    }
}

#[test]
fn mqtt311_3_2_2_4_refusal_has_no_session_present() {
    let broker = Broker::shared();
    let id = fresh("refused");
    broker.connect(&Connect::persistent(Version::V311, &id)).disconnect();
    let mut client = broker.raw(Version::V5);
    let mut bytes = Connect::new(Version::V5, &id).clean(false).encode();
    bytes[8] = 6;
    client.send(&bytes);
    for packet in client.drain_to_close() {
        assert!(matches!(packet, Packet::ConnAck(a) if !a.session_present && a.code != 0));
    }
}

#[test]
fn mqtt_3_1_2_28_no_response_information_unless_asked() {
    let broker = Broker::shared();
    for props in [Props::new(), Props::new().byte(prop::REQUEST_RESPONSE, 0)] {
        let client = broker.connect(&Connect::fresh(Version::V5).props(props));
        assert!(!client.connack.props.has(prop::RESPONSE_INFO));
    }
    broker.connect(&Connect::fresh(Version::V5).props(Props::new().byte(prop::REQUEST_RESPONSE, 1))).quiet();
}

#[test]
fn mqtt_3_1_2_29_no_reason_strings_when_not_wanted() {
    let broker = Broker::shared();
    let unwanted = Props::new().byte(prop::REQUEST_PROBLEM, 0);
    let mut client = broker.connect(&Connect::fresh(Version::V5).props(unwanted));
    let bare = |props: &Props| !props.has(prop::REASON_STRING) && !props.has(prop::USER_PROPERTY);
    for qos in [1, 2] {
        let id = client.send_publish(Publish::new(&fresh("nobody/listens"), "x").qos(qos));
        match client.recv() {
            Packet::Ack(ack) => assert!(ack.packet_id == id && bare(&ack.props), "{ack:?}"),
            other => panic!("{other:?}"),
        }
    }
    client.ack(causeway_tests::AckKind::PubRel, 999);
    assert!(bare(&client.await_ack(causeway_tests::AckKind::PubComp, 999).props));
    let answer = client.subscribe_with(&Subscribe::new(Filter::new("fine", 1)).and(Filter::new("$SYS/#", 1)));
    assert!(bare(&answer.props), "{answer:?}");
    client.unsubscribe(&["not/subscribed"]);
}

/// 4.12: no method is configured, so none is known.
#[test]
fn mqtt_4_12_0_1_unknown_authentication_method_is_refused() {
    let method = Props::new().str(prop::AUTH_METHOD, "SCRAM-NOBODY").bin(prop::AUTH_DATA, b"hello");
    let (mut client, answer) = Broker::shared().attempt(&Connect::fresh(Version::V5).props(method));
    assert_eq!(answer.code, 0x8c);
    client.expect_closed();
}

#[test]
fn mqtt_4_12_0_6_no_auth_towards_a_client_without_method() {
    let client = Broker::shared().client(Version::V5);
    assert!(!client.connack.props.has(prop::AUTH_METHOD));
    let mut client = client;
    client.send(&[0xf0, 2, 0x19, 0]);
    client.expect_disconnect(0x82);
}

#[test]
fn mqtt_3_2_2_9_capabilities_are_not_restricted() {
    let props = Broker::shared().client(Version::V5).connack.props;
    assert_eq!(props.number(prop::MAXIMUM_QOS), None, "QoS 2 is supported");
    for id in
        [prop::RETAIN_AVAILABLE, prop::WILDCARD_AVAILABLE, prop::SUBSCRIPTION_ID_AVAILABLE, prop::SHARED_AVAILABLE]
    {
        assert_ne!(props.number(id), Some(0), "property {id:#04x}");
    }
}

/// A connection that says nothing is closed, and a half CONNECT does not keep it.
#[test]
fn connections_without_connect_end() {
    if broker::is_reference() {
        return;
    }
    let mut half = Broker::shared().raw(Version::V5);
    half.send(&[0x10, 0x20, 0, 4]);
    let end = half.poll(std::time::Duration::from_secs(60));
    assert_eq!(end, Some(Event::Closed), "a connection without CONNECT is held");
}
