//! A server that accepts everyone, remembers what it got and sends what it is told to; a task for each connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use mqtt::{
    AckKind, Auth, ConnAck, Delivery, Disconnect, Packet, PacketId, Peer, ProtocolVersion, PublishHead, QoS,
    ReasonCode, Split, decode, encode, split,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;

/// What the server does with the next packets.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// CONNACK; session present is the server's own knowledge.
    pub connack: ConnAck,
    /// CONNECT is read and not answered.
    pub mute: bool,
    /// PUBLISH of QoS 1 is read and not answered.
    pub withholds_puback: bool,
    /// Not a byte is read after CONNECT.
    pub deaf: bool,
    /// AUTH is asked for before CONNACK.
    pub challenges: bool,
    /// So often a re-authentication is answered with another challenge.
    pub hesitations: u32,
}

#[derive(Debug, Default)]
struct State {
    manners: Manners,
    /// Whether the client has a session here.
    session: bool,
    connections: usize,
    /// Payloads of PUBLISH packets, and their DUP.
    published: Vec<(String, bool)>,
    hesitated: bool,
    acknowledged: Vec<u16>,
    disconnects: Vec<Disconnect>,
    authentications: Vec<Auth>,
    outgoing: VecDeque<Outgoing>,
    next_id: u16,
}

#[derive(Debug)]
enum Outgoing {
    Publish(QoS, String),
    Disconnect(Disconnect),
    /// The connection closes without a word.
    Close,
}

#[derive(Debug, Clone, Default)]
pub struct Server {
    state: Arc<Mutex<State>>,
    work: Arc<Notify>,
}

impl Server {
    pub fn with(manners: Manners) -> Self {
        let server = Self::default();
        server.behave(manners);
        server
    }

    pub fn behave(&self, manners: Manners) {
        self.state.lock().unwrap().manners = manners;
    }

