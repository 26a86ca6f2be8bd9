//! A client over any stream: sends what it is told, and takes apart everything the broker sends.

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::deadline::patience;
use crate::packet::SubAck;
use crate::stream::{Stream, timed_out};
use crate::subscribe::unsubscribe;
use crate::wire::{Front, front};
use crate::{Ack, AckKind, ConnAck, Connect, Filter, Packet, Props, Publish, Subscribe, Version, prop};

/// What came next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Packet(Packet),
    Closed,
}

pub struct Client {
    stream: Box<dyn Stream>,
    pub version: Version,
    /// The client identifier last sent in CONNECT.
    pub id: String,
    pub connack: ConnAck,
    input: Vec<u8>,
    stash: VecDeque<Packet>,
    next_packet_id: u16,
    alias_maximum: u32,
    aliases: HashMap<u32, String>,
    closed: bool,
}

impl Client {
    pub fn over(stream: Box<dyn Stream>, version: Version) -> Self {
        Client {
            stream,
            version,
            id: String::new(),
            connack: ConnAck::default(),
            input: Vec::new(),
            stash: VecDeque::new(),
            next_packet_id: 0,
            alias_maximum: 0,
            aliases: HashMap::new(),
            closed: false,
        }
    }

    /// Sends CONNECT; the answer must be CONNACK.
    pub fn connect(&mut self, connect: &Connect) -> ConnAck {
        self.send_connect(connect);
        self.expect_connack()
    }

    pub fn send_connect(&mut self, connect: &Connect) {
        self.version = connect.version;
        self.id = connect.client_id.clone();
        self.alias_maximum = connect.props.number(prop::TOPIC_ALIAS_MAXIMUM).unwrap_or(0);
        self.send(&connect.encode());
    }

    /// [MQTT-3.2.0-1]: the first packet of a server is CONNACK.
    pub fn expect_connack(&mut self) -> ConnAck {
        match self.recv() {
            Packet::ConnAck(answer) => {
                if let Some(assigned) = answer.props.text(prop::ASSIGNED_CLIENT_ID) {
                    self.id = assigned.to_string();
                }
                self.connack = answer.clone();
                answer
            }
            other => panic!("[MQTT-3.2.0-1] {other:?} before CONNACK"),
        }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the broker takes what is sent");
    }

