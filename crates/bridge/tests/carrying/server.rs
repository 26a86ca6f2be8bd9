//! A server on a real socket that does what it is told: accepts, refuses, keeps silent, closes.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::BytesMut;
use mqtt::client::MessageProperties;
use mqtt::{
    AckKind, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, PacketId, Peer, ProtocolVersion, PublishHead, QoS,
    ReasonCode, Split, SubscribeOptions, decode, encode, split,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// What a server does with packets.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// The reason in CONNACK.
    pub connack: ReasonCode,
    /// CONNECT of version 5 is answered as a server of 3.1.1 does.
    pub only_3_1_1: bool,
    /// PUBLISH is read and not answered.
    pub withholds_puback: bool,
    /// What PUBLISH packets to topics that begin so are answered with.
    pub refusals: Vec<(&'static str, ReasonCode)>,
    /// What SUBSCRIBE is answered with, where not with a grant.
    pub suback: Option<ReasonCode>,
    /// The connection closes at this many PUBLISH packets, which are not answered.
    pub closes_after: Option<usize>,
    /// A PUBLISH to a topic that begins so is answered with DISCONNECT and this reason, before version 5 with a close.
    pub ends_on: Option<(&'static str, ReasonCode)>,
    pub ignores_receive_maximum: bool,
    pub receive_maximum: Option<u16>,
    pub maximum_packet_size: Option<u32>,
    /// What a new credential is answered with: AUTH, or DISCONNECT if it is an error.
    pub authenticates: ReasonCode,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub topic: String,
    pub payload: String,
    pub retain: bool,
    pub qos: QoS,
    pub dup: bool,
    pub expiry: Option<u32>,
    pub properties: MessageProperties,
}

impl Taken {
    pub fn user(&self, name: &str) -> Option<&str> {
        self.properties.user.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A message for whoever has subscribed.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    pub topic: String,
    pub payload: String,
    pub retain: bool,
    pub expiry: Option<u32>,
    pub properties: MessageProperties,
    /// QoS 0, and not 1.
    pub at_most_once: bool,
}

#[derive(Debug, Default)]
pub struct State {
    pub manners: Manners,
    pub connects: Vec<Connect>,
    /// What was shown on connections that stood.
    pub authentications: Vec<Auth>,
    connected: usize,
    /// The most connections at a time.
    pub most_connected: usize,
    pub filters: Vec<(String, SubscribeOptions)>,
    pub unsubscribed: Vec<String>,
    subscriptions: usize,
    pub subscriptions_at_first_unsubscribe: usize,
    pub taken: Vec<Taken>,
    pub acknowledged: usize,
    pub disconnects: usize,
    /// DISCONNECT packets that ended the session.
    pub ended_sessions: usize,
    /// The most PUBLISH packets that were unacknowledged at a time.
    pub most_unacknowledged: usize,
    unanswered: usize,
    /// Whether the client has a session here.
    session: bool,
    offers: VecDeque<Offer>,
    unacknowledged: BTreeMap<u64, (u16, Offer)>,
    deliveries: u64,
    /// Counts up to end connections.
    closings: u64,
    since_connect: usize,
}

#[derive(Clone)]
pub struct Server {
    state: Arc<Mutex<State>>,
    work: Arc<Notify>,
    pub address: SocketAddr,
}

/// Counts a connection while it stands.
struct Connected<'a>(&'a Server);

impl<'a> Connected<'a> {
    fn new(server: &'a Server) -> Self {
        let mut state = server.state();
        state.connected += 1;
        state.most_connected = state.most_connected.max(state.connected);
        Self(server)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.state().connected -= 1;
    }
}

/// One connection.
struct Session {
    version: ProtocolVersion,
    window: usize,
    /// Deliveries made on this connection or before it.
    resend: Vec<u64>,
    closings: u64,
}

impl Server {
    /// Listens on a port of its own.
    pub async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { state: Arc::default(), work: Arc::default(), address };
        server.state().manners = manners;
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().serve(stream));
            }
        });
        server
    }

    /// A connection in memory.
    pub fn stream(&self, runtime: &tokio::runtime::Handle) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 * 1024);
        runtime.spawn(self.clone().serve(server));
        client
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn behave(&self, manners: Manners) {
        self.state().manners = manners;
    }

    pub fn offer(&self, offer: Offer) {
        self.state().offers.push_back(offer);
        self.work.notify_waiters();
    }

    /// Ends the connections that stand.
    pub fn close(&self) {
        self.state().closings += 1;
        self.work.notify_waiters();
    }

    /// Forgets the client.
    pub fn forget(&self) {
        let mut state = self.state();
        state.session = false;
        state.unacknowledged.clear();
        state.filters.clear();
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Send + 'static) {
        let _connected = Connected::new(&self);
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut input = BytesMut::new();
        let mut session = None;
        loop {
            let mut out = BytesMut::new();
            let notified = self.work.notified();
            let mut open = self.packets(&mut input, &mut session, &mut out);
            if let Some(session) = &mut session {
                open &= self.deliver(session, &mut out);
            }
            if writer.write_all(&out).await.is_err() || !open {
                writer.shutdown().await.ok();
                return;
            }
            tokio::select! {
                read = reader.read_buf(&mut input) => if !read.is_ok_and(|len| len > 0) { return },
                () = notified, if session.is_some() => {}
            }
        }
    }

    /// Answers whole packets; false ends the connection.
    fn packets(&self, input: &mut BytesMut, session: &mut Option<Session>, out: &mut BytesMut) -> bool {
        loop {
            let version = session.as_ref().map_or(ProtocolVersion::V5, |session| session.version);
            let Ok(Split::Whole { frame, len }) = split(input, u32::MAX) else { return true };
            let packet = decode(frame, version, Peer::Client).expect("a well-formed packet");
            let mut state = self.state();
            let open = match packet {
                Packet::Connect(connect) => {
                    *session = state.connect(*connect, out);
                    session.is_some()
                }
                other => state.packet(other, version, out),
            };
            drop(state);
            if !open {
                return false;
            }
            let _ = input.split_to(len);
        }
    }

    /// Sends what there is; false ends the connection.
    fn deliver(&self, session: &mut Session, out: &mut BytesMut) -> bool {
        let mut state = self.state();
        if state.closings != session.closings {
            return false;
        }
        for delivery in std::mem::take(&mut session.resend) {
            if let Some((id, offer)) = state.unacknowledged.get(&delivery) {
                write(offer, *id, true, session.version, out);
            }
        }
        while !state.filters.is_empty() && state.unacknowledged.len() < session.window {
            let Some(offer) = state.offers.pop_front() else { break };
            state.deliveries += 1;
            let delivery = state.deliveries;
            let id = (delivery % 60_000 + 1) as u16;
            write(&offer, id, false, session.version, out);
            if offer.at_most_once {
                continue;
            }
            state.unacknowledged.insert(delivery, (id, offer));
        }
        true
    }
}

