//! Retained messages and delayed wills over broker deaths: what is owed after each one.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use causeway_tests::client::Event;
use causeway_tests::{AckKind, Broker, Connect, Packet, Props, Publish, Version, Will, prop};

use causeway_tests::oracle::open;

/// Sets one retained message again and again; every fifth time it is removed instead.
pub struct Setter {
    topic: String,
    connect: Connect,
    sent: u64,
    acknowledged: u64,
}

impl Setter {
    pub fn new(name: usize, version: Version) -> Self {
        let connect = Connect::new(version, &format!("setter-{name}"));
        Setter { topic: format!("r/{name}"), connect, sent: 0, acknowledged: 0 }
    }

    /// What is retained after step `n`.
    fn state(n: u64) -> Option<String> {
        (n > 0 && !n.is_multiple_of(5)).then(|| n.to_string())
    }

    pub fn run(&mut self, address: SocketAddr, stop: &AtomicBool) {
        let Some(mut client) = open(address, &self.connect) else { return };
        while !stop.load(Ordering::Relaxed) {
            self.sent += 1;
            let payload = Setter::state(self.sent).unwrap_or_default();
            let qos = 1 + (self.sent % 2) as u8;
            let packet_id = (self.sent % 60_000 + 1) as u16;
            let publish = Publish::new(&self.topic, payload).qos(qos).packet_id(packet_id).retained();
            if client.try_send(&publish.encode(client.version)).is_err() {
                return;
            }
            loop {
                match client.poll(causeway_tests::deadline::patience()) {
                    Some(Event::Packet(Packet::Ack(ack))) => match ack.kind {
                        AckKind::PubAck | AckKind::PubComp => break,
                        AckKind::PubRec => {
                            // PUBREC is the acknowledgement; mosquitto stores the message at PUBREL.
                            if !causeway_tests::broker::is_reference() {
                                self.acknowledged = self.sent;
                            }
                            let release = causeway_tests::Ack::new(AckKind::PubRel, packet_id);
                            if client.try_send(&release.encode(client.version)).is_err() {
                                return;
                            }
                        }
                        AckKind::PubRel => panic!("PUBREL to a publisher"),
                    },
                    // 0x8b: the broker ends well.
                    Some(Event::Closed | Event::Packet(Packet::Disconnect { reason: 0x8b, .. })) => return,
                    other => panic!("{other:?} to a setter"),
                }
            }
            self.acknowledged = self.sent;
        }
    }
}

/// Reads what is retained and compares: the last acknowledged one, or a later one that was sent.
pub fn check_retained(broker: &Broker, setters: &[Setter]) -> Vec<String> {
    let mut wrong = Vec::new();
    for setter in setters {
        let mut reader = broker.client(Version::V5);
        reader.subscribe(&setter.topic, 1);
        // A message that is not retained ends the reading: what is retained comes before it.
        broker.client(Version::V5).publish(Publish::new(&setter.topic, "end").qos(1));
        let mut now = None;
        loop {
            let message = reader.take();
            if message.text() == "end" {
                break;
            }
            assert!(message.retain);
            now = Some(message.text().to_string());
        }
        let allowed = (setter.acknowledged..=setter.sent).any(|n| Setter::state(n) == now);
        if !allowed {
            let range = setter.acknowledged..=setter.sent;
            wrong.push(format!("{} is {now:?}, acknowledged and sent: {range:?}", setter.topic));
        }
    }
    wrong
}

/// Wills that are owed: payload of each, published once.
#[derive(Default)]
pub struct Wills {
    pub owed: Vec<String>,
}

impl Wills {
    /// A client that goes away before the broker dies, with a will that is due some time after.
    pub fn leave(&mut self, broker: &Broker, round: usize, delay: u32) {
        let payload = format!("left-{round}-{delay}");
        let props = Props::new().u32(prop::WILL_DELAY, delay);
        let will = Will::new("will/left", &payload).qos(2).props(props);
        broker.connect(&Connect::persistent(Version::V5, &payload).will(will)).vanish();
        self.owed.push(payload);
    }

    /// A client that is connected when the broker dies.
    pub fn stay(&mut self, broker: &Broker, round: usize, version: Version) -> causeway_tests::Client {
        let payload = format!("stayed-{round}-{version:?}");
        let will = Will::new("will/stayed", &payload).qos(2);
        let client = broker.connect(&Connect::persistent(version, &payload).will(will));
        self.owed.push(payload);
        client
    }
}
