//! A server for one client, no more than the specification asks of it, that asserts what it may expect.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::BytesMut;
use mqtt::{
    Ack, AckKind, ConnAck, Delivery, Packet, PacketId, Peer, ProtocolVersion, PublishHead, QoS, ReasonCode, Split,
    decode, encode, split,
};

/// An application message, told apart by its payload.
pub type Body = String;

/// What a server keeps between connections.
#[derive(Debug, Default)]
struct Session {
    /// QoS 2 messages from the client whose PUBREL is due.
    unreleased: BTreeSet<PacketId>,
    /// To the client, sent and not complete, in their order.
    sent: VecDeque<Sent>,
    last_id: u16,
}

#[derive(Debug)]
struct Sent {
    id: PacketId,
    qos: QoS,
    body: Body,
    released: bool,
}

#[derive(Debug)]
pub struct Server {
    pub version: ProtocolVersion,
    /// What CONNACK says, apart from session present.
    pub connack: ConnAck,
    session: Option<Session>,
    /// Whether the next connection finds its session gone.
    pub forgets: bool,
    connected: bool,
    /// The client's Receive Maximum.
    window: usize,
    /// QoS 1 and 2 publishes of the client without their last acknowledgement, on this connection.
    open: BTreeSet<PacketId>,
    queue: VecDeque<(QoS, Body)>,
    /// What the client published, each time it was delivered onward.
    pub delivered: Vec<Body>,
    /// DUP flags of PUBLISH packets as they came on this connection.
    pub dups: Vec<(Body, bool)>,
    pub connections: u32,
}

impl Server {
    pub fn new(version: ProtocolVersion) -> Self {
        Self {
            version,
            connack: ConnAck::default(),
            session: None,
            forgets: false,
            connected: false,
            window: 0,
            open: BTreeSet::new(),
            queue: VecDeque::new(),
            delivered: Vec::new(),
            dups: Vec::new(),
            connections: 0,
        }
    }

    /// A message for the client; it waits for a connection and for the window.
    pub fn publish(&mut self, qos: QoS, body: impl Into<Body>) {
        self.queue.push_back((qos, body.into()));
    }