fn write(offer: &Offer, id: u16, dup: bool, version: ProtocolVersion, out: &mut BytesMut) {
    let properties = offer.properties.encode().unwrap();
    let head = PublishHead {
        topic: &offer.topic,
        qos: if offer.at_most_once { QoS::AtMostOnce } else { QoS::AtLeastOnce },
        retain: offer.retain,
        dup,
        id: PacketId::new(id).filter(|_| !offer.at_most_once),
        expiry: offer.expiry,
        payload: offer.payload.as_bytes(),
        properties: &[&properties[..]],
        ..PublishHead::default()
    };
    encode::publish(out, version, &head);
}

impl State {
    fn connect(&mut self, connect: Connect, out: &mut BytesMut) -> Option<Session> {
        let version = connect.version;
        let window = connect.receive_maximum.filter(|_| !self.manners.ignores_receive_maximum);
        let window = window.map_or(usize::MAX, |maximum| usize::from(maximum.get()));
        self.connects.push(connect);
        self.since_connect = 0;
        if self.manners.only_3_1_1 && version.is_v5() {
            out.extend_from_slice(&[0x20, 2, 0, 1]);
            return None;
        }
        let reason = self.manners.connack;
        let session_present = self.session && !reason.is_error();
        let receive_maximum = self.manners.receive_maximum.and_then(NonZeroU16::new);
        let maximum_packet_size = self.manners.maximum_packet_size.and_then(NonZeroU32::new);
        let granted = ConnAck { reason, session_present, receive_maximum, maximum_packet_size, ..ConnAck::default() };
        self.unanswered = 0;
        encode::connack(out, version, &granted);
        if reason.is_error() {
            return None;
        }
        self.session = true;
        let resend = self.unacknowledged.keys().copied().collect();
        Some(Session { version, window, resend, closings: self.closings })
    }

