//! Wills: when they are published, and as what.

use causeway_tests::{Broker, Client, Connect, Props, Publish, Version, Will, both, fresh, prop};

fn witness(broker: &Broker, v: Version, topic: &str) -> Client {
    let mut witness = broker.client(v);
    witness.subscribe(topic, 2);
    witness
}

/// Proves that no will came: a message published now on the same topic is the next one.
fn nothing_but_the_marker(broker: &Broker, witness: &mut Client, topic: &str) {
    broker.client(Version::V5).publish(Publish::new(topic, "marker").qos(1));
    assert_eq!(witness.take().payload, b"marker");
}

both! {
    fn mqtt_3_1_2_8_will_is_published_on_abnormal_close(v) {
        let broker = Broker::shared();
        let topic = fresh("will/close");
        let mut witness = witness(broker, v, &topic);
        broker.connect(&Connect::fresh(v).will(Will::new(&topic, "gone"))).vanish();
        let will = witness.take();
        assert_eq!((will.payload.as_slice(), will.qos, will.retain), (&b"gone"[..], 0, false));
        witness.quiet();
    }

    fn mqtt_3_14_4_3_no_will_after_normal_disconnect(v) {
        let broker = Broker::shared();
        let topic = fresh("will/normal");
        let mut witness = witness(broker, v, &topic);
        broker.connect(&Connect::fresh(v).will(Will::new(&topic, "gone").qos(1))).disconnect();
        broker.connect(&Connect::persistent(v, &fresh("client")).will(Will::new(&topic, "gone").qos(1))).disconnect();
        nothing_but_the_marker(broker, &mut witness, &topic);
    }

    fn mqtt_3_1_2_10_will_is_published_once(v) {
        let broker = Broker::shared();
        let (topic, id) = (fresh("will/once"), fresh("will"));
        let mut witness = witness(broker, v, &topic);
        broker.connect(&Connect::persistent(v, &id).will(Will::new(&topic, "gone").qos(1))).vanish();
        assert_eq!(witness.take().payload, b"gone");
        broker.connect(&Connect::persistent(v, &id)).vanish();
        broker.connect(&Connect::persistent(v, &id)).disconnect();
        nothing_but_the_marker(broker, &mut witness, &topic);
    }

    /// A new connection without a will replaces the old one's.
    fn mqtt_3_1_2_10_will_is_replaced_by_the_next_connect(v) {
        let broker = Broker::shared();
        let (topic, id) = (fresh("will/replaced"), fresh("will"));
        let mut witness = witness(broker, v, &topic);
        broker.connect(&Connect::persistent(v, &id).will(Will::new(&topic, "first").qos(1))).disconnect();
        broker.connect(&Connect::persistent(v, &id).will(Will::new(&topic, "second").qos(1))).vanish();
        assert_eq!(witness.take().payload, b"second");
        witness.quiet();
    }

    fn mqtt_3_1_2_12_will_qos_is_kept(v) {
        let broker = Broker::shared();
        for qos in 0..3 {
            let topic = fresh("will/qos");
            let mut witness = witness(broker, v, &topic);
            broker.connect(&Connect::fresh(v).will(Will::new(&topic, "gone").qos(qos))).vanish();
            assert_eq!(witness.take().qos, qos);
            witness.quiet();
        }
    }

    fn mqtt_3_1_2_14_will_without_retain_is_not_retained(v) {
        let broker = Broker::shared();
        let topic = fresh("will/plain");
        let mut first = witness(broker, v, &topic);
        broker.connect(&Connect::fresh(v).will(Will::new(&topic, "gone").qos(1))).vanish();
        assert!(!first.take().retain);
        witness(broker, v, &topic).quiet();
    }

    fn mqtt_3_1_2_15_will_with_retain_is_retained(v) {
        let broker = Broker::shared();
        let topic = fresh("will/retained");
        let mut first = witness(broker, v, &topic);
        broker.connect(&Connect::fresh(v).will(Will::new(&topic, "gone").qos(1).retained())).vanish();
        assert!(!first.take().retain, "an established subscription");
        let late = witness(broker, v, &topic).take();
        assert!(late.retain);
        assert_eq!(late.payload, b"gone");
    }

    /// An empty retained will removes what is retained there.
    fn empty_retained_will_removes_the_retained_message(v) {
        let broker = Broker::shared();
        let topic = fresh("will/removes");
        broker.client(v).publish(Publish::new(&topic, "here").qos(1).retained());
        let mut first = witness(broker, v, &topic);
        assert!(first.take().retain);
        broker.connect(&Connect::fresh(v).will(Will::new(&topic, "").qos(1).retained())).vanish();
        assert!(first.take().payload.is_empty());
        witness(broker, v, &topic).quiet();
    }

    fn mqtt_3_1_2_8_will_is_published_after_a_protocol_error(v) {
        let broker = Broker::shared();
        let topic = fresh("will/error");
        let mut witness = witness(broker, v, &topic);
        let mut wrong = broker.connect(&Connect::fresh(v).will(Will::new(&topic, "gone").qos(1)));
        wrong.send(&[0x00, 0x00]);
        wrong.drain_to_close();
        assert_eq!(witness.take().payload, b"gone");
    }

    /// The will of a persistent 3.1.1 session goes out at once: there is no delay in 3.1.1 and zero delay in 5.
    fn will_of_a_persistent_session_without_delay_goes_out_at_once(v) {
        let broker = Broker::shared();
        let (topic, id) = (fresh("will/persistent"), fresh("will"));
        let mut witness = witness(broker, v, &topic);
        broker.connect(&Connect::persistent(v, &id).will(Will::new(&topic, "gone").qos(2))).vanish();
        let will = witness.take();
        assert_eq!((will.qos, will.payload.as_slice()), (2, &b"gone"[..]));
        assert!(broker.connect(&Connect::persistent(v, &id)).connack.session_present);
    }

    /// A will reaches sessions that are away.
    fn will_is_queued_for_persistent_subscribers(v) {
        let broker = Broker::shared();
        let (topic, id) = (fresh("will/queued"), fresh("will"));
        let mut away = broker.connect(&Connect::persistent(v, &id));
        away.subscribe(&topic, 1);
        away.disconnect();
        let mut online = witness(broker, v, &topic);
        broker.connect(&Connect::fresh(v).will(Will::new(&topic, "gone").qos(1))).vanish();
        online.take();
        assert_eq!(broker.connect(&Connect::persistent(v, &id)).take().payload, b"gone");
    }

    /// The will of a connection that never was is not published.
    fn will_of_a_refused_connect_is_not_published(v) {
        let broker = Broker::shared();
        let topic = fresh("will/refused");
        let mut witness = witness(broker, v, &topic);
        let mut bytes = Connect::fresh(v).will(Will::new(&topic, "gone").qos(1)).encode();
        bytes[9] |= 1;
        let mut client = broker.raw(v);
        client.send(&bytes);
        client.drain_to_close();
        nothing_but_the_marker(broker, &mut witness, &topic);
    }
}

