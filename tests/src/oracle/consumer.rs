//! A subscriber with a persistent session that writes down everything it is given, over any number of broker deaths.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::Event;
use crate::{Ack, AckKind, Client, Connect, Filter, Packet, Publish, Subscribe, Version};

use super::producer::open;

/// How long a consumer waits for the first message, or the next one, before it takes it that nothing is pending.
const QUIET: Duration = Duration::from_millis(20);

/// The same where it has come back again and again for what is missing.
const LONG_QUIET: Duration = Duration::from_secs(2);

/// How a consumer behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Acknowledges at once.
    Prompt,
    /// Acknowledges in batches, so that a death finds many in flight.
    Lazy,
    /// Is away every other round, so that a queue builds up.
    Away,
}

pub struct Consumer {
    pub name: String,
    pub filter: String,
    pub qos: u8,
    pub manner: Manner,
    /// Payloads by topic, in the order of delivery to the application, each with the QoS it came with.
    pub received: HashMap<String, Vec<(String, u8)>>,
    pub errors: Vec<String>,
    connect: Connect,
    /// QoS 2 identifiers between PUBLISH and PUBREL: the client's half of "exactly once".
    unreleased: HashSet<u16>,
    held: Vec<Ack>,
    known: bool,
    quiet: Duration,
}

impl Consumer {
    pub fn new(name: &str, version: Version, filter: &str, qos: u8, manner: Manner) -> Self {
        let mut connect = Connect::persistent(version, name);
        if manner == Manner::Lazy && version.is_v5() {
            connect = connect.receive_maximum(40);
        }
        Consumer {
            name: name.into(),
            filter: filter.into(),
            qos,
            manner,
            received: HashMap::new(),
            errors: Vec::new(),
            connect,
            unreleased: HashSet::new(),
            held: Vec::new(),
            known: false,
            quiet: QUIET,
        }
    }

    /// Makes session and subscription; the broker must live.
    pub fn subscribe(&mut self, address: SocketAddr) {
        let mut client = open(address, &self.connect).expect("a living broker");
        assert!(!client.connack.session_present);
        self.known = true;
        let answer = client.subscribe_with(&Subscribe::new(Filter::new(&self.filter, self.qos)));
        assert_eq!(answer.codes, [self.qos]);
        client.disconnect();
    }

    /// Consumes until the broker dies, or until `stop` is set and nothing comes for a while: longer each time that nothing
    /// came at all, because a broker that is busy takes its time for a queue.
    pub fn run(&mut self, address: SocketAddr, stop: &AtomicBool) {
        let Some(mut client) = open(address, &self.connect) else { return };
        if !client.connack.session_present {
            self.errors.push("the consumer's session is gone".into());
        }
        // What was not sent before the death is not owed any more: the broker sends those messages again.
        self.held.clear();
        let before = self.count();
        let quiet = if stop.load(Ordering::Relaxed) { self.quiet } else { QUIET };
        loop {
            let done = match client.poll(quiet) {
                // 0x8b: the broker ends well.
                Some(Event::Closed | Event::Packet(Packet::Disconnect { reason: 0x8b, .. })) => return,
                Some(Event::Packet(packet)) => self.take(&mut client, packet),
                None if stop.load(Ordering::Relaxed) && self.held.is_empty() => {
                    let was_idle = self.count() == before;
                    self.quiet = if was_idle { LONG_QUIET.min(quiet * 2) } else { QUIET };
                    return client.disconnect();
                }
                None => self.flush(&mut client),
            };
            if done.is_err() {
                return;
            }
        }
    }

    fn take(&mut self, client: &mut Client, packet: Packet) -> std::io::Result<()> {
        let ack = match packet {
            Packet::Publish(message) => {
                if message.qos > self.qos {
                    self.errors.push(format!("QoS {} for a subscription of {}", message.qos, self.qos));
                }
                let kind = [AckKind::PubAck, AckKind::PubRec][usize::from(message.qos == 2)];
                let known = message.qos == 2 && !self.unreleased.insert(message.packet_id);
                if known && !message.dup {
                    self.errors.push(format!("identifier {} used again before PUBREL", message.packet_id));
                }
                let ack = Ack::new(kind, message.packet_id);
                if !known {
                    self.note(message);
                }
                ack
            }
            Packet::Ack(ack) if ack.kind == AckKind::PubRel => {
                self.unreleased.remove(&ack.packet_id);
                Ack::new(AckKind::PubComp, ack.packet_id)
            }
            other => {
                self.errors.push(format!("{other:?} to a consumer"));
                return Ok(());
            }
        };
        self.held.push(ack);
        if self.manner != Manner::Lazy || self.held.len() >= 30 { self.flush(client) } else { Ok(()) }
    }

    fn note(&mut self, message: Publish) {
        let text = String::from_utf8_lossy(&message.payload).into_owned();
        self.received.entry(message.topic).or_default().push((text, message.qos));
    }

    fn flush(&mut self, client: &mut Client) -> std::io::Result<()> {
        for ack in std::mem::take(&mut self.held) {
            client.try_send(&ack.encode(client.version))?;
        }
        Ok(())
    }

    /// How many messages have come so far.
    pub fn count(&self) -> usize {
        self.received.values().map(Vec::len).sum()
    }
}