    /// Whether everything for the client is complete.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.session.as_ref().is_none_or(|session| session.sent.is_empty())
    }

    pub fn disconnected(&mut self) {
        self.connected = false;
        self.open.clear();
    }

    /// Takes one whole packet, appends the answers.
    pub fn receive(&mut self, bytes: &[u8], out: &mut BytesMut) {
        let Ok(Split::Whole { frame, len }) = split(bytes, u32::MAX) else { panic!("not a packet: {bytes:?}") };
        assert_eq!(len, bytes.len());
        let packet = decode(frame, self.version, Peer::Client).expect("the client sends what is right");
        let is_connect = matches!(packet, Packet::Connect(_));
        assert_eq!(is_connect, !self.connected, "CONNECT first and once: {packet:?}");
        match packet {
            Packet::Connect(connect) => self.connect(&connect, out),
            Packet::Publish(publish) => self.published(&publish, out),
            Packet::PubRel(ack) => {
                let session = self.session.as_mut().unwrap();
                let known = session.unreleased.remove(&ack.id);
                self.open.remove(&ack.id);
                let reason = if known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
                encode::ack(out, self.version, AckKind::PubComp, ack.id, reason);
            }
            Packet::PubAck(ack) => self.complete(ack, QoS::AtLeastOnce),
            Packet::PubRec(ack) => self.recorded(ack, out),
            Packet::PubComp(ack) => self.complete(ack, QoS::ExactlyOnce),
            Packet::PingReq => encode::pingresp(out),
            Packet::Subscribe(subscribe) => {
                let codes: Vec<_> = subscribe.filters.iter().map(|(_, o)| ReasonCode::granted(o.qos)).collect();
                encode::suback(out, self.version, subscribe.id, &codes, None);
            }
            Packet::Unsubscribe(unsubscribe) => {
                let codes = vec![ReasonCode::Success; unsubscribe.filters.len()];
                encode::unsuback(out, self.version, unsubscribe.id, &codes, None);
            }
            Packet::Disconnect(_) => self.disconnected(),
            other => panic!("the server does not expect {other:?}"),
        }
        self.send(out);
    }

    fn connect(&mut self, connect: &mqtt::Connect, out: &mut BytesMut) {
        assert_eq!(connect.version, self.version);
        if connect.clean_start || std::mem::take(&mut self.forgets) {
            self.session = None;
        }
        let session_present = self.session.is_some();
        self.connected = true;
        self.connections += 1;
        self.dups.clear();
        self.window = usize::from(connect.receive_maximum.map_or(u16::MAX, |maximum| maximum.get()));
        encode::connack(out, self.version, &ConnAck { session_present, ..self.connack.clone() });
        let session = self.session.get_or_insert_default();
        for sent in &session.sent {
            if sent.released {
                encode::ack(out, self.version, AckKind::PubRel, sent.id, ReasonCode::Success);
            } else {
                put(out, self.version, sent, true);
            }
        }
    }

    fn published(&mut self, publish: &mqtt::Publish<'_>, out: &mut BytesMut) {
        let body = String::from_utf8(publish.payload.to_vec()).unwrap();
        let session = self.session.as_mut().unwrap();
        match publish.delivery {
            Delivery::AtMostOnce => self.delivered.push(body),
            Delivery::AtLeastOnce { id, dup } => {
                self.dups.push((body.clone(), dup));
                self.delivered.push(body);
                assert!(self.open.insert(id), "{id:?} is in use");
                self.check_window();
                self.open.remove(&id);
                encode::ack(out, self.version, AckKind::PubAck, id, ReasonCode::Success);
            }
            Delivery::ExactlyOnce { id, dup } => {
                self.dups.push((body.clone(), dup));
                if session.unreleased.insert(id) {
                    self.delivered.push(body);
                } else {
                    assert!(dup, "{id:?} is in use");
                }
                self.open.insert(id);
                self.check_window();
                encode::ack(out, self.version, AckKind::PubRec, id, ReasonCode::Success);
            }
        }
    }

    fn check_window(&self) {
        let window = usize::from(self.connack.receive_maximum.map_or(u16::MAX, |maximum| maximum.get()));
        assert!(self.open.len() <= window, "{} in flight, {window} allowed", self.open.len());
    }

    fn recorded(&mut self, ack: Ack, out: &mut BytesMut) {
        let session = self.session.as_mut().unwrap();
        let at = session.sent.iter().position(|sent| sent.id == ack.id).expect("PUBREC for what was sent");
        assert_eq!(session.sent[at].qos, QoS::ExactlyOnce);
        if ack.reason.is_error() {
            session.sent.remove(at);
            return;
        }
        session.sent[at].released = true;
        encode::ack(out, self.version, AckKind::PubRel, ack.id, ReasonCode::Success);
    }

    fn complete(&mut self, ack: Ack, qos: QoS) {
        let session = self.session.as_mut().unwrap();
        let at = session.sent.iter().position(|sent| sent.id == ack.id).expect("an acknowledgement for what was sent");
        let sent = session.sent.remove(at).unwrap();
        assert_eq!((sent.qos, sent.released), (qos, qos == QoS::ExactlyOnce));
    }

    /// Sends what the window allows.
    pub fn send(&mut self, out: &mut BytesMut) {
        let Some(session) = self.session.as_mut().filter(|_| self.connected) else { return };
        while session.sent.len() < self.window {
            let Some((qos, body)) = self.queue.pop_front() else { return };
            if qos == QoS::AtMostOnce {
                let head = PublishHead { topic: "to/client", payload: body.as_bytes(), ..PublishHead::default() };
                encode::publish(out, self.version, &head);
                continue;
            }
            session.last_id += 1;
            let sent = Sent { id: PacketId::new(session.last_id).unwrap(), qos, body, released: false };
            put(out, self.version, &sent, false);
            session.sent.push_back(sent);
        }
    }

    /// What the client has sent and the server has not confirmed; for assertions.
    pub fn unreleased(&self) -> BTreeMap<u16, ()> {
        self.session.iter().flat_map(|session| &session.unreleased).map(|id| (id.get(), ())).collect()
    }
}

fn put(out: &mut BytesMut, version: ProtocolVersion, sent: &Sent, dup: bool) {
    let head = PublishHead {
        topic: "to/client",
        qos: sent.qos,
        dup,
        id: Some(sent.id),
        payload: sent.body.as_bytes(),
        ..PublishHead::default()
    };
    encode::publish(out, version, &head);
}