    /// False ends the connection.
    fn packet(&mut self, packet: Packet<'_>, version: ProtocolVersion, out: &mut BytesMut) -> bool {
        match packet {
            Packet::Publish(publish) => {
                let (id, dup) = match publish.delivery {
                    Delivery::AtLeastOnce { id, dup } => (Some(id), dup),
                    _ => (None, false),
                };
                self.since_connect += 1;
                if self.manners.closes_after.is_some_and(|most| self.since_connect > most) {
                    return false;
                }
                if let Some((topic, reason)) = self.manners.ends_on
                    && publish.topic.starts_with(topic)
                {
                    if version.is_v5() {
                        encode::disconnect(out, version, &Disconnect { reason, ..Disconnect::default() });
                    }
                    return false;
                }
                self.unanswered += 1;
                self.most_unacknowledged = self.most_unacknowledged.max(self.unanswered);
                let refusal = self.manners.refusals.iter().find(|(topic, _)| publish.topic.starts_with(topic));
                let reason = refusal.map_or(ReasonCode::Success, |(_, reason)| *reason);
                if !reason.is_error() {
                    let mut list = Vec::new();
                    publish.properties.copy_to(&mut list);
                    self.taken.push(Taken {
                        topic: publish.topic.to_owned(),
                        payload: String::from_utf8_lossy(publish.payload).into_owned(),
                        retain: publish.retain,
                        qos: if id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce },
                        dup,
                        expiry: publish.expiry,
                        properties: MessageProperties::decode(&list),
                    });
                }
                if let Some(id) = id.filter(|_| !self.manners.withholds_puback) {
                    self.unanswered -= 1;
                    encode::ack(out, version, AckKind::PubAck, id, reason);
                }
            }
            Packet::PubAck(ack) => {
                let delivery = self.unacknowledged.iter().find(|(_, (id, _))| *id == ack.id.get()).map(|(key, _)| *key);
                if let Some(delivery) = delivery {
                    let first = self.unacknowledged.keys().next().copied();
                    assert_eq!(first, Some(delivery), "acknowledged out of order");
                    self.unacknowledged.remove(&delivery);
                    self.acknowledged += 1;
                }
            }
            Packet::Subscribe(subscribe) => {
                self.subscriptions += 1;
                let granted = |(_, options): &(String, SubscribeOptions)| ReasonCode::granted(options.qos);
                let codes: Vec<_> =
                    subscribe.filters.iter().map(|f| self.manners.suback.unwrap_or_else(|| granted(f))).collect();
                if self.manners.suback.is_none() {
                    self.filters = subscribe.filters;
                }
                encode::suback(out, version, subscribe.id, &codes, None);
            }
            Packet::Unsubscribe(unsubscribe) => {
                let codes = vec![ReasonCode::Success; unsubscribe.filters.len()];
                encode::unsuback(out, version, unsubscribe.id, &codes, None);
                if self.unsubscribed.is_empty() {
                    self.subscriptions_at_first_unsubscribe = self.subscriptions;
                }
                self.unsubscribed.extend(unsubscribe.filters);
            }
            Packet::PingReq => encode::pingresp(out),
            Packet::Auth(auth) => {
                let reason = self.manners.authenticates;
                let answer = Auth { reason, method: auth.method.clone(), ..Auth::default() };
                self.authentications.push(auth);
                if reason.is_error() {
                    encode::disconnect(out, version, &Disconnect { reason, ..Disconnect::default() });
                    return false;
                }
                encode::auth(out, &answer).unwrap();
            }
            Packet::Disconnect(disconnect) => {
                self.disconnects += 1;
                self.ended_sessions += usize::from(disconnect.session_expiry == Some(0));
                return false;
            }
            other => panic!("{other:?} is not expected"),
        }
        true
    }
}

/// The payload of a message, numbered.
pub fn numbered(topic: &str, number: usize) -> Offer {
    Offer { topic: topic.into(), payload: number.to_string(), ..Offer::default() }
}
