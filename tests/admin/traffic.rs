//! Scenes: clients that do what clients do, and clients that are refused.

use causeway_tests::{Connect, Props, Publish, Version, prop};

use crate::watch::{Samples, moved, quiet, still};

const V: Version = Version::V5;

pub fn messages_and_connections(samples: Samples) {
    let (broker, _resources) = quiet("");
    still(&broker, samples);
    let mut subscriber = broker.client(V);
    subscriber.subscribe("news", 1);
    let mut publisher = broker.client(Version::V311);
    publisher.publish(Publish::new("news", "payload").qos(1));
    assert_eq!(subscriber.take().text(), "payload");
    moved(&broker, samples);
}

pub fn clients_that_are_refused_or_ended(samples: Samples) {
    let (broker, _resources) = quiet("");
    still(&broker, samples);
    let unknown = Props::new().str(prop::AUTH_METHOD, "no-such-method");
    let (_, answer) = broker.attempt(&Connect::fresh(V).props(unknown));
    assert!(answer.code >= 0x80, "a method nobody knows");
    let mut publisher = broker.client(V);
    assert_eq!(publisher.publish(Publish::new("$SYS/broker/version", "mine").qos(1)), 0x87);
    let mut wrong = broker.client(V);
    // A PUBLISH with QoS 3.
    wrong.send(&[0x36, 0x00]);
    wrong.drain_to_close();
    let silent = broker.connect(&Connect::fresh(V).keep_alive(1));
    moved(&broker, samples);
    drop(silent);
}