    /// Sends bytes where the broker may already have closed.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Sends nothing for as long as `limit` where the broker takes nothing: how much went out.
    pub fn send_until_stalled(&mut self, bytes: &[u8], limit: Duration) -> usize {
        self.stream.socket().set_write_timeout(Some(limit)).expect("a write timeout");
        let mut sent = 0;
        while sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(count) => sent += count,
                Err(e) if timed_out(&e) => break,
                Err(e) => panic!("closed instead of stalled: {e}"),
            }
        }
        self.stream.socket().set_write_timeout(Some(patience())).expect("a write timeout");
        sent
    }

    /// What comes next, or nothing by that time.
    pub fn poll(&mut self, limit: Duration) -> Option<Event> {
        if let Some(packet) = self.stash.pop_front() {
            return Some(Event::Packet(packet));
        }
        self.poll_wire(limit)
    }

    fn poll_wire(&mut self, limit: Duration) -> Option<Event> {
        let end = Instant::now() + limit;
        loop {
            if let Front::Whole { first, body, end } = front(&self.input) {
                let packet = Packet::read(first, &self.input[body..end], self.version);
                self.input.drain(..end);
                return Some(Event::Packet(self.resolve(packet)));
            }
            if self.closed {
                return Some(Event::Closed);
            }
            let left = end.checked_duration_since(Instant::now()).filter(|d| !d.is_zero())?;
            self.read(left);
        }
    }

    fn read(&mut self, limit: Duration) {
        self.stream.socket().set_read_timeout(Some(limit)).expect("a read timeout");
        let mut chunk = [0; 65536];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.closed = true,
            Ok(count) => self.input.extend_from_slice(&chunk[..count]),
            Err(e) if timed_out(&e) => {}
            Err(e)
                if [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof, ErrorKind::BrokenPipe]
                    .contains(&e.kind()) =>
            {
                self.closed = true;
            }
            Err(e) => panic!("reading from the broker: {e}"),
        }
    }

    /// Puts the topic back where the broker used an alias, and checks that it may.
    fn resolve(&mut self, packet: Packet) -> Packet {
        let Packet::Publish(mut publish) = packet else { return packet };
        let alias = publish.props.number(prop::TOPIC_ALIAS);
        if let Some(alias) = alias {
            let allowed = 1..=self.alias_maximum;
            assert!(allowed.contains(&alias), "[MQTT-3.1.2-26] topic alias {alias}, maximum {}", self.alias_maximum);
            if publish.topic.is_empty() {
                publish.topic = self.aliases.get(&alias).expect("[MQTT-3.3.2-7] a topic alias never set").clone();
            } else {
                self.aliases.insert(alias, publish.topic.clone());
            }
        }
        assert!(!publish.topic.is_empty(), "[MQTT-4.7.3-1] a PUBLISH without topic");
        Packet::Publish(publish)
    }

    pub fn event(&mut self) -> Event {
        self.poll(patience()).unwrap_or_else(|| panic!("{}: nothing arrives", self.id))
    }

    /// The next packet.
    pub fn recv(&mut self) -> Packet {
        match self.event() {
            Event::Packet(packet) => packet,
            Event::Closed => panic!("{}: closed, a packet was due", self.id),
        }
    }

    /// The next packet, which must be a PUBLISH; acknowledges nothing.
    pub fn expect_publish(&mut self) -> Publish {
        match self.recv() {
            Packet::Publish(publish) => publish,
            other => panic!("{}: a PUBLISH was due, not {other:?}", self.id),
        }
    }

    /// The next packet, which must be that acknowledgement.
    pub fn expect_ack(&mut self, kind: AckKind, packet_id: u16) -> Ack {
        match self.recv() {
            Packet::Ack(ack) if ack.kind == kind && ack.packet_id == packet_id => ack,
            other => panic!("{}: {kind:?} of {packet_id} was due, not {other:?}", self.id),
        }
    }

    /// Reads until a packet is the one looked for; the others wait for [`Client::recv`].
    pub fn await_packet<T>(&mut self, what: &str, mut pick: impl FnMut(&Packet) -> Option<T>) -> T {
        if let Some(at) = self.stash.iter().position(|p| pick(p).is_some()) {
            let packet = self.stash.remove(at).expect("the position just found");
            return pick(&packet).expect("the packet just picked");
        }
        let end = Instant::now() + patience();
        loop {
            match self.poll_wire(end.saturating_duration_since(Instant::now())) {
                Some(Event::Packet(packet)) => match pick(&packet) {
                    Some(found) => return found,
                    None => self.stash.push_back(packet),
                },
                Some(Event::Closed) => panic!("{}: closed before {what}; waiting: {:?}", self.id, self.stash),
                None => panic!("{}: no {what}", self.id),
            }
        }
    }

    pub fn await_ack(&mut self, kind: AckKind, packet_id: u16) -> Ack {
        self.await_packet("acknowledgement", |packet| match packet {
            Packet::Ack(ack) if ack.kind == kind && ack.packet_id == packet_id => Some(ack.clone()),
            _ => None,
        })
    }

    pub fn ack(&mut self, kind: AckKind, packet_id: u16) {
        self.send(&Ack::new(kind, packet_id).encode(self.version));
    }

    /// The next packet identifier of this client.
    pub fn packet_id(&mut self) -> u16 {
        self.next_packet_id = self.next_packet_id.checked_add(1).unwrap_or(1);
        self.next_packet_id
    }

    /// Sends a PUBLISH and nothing else; the identifier used comes back.
    pub fn send_publish(&mut self, mut publish: Publish) -> u16 {
        if publish.qos > 0 && publish.packet_id == 0 {
            publish.packet_id = self.packet_id();
        }
        self.send(&publish.encode(self.version));
        publish.packet_id
    }

    /// Publishes and completes the acknowledgement. Returns the first reason code.
    pub fn publish(&mut self, publish: Publish) -> u8 {
        let qos = publish.qos;
        let packet_id = self.send_publish(publish);
        match qos {
            0 => 0,
            1 => self.await_ack(AckKind::PubAck, packet_id).reason,
            _ => {
                let reason = self.await_ack(AckKind::PubRec, packet_id).reason;
                if reason < 0x80 {
                    self.ack(AckKind::PubRel, packet_id);
                    self.await_ack(AckKind::PubComp, packet_id);
                }
                reason
            }
        }
    }

    /// The next PUBLISH, acknowledged in full.
    pub fn take(&mut self) -> Publish {
        let publish = self.expect_publish();
        self.complete(&publish);
        publish
    }

    /// Acknowledges a PUBLISH in full.
    pub fn complete(&mut self, publish: &Publish) {
        match publish.qos {
            0 => {}
            1 => self.ack(AckKind::PubAck, publish.packet_id),
            _ => {
                self.ack(AckKind::PubRec, publish.packet_id);
                self.await_ack(AckKind::PubRel, publish.packet_id);
                self.ack(AckKind::PubComp, publish.packet_id);
            }
        }
    }

    /// The payloads of the next PUBLISH packets, as text.
    pub fn take_texts(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.take().text().to_string()).collect()
    }

    /// Subscribes to one filter; panics unless granted as asked.
    pub fn subscribe(&mut self, filter: &str, qos: u8) {
        let answer = self.subscribe_with(&Subscribe::new(Filter::new(filter, qos)));
        assert_eq!(answer.codes, [qos], "the subscription to {filter}");
    }

    pub fn subscribe_with(&mut self, subscribe: &Subscribe) -> SubAck {
        let packet_id = self.packet_id();
        self.send(&subscribe.encode(self.version, packet_id));
        self.await_packet("SUBACK", |packet| match packet {
            Packet::SubAck(answer) if answer.packet_id == packet_id => Some(answer.clone()),
            _ => None,
        })
    }

    pub fn unsubscribe(&mut self, filters: &[&str]) -> Vec<u8> {
        let packet_id = self.packet_id();
        self.send(&unsubscribe(self.version, packet_id, filters));
        self.await_packet("UNSUBACK", |packet| match packet {
            Packet::UnsubAck(answer) if answer.packet_id == packet_id => Some(answer.codes.clone()),
            _ => None,
        })
    }

    /// Proves with a PING round trip that nothing is pending.
    pub fn quiet(&mut self) {
        self.send(&[0xc0, 0]);
        match self.recv() {
            Packet::PingResp => {}
            other => panic!("{}: nothing was due, not {other:?}", self.id),
        }
    }

    /// A PING round trip; what arrives before the answer waits.
    pub fn settle(&mut self) {
        self.send(&[0xc0, 0]);
        self.await_packet("PINGRESP", |packet| (*packet == Packet::PingResp).then_some(()));
    }

    pub fn expect_closed(&mut self) {
        let event = self.event();
        assert_eq!(event, Event::Closed, "{}: the connection was to be closed", self.id);
    }

    /// MQTT 5: DISCONNECT with that reason, then the end; 3.1.1: the end.
    pub fn expect_disconnect(&mut self, reason: u8) -> Props {
        let mut props = Props::new();
        if self.version.is_v5() {
            match self.recv() {
                Packet::Disconnect { reason: r, props: p } => {
                    assert_eq!(r, reason, "the reason of DISCONNECT: {r:#04x} for {reason:#04x}");
                    props = p;
                }
                other => panic!("{}: DISCONNECT {reason:#04x} was due, not {other:?}", self.id),
            }
        }
        self.expect_closed();
        props
    }

    /// Reads everything up to the end of the connection.
    pub fn drain_to_close(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Event::Packet(packet) = self.event() {
            packets.push(packet);
        }
        packets
    }

    /// Says DISCONNECT and waits for the broker to close.
    pub fn disconnect(self) {
        self.disconnect_with(0, Props::new());
    }

    /// MQTT 5: DISCONNECT with a reason and properties.
    pub fn disconnect_with(mut self, reason: u8, props: Props) {
        let mut body = Vec::new();
        if self.version.is_v5() && (reason != 0 || !props.0.is_empty()) {
            body.push(reason);
            props.put(&mut body);
        }
        self.send(&crate::wire::frame(0xe0, &body));
        self.drain_to_close();
    }

    /// Ends the connection without a DISCONNECT.
    pub fn vanish(self) {
        drop(self);
    }

    pub fn socket(&self) -> &std::net::TcpStream {
        self.stream.socket()
    }
}