/// 3.14.2.1: reason 0x04 asks for the will.
#[test]
fn disconnect_with_will_message_publishes_it() {
    let broker = Broker::shared();
    let topic = fresh("will/asked");
    let mut witness = witness(broker, Version::V5, &topic);
    let client = broker.connect(&Connect::fresh(Version::V5).will(Will::new(&topic, "asked").qos(1)));
    client.disconnect_with(0x04, Props::new());
    assert_eq!(witness.take().payload, b"asked");
    witness.quiet();
}

/// [MQTT-3.1.2-10] removes the will for reason 0x00 alone.
#[test]
fn mqtt_3_1_2_8_any_other_disconnect_reason_publishes_the_will() {
    let broker = Broker::shared();
    for reason in [0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99] {
        let topic = fresh("will/reason");
        let mut witness = witness(broker, Version::V5, &topic);
        let client = broker.connect(&Connect::fresh(Version::V5).will(Will::new(&topic, "reason").qos(1)));
        client.disconnect_with(reason, Props::new());
        assert_eq!(witness.take().payload, b"reason", "{reason:#04x}");
    }
}

#[test]
fn mqtt_3_1_3_10_will_properties_are_forwarded_in_order() {
    let broker = Broker::shared();
    let topic = fresh("will/properties");
    let mut witness = witness(broker, Version::V5, &topic);
    let sent = Props::new()
        .byte(prop::PAYLOAD_FORMAT, 1)
        .str(prop::CONTENT_TYPE, "text/plain")
        .str(prop::RESPONSE_TOPIC, "answers/here")
        .bin(prop::CORRELATION_DATA, &[0, 1, 0xff])
        .user("b", "1")
        .user("a", "2")
        .user("b", "1");
    broker.connect(&Connect::fresh(Version::V5).will(Will::new(&topic, "text").qos(1).props(sent.clone()))).vanish();
    let got = witness.take().props;
    assert_eq!(got.users(), sent.users());
    for id in [prop::PAYLOAD_FORMAT, prop::CONTENT_TYPE, prop::RESPONSE_TOPIC, prop::CORRELATION_DATA] {
        assert_eq!(got.find(id), sent.find(id), "property {id:#04x}");
    }
    assert!(!got.has(prop::WILL_DELAY));
}

/// 3.1.3.2.4: the expiry of a will starts when it is published.
#[test]
fn will_message_expiry_is_the_published_messages() {
    let broker = Broker::shared();
    let topic = fresh("will/expiry");
    let mut witness = witness(broker, Version::V5, &topic);
    let props = Props::new().u32(prop::MESSAGE_EXPIRY, 100);
    broker.connect(&Connect::fresh(Version::V5).will(Will::new(&topic, "x").qos(1).props(props))).vanish();
    let left = witness.take().props.number(prop::MESSAGE_EXPIRY).expect("an expiry");
    assert!((80..=100).contains(&left), "{left} seconds left");
}