    /// The client's end of a connection in memory.
    pub fn stream(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 * 1024);
        tokio::spawn(self.clone().serve(server));
        client
    }

    pub fn publish(&self, qos: QoS, body: impl Into<String>) {
        self.push(Outgoing::Publish(qos, body.into()));
    }

    pub fn disconnect(&self, reason: ReasonCode) {
        self.push(Outgoing::Disconnect(Disconnect { reason, ..Disconnect::default() }));
    }

    pub fn close(&self) {
        self.push(Outgoing::Close);
    }

    fn push(&self, outgoing: Outgoing) {
        self.state.lock().unwrap().outgoing.push_back(outgoing);
        self.work.notify_one();
    }

    pub fn published(&self) -> Vec<(String, bool)> {
        self.state.lock().unwrap().published.clone()
    }

    pub fn acknowledged(&self) -> Vec<u16> {
        self.state.lock().unwrap().acknowledged.clone()
    }

    pub fn disconnects(&self) -> Vec<Disconnect> {
        self.state.lock().unwrap().disconnects.clone()
    }

    pub fn authentications(&self) -> Vec<Auth> {
        self.state.lock().unwrap().authentications.clone()
    }

    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// Serves one connection to its end.
    pub async fn serve(self, stream: impl AsyncRead + AsyncWrite + Send + 'static) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut input = BytesMut::new();
        let mut connected = false;
        loop {
            let mut out = BytesMut::new();
            let mut open = true;
            while let Ok(Split::Whole { frame, len }) = split(&input, u32::MAX) {
                let packet = decode(frame, ProtocolVersion::V5, Peer::Client).expect("a well-formed packet");
                connected |= matches!(packet, Packet::Connect(_));
                open &= self.packet(packet, &mut out);
                let _ = input.split_to(len);
            }
            if connected {
                open &= self.send(&mut out);
            }
            if writer.write_all(&out).await.is_err() || writer.flush().await.is_err() || !open {
                writer.shutdown().await.ok();
                return;
            }
            let deaf = connected && self.state.lock().unwrap().manners.deaf;
            tokio::select! {
                read = reader.read_buf(&mut input), if !deaf => {
                    if !read.is_ok_and(|len| len > 0) {
                        return;
                    }
                }
                () = self.work.notified(), if connected => {}
            }
        }
    }

    /// Answers a packet; false ends the connection.
    fn packet(&self, packet: Packet<'_>, out: &mut BytesMut) -> bool {
        let mut state = self.state.lock().unwrap();
        let version = ProtocolVersion::V5;
        match packet {
            Packet::Connect(connect) => {
                state.connections += 1;
                let session_present = state.session && !connect.clean_start;
                if state.manners.challenges {
                    let method = connect.authentication.map(|authentication| authentication.method);
                    let reason = ReasonCode::ContinueAuthentication;
                    encode::auth(out, &Auth { reason, method, ..Auth::default() }).unwrap();
                } else if !state.manners.mute {
                    state.session = !state.manners.connack.reason.is_error();
                    encode::connack(out, version, &ConnAck { session_present, ..state.manners.connack.clone() });
                }
            }
            Packet::Auth(auth) => {
                if auth.reason == ReasonCode::ReAuthenticate || state.hesitated {
                    let method = auth.method.clone();
                    state.hesitated = state.manners.hesitations > 0;
                    state.manners.hesitations = state.manners.hesitations.saturating_sub(1);
                    let reason = if state.hesitated { ReasonCode::ContinueAuthentication } else { ReasonCode::Success };
                    encode::auth(out, &Auth { reason, method, ..Auth::default() }).unwrap();
                } else {
                    encode::connack(out, version, &state.manners.connack.clone());
                }
                state.authentications.push(auth);
            }
            Packet::Publish(publish) => {
                let dup = matches!(
                    publish.delivery,
                    Delivery::AtLeastOnce { dup: true, .. } | Delivery::ExactlyOnce { dup: true, .. }
                );
                let body = String::from_utf8_lossy(publish.payload).into_owned();
                state.published.push((body, dup));
                match publish.delivery {
                    Delivery::AtLeastOnce { id, .. } if !state.manners.withholds_puback => {
                        encode::ack(out, version, AckKind::PubAck, id, ReasonCode::Success);
                    }
                    Delivery::ExactlyOnce { id, .. } => {
                        encode::ack(out, version, AckKind::PubRec, id, ReasonCode::Success);
                    }
                    _ => {}
                }
            }
            Packet::PubRel(ack) => encode::ack(out, version, AckKind::PubComp, ack.id, ReasonCode::Success),
            Packet::PubRec(ack) => encode::ack(out, version, AckKind::PubRel, ack.id, ReasonCode::Success),
            Packet::PubAck(ack) | Packet::PubComp(ack) => state.acknowledged.push(ack.id.get()),
            Packet::Subscribe(subscribe) => {
                let refused = |filter: &str| filter.starts_with("refused/");
                let code = |(filter, options): &(String, mqtt::SubscribeOptions)| match refused(filter) {
                    true => ReasonCode::NotAuthorized,
                    false => ReasonCode::granted(options.qos),
                };
                let codes: Vec<_> = subscribe.filters.iter().map(code).collect();
                encode::suback(out, version, subscribe.id, &codes, None);
            }
            Packet::Unsubscribe(unsubscribe) => {
                let codes = vec![ReasonCode::Success; unsubscribe.filters.len()];
                encode::unsuback(out, version, unsubscribe.id, &codes, None);
            }
            Packet::PingReq => encode::pingresp(out),
            Packet::Disconnect(packet) => {
                state.disconnects.push(packet);
                return false;
            }
            other => panic!("{other:?} is not expected"),
        }
        true
    }

    /// Writes what is to be sent; false ends the connection.
    fn send(&self, out: &mut BytesMut) -> bool {
        let mut state = self.state.lock().unwrap();
        while let Some(outgoing) = state.outgoing.pop_front() {
            match outgoing {
                Outgoing::Publish(qos, body) => {
                    state.next_id += 1;
                    let id = PacketId::new(state.next_id).filter(|_| qos != QoS::AtMostOnce);
                    let payload = body.as_bytes();
                    let head = PublishHead { topic: "to/client", qos, id, payload, ..PublishHead::default() };
                    encode::publish(out, ProtocolVersion::V5, &head);
                }
                Outgoing::Disconnect(packet) => {
                    encode::disconnect(out, ProtocolVersion::V5, &packet);
                    return false;
                }
                Outgoing::Close => return false,
            }
        }
        true
    }
}
