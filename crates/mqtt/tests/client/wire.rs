//! A machine, a server and the wire between them, under a clock of its own.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mqtt::client::{Event, Machine, Message, Received, Settings, Token};
use mqtt::{Connect, ProtocolVersion, QoS, ReasonCode, Split, split};

use super::server::{Body, Server};

/// Who moves next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// When the application acknowledges what it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledge {
    AtOnce,
    /// The newest of those it holds first, when nothing else happens.
    LateAndBackwards,
    Never,
}

pub struct Wire {
    pub machine: Machine,
    pub server: Server,
    pub connect: Connect,
    pub now: Instant,
    pub to_server: BytesMut,
    pub to_client: BytesMut,
    pub acknowledge: Acknowledge,
    held: VecDeque<Received>,
    /// Everything that happened, messages and completions apart.
    pub events: Vec<Event>,
    pub got: Vec<Received>,
    pub completed: BTreeMap<Token, Result<ReasonCode, mqtt::client::RequestError>>,
    pub tokens: Vec<(Token, QoS, Body)>,
    /// Packets carried so far.
    pub carried: u32,
}

impl Wire {
    pub fn new(version: ProtocolVersion, settings: Settings) -> Self {
        let mut connect = Connect::new(version, "client");
        connect.clean_start = false;
        connect.session_expiry = Some(1000);
        Self {
            machine: Machine::new(settings),
            server: Server::new(version),
            connect,
            now: Instant::now(),
            to_server: BytesMut::new(),
            to_client: BytesMut::new(),
            acknowledge: Acknowledge::AtOnce,
            held: VecDeque::new(),
            events: Vec::new(),
            got: Vec::new(),
            completed: BTreeMap::new(),
            tokens: Vec::new(),
            carried: 0,
        }
    }

    /// A wire whose connection stands.
    pub fn connected(version: ProtocolVersion) -> Self {
        let mut wire = Self::new(version, Settings::default());
        wire.connect();
        wire.run();
        assert!(matches!(wire.events.as_slice(), [Event::Connected(_)]), "{:?}", wire.events);
        wire.events.clear();
        wire
    }

    pub fn connect(&mut self) {
        self.machine.connect(&self.connect, self.now).unwrap();
        self.settle();
    }

    pub fn publish(&mut self, qos: QoS, body: impl Into<Body>) -> Token {
        let body = body.into();
        let message = Message { qos, ..Message::new("to/server", body.clone().into_bytes()) };
        let token = self.machine.publish(message).unwrap();
        self.tokens.push((token, qos, body));
        token
    }

    /// Collects output and events.
    pub fn settle(&mut self) {
        loop {
            let output = self.machine.output(self.now);
            let event = self.machine.event();
            self.to_server.extend_from_slice(&output);
            match event {
                Some(event) => self.event(event),
                None if output.is_empty() => return,
                None => {}
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Message(received) => {
                self.got.push((*received).clone());
                if let Some(receipt) = received.receipt {
                    match self.acknowledge {
                        Acknowledge::AtOnce => {
                            self.machine.acknowledge(receipt, ReasonCode::Success);
                        }
                        Acknowledge::LateAndBackwards => self.held.push_back(*received),
                        Acknowledge::Never => {}
                    }
                }
            }
            Event::Published { token, outcome } => {
                assert!(self.completed.insert(token, outcome).is_none(), "{token:?} completed twice");
            }
            other => self.events.push(other),
        }
    }

    /// Acknowledges the newest message held; false when there is none.
    pub fn acknowledge_one(&mut self) -> bool {
        let Some(received) = self.held.pop_back() else { return false };
        self.machine.acknowledge(received.receipt.unwrap(), ReasonCode::Success);
        self.settle();
        true
    }

    /// Carries one packet; false when there is none.
    pub fn carry(&mut self, direction: Direction) -> bool {
        let buffer = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        let Ok(Split::Whole { len, .. }) = split(buffer, u32::MAX) else { return false };
        let mut packet = buffer.split_to(len);
        self.carried += 1;
        match direction {
            Direction::ToServer => self.server.receive(&packet, &mut self.to_client),
            Direction::ToClient => {
                self.machine.receive(&mut packet, self.now);
                self.settle();
            }
        }
        true
    }

    /// Carries packets until there are none, and lets the application acknowledge what it holds.
    pub fn run(&mut self) {
        self.settle();
        self.server.send(&mut self.to_client);
        while self.carry(Direction::ToServer) || self.carry(Direction::ToClient) || self.acknowledge_one() {}
    }

    /// The connection breaks: what is on its way is lost.
    pub fn cut(&mut self) {
        self.to_server.clear();
        self.to_client.clear();
        self.server.disconnected();
        self.machine.closed();
        self.settle();
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        self.machine.elapsed(self.now);
        self.settle();
    }

    /// Feeds bytes of a server that is not there.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.machine.receive(&mut BytesMut::from(bytes), self.now);
        self.settle();
    }

    /// Payloads of messages that came, in order.
    pub fn got_bodies(&self) -> Vec<Body> {
        self.got.iter().map(|received| String::from_utf8(received.payload.to_vec()).unwrap()).collect()
    }
}
