//! Scenes: what is kept for clients, what expires, what cannot be delivered.

use causeway_tests::{AckKind, Broker, Connect, Props, Publish, Version, Will, prop};

use crate::watch::{Samples, let_pass, moved, quiet, still};

const V: Version = Version::V5;

/// A session with a subscription, whose client is away.
fn away(broker: &Broker, id: &str, filter: &str) -> Connect {
    let connect = Connect::persistent(V, id);
    let mut client = broker.connect(&connect);
    client.subscribe(filter, 1);
    client.disconnect();
    connect
}

fn expiring(seconds: u32) -> Props {
    Props::new().u32(prop::MESSAGE_EXPIRY, seconds)
}

pub fn what_is_kept(samples: Samples) {
    let (broker, _resources) = quiet("");
    still(&broker, samples);
    away(&broker, "reader", "queued");
    let mut kept = broker.connect(&Connect::persistent(V, "present").will(Will::new("ended", "will")));
    kept.subscribe("$share/group/work", 1);
    let mut transient = broker.client(V);
    transient.publish(Publish::new("queued", "waits").qos(1));
    transient.publish(Publish::new("kept", "stays").qos(1).retained());
    moved(&broker, samples);
}

pub fn what_expires(samples: Samples) {
    let (broker, _resources) = quiet("");
    still(&broker, samples);
    let reader = away(&broker, "reader", "short");
    let mut slow = broker.connect(&Connect::fresh(V).receive_maximum(1));
    slow.subscribe("narrow", 1);
    let mut publisher = broker.client(V);
    publisher.publish(Publish::new("narrow", "first").qos(1));
    let first = slow.expect_publish();
    publisher.publish(Publish::new("narrow", "second").qos(1).props(expiring(1)));
    publisher.publish(Publish::new("short", "queued").qos(1).props(expiring(1)));
    broker.connect(&Connect::new(V, "brief").session_expiry(1)).disconnect();
    let_pass(&broker, 3);
    slow.ack(AckKind::PubAck, first.packet_id);
    slow.quiet();
    let mut reader = broker.connect(&reader);
    reader.quiet();
    moved(&broker, samples);
}

pub fn what_cannot_be_delivered(samples: Samples) {
    let (broker, _resources) =
        quiet("advanced:\n  clients:\n    subscriberQueueLimit:\n      length: 2\n      strategy: DropOldest\n");
    still(&broker, samples);
    let mut narrow = broker.connect(&Connect::fresh(V).props(Props::new().u32(prop::MAXIMUM_PACKET_SIZE, 100)));
    narrow.subscribe("large", 1);
    away(&broker, "reader", "many");
    let mut member = broker.client(V);
    member.subscribe("$share/alone/work", 1);
    let mut publisher = broker.client(V);
    publisher.publish(Publish::new("large", vec![b'x'; 1000]).qos(1));
    for n in 0..5 {
        publisher.publish(Publish::new("many", n.to_string()).qos(1));
    }
    publisher.publish(Publish::new("work", "left").qos(1));
    member.expect_publish();
    member.vanish();
    moved(&broker, samples);
}
