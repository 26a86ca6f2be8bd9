//! A publisher that writes down what it sent and what was acknowledged, over any number of broker deaths.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::Event;
use crate::random::Random;
use crate::{Ack, AckKind, Client, Connect, Packet, Publish, Version};

const WINDOW: usize = 20;

/// To who connects while the broker ends; 3 before MQTT 5.
const SERVER_UNAVAILABLE: u8 = 0x88;

/// Opens a connection and waits for CONNACK; nothing where the broker dies before, or says that it is about to.
pub fn open(address: SocketAddr, connect: &Connect) -> Option<Client> {
    let socket = std::net::TcpStream::connect(address).ok()?;
    socket.set_nodelay(true).ok()?;
    let mut client = Client::over(Box::new(socket), connect.version);
    client.id = connect.client_id.clone();
    client.try_send(&connect.encode()).ok()?;
    match client.poll(crate::deadline::patience())? {
        Event::Packet(Packet::ConnAck(answer)) if [SERVER_UNAVAILABLE, 3].contains(&answer.code) => None,
        Event::Packet(Packet::ConnAck(answer)) => {
            assert_eq!(answer.code, 0, "{}: refused", connect.client_id);
            client.connack = answer;
            Some(client)
        }
        Event::Packet(other) => panic!("[MQTT-3.2.0-1] {other:?} before CONNACK"),
        Event::Closed => None,
    }
}

struct Flight {
    packet_id: u16,
    topic: usize,
    number: u64,
    /// PUBREC has come: only PUBREL is sent from here on.
    released: bool,
}

/// Messages of one topic: numbered from 0 in the order of sending.
#[derive(Default)]
pub struct Sent {
    pub topic: String,
    pub count: u64,
    pub acknowledged: BTreeSet<u64>,
}

pub struct Producer {
    pub qos: u8,
    pub topics: Vec<Sent>,
    pub errors: Vec<String>,
    connect: Connect,
    flying: VecDeque<Flight>,
    next_packet_id: u16,
    known: bool,
    random: Random,
}

impl Producer {
    pub fn new(name: usize, version: Version, qos: u8) -> Self {
        let topic = |k| Sent { topic: format!("t/{name}/{k}"), ..Sent::default() };
        Producer {
            qos,
            topics: (0..3).map(topic).collect(),
            errors: Vec::new(),
            connect: Connect::persistent(version, &format!("producer-{name}")),
            flying: VecDeque::new(),
            next_packet_id: 0,
            known: false,
            random: Random::new(name as u64 + 77),
        }
    }

    /// Whether everything it has sent was answered.
    pub fn is_done(&self) -> bool {
        self.flying.is_empty()
    }

    /// Publishes up to `limit` new messages until the broker dies or `stop` is set and all is acknowledged.
    pub fn run(&mut self, address: SocketAddr, stop: &AtomicBool, limit: usize) {
        let Some(mut client) = open(address, &self.connect) else { return };
        if self.known && !client.connack.session_present {
            self.errors.push("the producer's session is gone".into());
        }
        self.known = true;
        if self.resend(&mut client).is_err() {
            return;
        }
        let mut left = limit;
        loop {
            if stop.load(Ordering::Relaxed) {
                left = 0;
            }
            if left == 0 && self.flying.is_empty() && stop.load(Ordering::Relaxed) {
                return client.disconnect();
            }
            while left > 0 && self.flying.len() < WINDOW {
                left -= 1;
                if self.send_next(&mut client).is_err() {
                    return;
                }
            }
            let answered = match client.poll(Duration::from_millis(10)) {
                // 0x8b: the broker ends well.
                Some(Event::Closed | Event::Packet(Packet::Disconnect { reason: 0x8b, .. })) => return,
                Some(Event::Packet(packet)) => self.answer(&mut client, &packet),
                None => Ok(()),
            };
            if answered.is_err() {
                return;
            }
        }
    }

    fn resend(&mut self, client: &mut Client) -> std::io::Result<()> {
        for flight in &self.flying {
            let bytes = if flight.released {
                Ack::new(AckKind::PubRel, flight.packet_id).encode(client.version)
            } else {
                self.message(flight).dup().encode(client.version)
            };
            client.try_send(&bytes)?;
        }
        Ok(())
    }

    fn message(&self, flight: &Flight) -> Publish {
        let pad = "·".repeat((flight.number as usize * 37) % 150);
        let payload = format!("{}:{pad}", flight.number);
        Publish::new(&self.topics[flight.topic].topic, payload).qos(self.qos).packet_id(flight.packet_id)
    }

    fn send_next(&mut self, client: &mut Client) -> std::io::Result<()> {
        let topic = self.random.below(self.topics.len() as u64) as usize;
        self.next_packet_id = self.next_packet_id % 60_000 + 1;
        let number = self.topics[topic].count;
        self.topics[topic].count += 1;
        let flight = Flight { packet_id: self.next_packet_id, topic, number, released: false };
        let bytes = self.message(&flight).encode(client.version);
        self.flying.push_back(flight);
        client.try_send(&bytes)
    }

    fn answer(&mut self, client: &mut Client, packet: &Packet) -> std::io::Result<()> {
        let Packet::Ack(ack) = packet else {
            self.errors.push(format!("{packet:?} to a producer"));
            return Ok(());
        };
        let Some(at) = self.flying.iter().position(|f| f.packet_id == ack.packet_id) else {
            // PUBCOMP of a PUBREL that was sent again.
            if ack.kind != AckKind::PubComp {
                self.errors.push(format!("{ack:?} for nothing"));
            }
            return Ok(());
        };
        if ack.reason >= 0x80 && ack.kind != AckKind::PubComp {
            self.errors.push(format!("{ack:?}"));
        }
        let flight = &mut self.flying[at];
        match ack.kind {
            AckKind::PubAck => {
                self.topics[flight.topic].acknowledged.insert(flight.number);
                self.flying.remove(at);
            }
            AckKind::PubRec => {
                flight.released = true;
                self.topics[flight.topic].acknowledged.insert(flight.number);
                client.try_send(&Ack::new(AckKind::PubRel, ack.packet_id).encode(client.version))?;
            }
            AckKind::PubComp => drop(self.flying.remove(at)),
            AckKind::PubRel => self.errors.push(format!("{ack:?} to a producer")),
        }
        Ok(())
    }
}
