//! The will delay interval of MQTT 5.

use causeway_tests::{Broker, Client, Connect, Props, Version, Will, fresh, prop};

const V: Version = Version::V5;

fn delayed(topic: &str, payload: &str, seconds: u32) -> Will {
    Will::new(topic, payload).qos(1).props(Props::new().u32(prop::WILL_DELAY, seconds))
}

fn witness(broker: &Broker, topic: &str) -> Client {
    let mut witness = broker.client(V);
    witness.subscribe(topic, 1);
    witness
}

fn persistent(will: Will) -> Connect {
    Connect::persistent(V, &fresh("delayed")).will(will)
}

#[test]
fn mqtt_3_1_2_8_will_is_published_when_the_delay_is_over() {
    let broker = Broker::shared();
    let topic = fresh("delay/over");
    let mut witness = witness(broker, &topic);
    broker.connect(&persistent(delayed(&topic, "second", 2))).vanish();
    broker.connect(&persistent(delayed(&topic, "first", 0))).vanish();
    assert_eq!(witness.take_texts(2), ["first", "second"], "the delayed one later");
    witness.quiet();
}

#[test]
fn mqtt_3_1_3_9_reconnecting_within_the_delay_suppresses_the_will() {
    let broker = Broker::shared();
    let topic = fresh("delay/reconnect");
    let mut witness = witness(broker, &topic);
    let connect = persistent(delayed(&topic, "suppressed", 1));
    broker.connect(&connect).vanish();
    let again = broker.connect(&Connect { will: None, ..connect });
    assert!(again.connack.session_present);
    broker.connect(&persistent(delayed(&topic, "marker", 2))).vanish();
    assert_eq!(witness.take().payload, b"marker");
}

/// The session's end comes first where its expiry is shorter than the delay.
#[test]
fn mqtt_3_1_2_8_will_is_published_when_the_session_ends_before_the_delay() {
    let broker = Broker::shared();
    let topic = fresh("delay/session");
    let mut witness = witness(broker, &topic);
    let connect = Connect::fresh(V).session_expiry(1).will(delayed(&topic, "session ended", 3600));
    broker.connect(&connect).vanish();
    assert_eq!(witness.take().payload, b"session ended");
    let connect = Connect::fresh(V).will(delayed(&topic, "no session", 3600));
    broker.connect(&connect).vanish();
    assert_eq!(witness.take().payload, b"no session");
}

/// A clean start ends the old session, and with it the wait.
#[test]
fn clean_start_ends_the_session_and_publishes_its_delayed_will() {
    let broker = Broker::shared();
    let topic = fresh("delay/clean");
    let mut witness = witness(broker, &topic);
    let connect = persistent(delayed(&topic, "session ended", 3600));
    broker.connect(&connect).vanish();
    let mut again = broker.connect(&Connect { will: None, clean: true, ..connect });
    assert_eq!(witness.take().payload, b"session ended");
    again.quiet();
    witness.quiet();
}

/// A new connection brings its own will; the old one's delay is void.
#[test]
fn will_of_the_new_connection_counts() {
    let broker = Broker::shared();
    let topic = fresh("delay/new");
    let mut witness = witness(broker, &topic);
    let connect = persistent(delayed(&topic, "old", 1));
    broker.connect(&connect).vanish();
    broker.connect(&Connect { will: Some(delayed(&topic, "new", 2)), ..connect }).vanish();
    assert_eq!(witness.take().payload, b"new");
    witness.quiet();
}

#[test]
fn disconnect_with_will_message_respects_the_delay() {
    let broker = Broker::shared();
    let topic = fresh("delay/disconnect");
    let mut witness = witness(broker, &topic);
    broker.connect(&persistent(delayed(&topic, "later", 2))).disconnect_with(4, Props::new());
    broker.connect(&persistent(delayed(&topic, "sooner", 0))).disconnect_with(4, Props::new());
    assert_eq!(witness.take_texts(2), ["sooner", "later"]);
}

/// DISCONNECT may end the session at once; then nothing is left to wait for.
#[test]
fn session_expiry_zero_in_disconnect_with_will_publishes_at_once() {
    let broker = Broker::shared();
    let topic = fresh("delay/zero");
    let mut witness = witness(broker, &topic);
    let client = broker.connect(&persistent(delayed(&topic, "at once", 3600)));
    client.disconnect_with(4, Props::new().u32(prop::SESSION_EXPIRY, 0));
    assert_eq!(witness.take().payload, b"at once");
}
