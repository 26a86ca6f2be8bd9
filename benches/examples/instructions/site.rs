//! A whole broker in this process, and clients that take turns with it: what they are sent depends on nothing else, so that
//! a run does the same work every time.

use std::num::NonZeroU16;
use std::sync::Arc;

use auth::authentication::{Counters, Gate, GateSettings, GateThread};
use backend::{Backend, Durability, Hosting};
use bytes::{Bytes, BytesMut};
use causeway_benches::packets::TOPIC;
use frontend::{Frontend, Limits, NearPartitions, PartitionLink, Partitions, Settings, SysSettings};
use link::mailbox;
use mqtt::{
    AckKind, Connect, Packet, PacketId, PacketType, Peer, ProtocolVersion, PublishHead, QoS, ReasonCode, Split,
    Subscribe, SubscribeOptions, decode, encode, split,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::{Builder, Runtime};

const VERSION: ProtocolVersion = ProtocolVersion::V5;

/// What a message goes through.
#[derive(Clone, Copy)]
pub struct Road {
    pub qos: QoS,
    pub subscribers: u32,
    pub audience: Audience,
    /// Bytes.
    pub payload: usize,
    /// Publishes that are under way at a time: no more than a client may have in flight.
    pub burst: u64,
}

/// Who the subscribers are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Connected, with sessions that end with their connections.
    Transient,
    /// Connected, with sessions that stay: messages are logged.
    Persistent,
    /// With sessions that stay, and away: messages are queued.
    Away,
}

/// Has `count` messages published.
pub fn publish(road: Road, count: u64) {
    let site = Site::start();
    site.runtime.block_on(async {
        let mut subscribers = Vec::new();
        for number in 0..road.subscribers {
            let mut client = site.connect(&format!("subscriber-{number:04}"), road.audience).await;
            client.subscribe(road.qos).await;
            if road.audience == Audience::Away {
                client.leave().await;
            } else {
                subscribers.push(client);
            }
        }
        let mut publisher = site.connect("publisher", Audience::Transient).await;
        let burst = burst(road);
        for _ in 0..count / road.burst {
            publisher.write(&burst).await;
            for subscriber in &mut subscribers {
                subscriber.take(road.burst, PacketType::Publish).await;
            }
            if road.qos == QoS::AtLeastOnce {
                publisher.take(road.burst, PacketType::PubAck).await;
            }
        }
    });
    site.stop();
}

/// All publishes that are under way at a time.
fn burst(Road { qos, payload, burst, .. }: Road) -> Bytes {
    let mut out = BytesMut::new();
    let payload = vec![b'x'; payload];
    for number in 1..=burst as u16 {
        let id = (qos != QoS::AtMostOnce).then(|| PacketId::new(number)).flatten();
        let head = PublishHead { topic: TOPIC, qos, id, payload: &payload, ..PublishHead::default() };
        encode::publish(&mut out, VERSION, &head);
    }
    out.freeze()
}

struct Site {
    runtime: Runtime,
    frontend: Frontend,
    backend: Backend,
    _gate: GateThread,
    _dir: tempfile::TempDir,
}

impl Site {
    /// One worker, one partition, a log that is not synced, as the broker is by default.
    fn start() -> Self {
        let (gate, gate_thread) =
            Gate::start(&GateSettings::default(), &Arc::new(Counters::default())).expect("a gate");
        let dir = tempfile::tempdir().expect("a directory");
        let (sender, answers) = mailbox::channel();
        let backend = Backend::start(backend::Settings {
            dir: dir.path().to_owned(),
            partitions: 1,
            durability: Durability::Async,
            hosting: Hosting::Near { workers: vec![sender] },
            inbox_bytes: 16 << 20,
        });
        let backend = backend.expect("a backend");
        let frontend = Frontend::start(Settings {
            listeners: Vec::new(),
            limits: Limits {
                session_expiry: u32::MAX,
                message_expiry: None,
                packet_size: 2 << 20,
                client_receive_maximum: NonZeroU16::MAX,
                receive_maximum: NonZeroU16::MIN.saturating_add(999),
                keep_alive: None,
                topic_alias_maximum: 0,
                queue_length: 0,
            },
            back_pressure_bytes: 1 << 30,
            sys: SysSettings { interval: None, version: String::new() },
            spans: None,
            gate,
            denials: None,
            partitions: Partitions::Near(NearPartitions {
                links: backend.links().map(|(inbox, routes)| PartitionLink { inbox, routes }).collect(),
                answers: vec![answers],
                counters: Box::new(backend.counters()),
            }),
        });
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        Self { runtime, frontend: frontend.expect("a frontend"), backend, _gate: gate_thread, _dir: dir }
    }

    async fn connect(&self, client_id: &str, audience: Audience) -> Client {
        let mut client = Client { stream: self.frontend.client_door().connect(0), got: BytesMut::new() };
        let mut connect = Connect::new(VERSION, client_id);
        connect.session_expiry = (audience != Audience::Transient).then_some(u32::MAX);
        let mut out = BytesMut::new();
        encode::connect(&mut out, &connect).expect("every field is short");
        client.write(&out).await;
        client.take(1, PacketType::ConnAck).await;
        client
    }

    fn stop(self) {
        self.frontend.stop();
        self.backend.stop();
    }
}

struct Client {
    stream: DuplexStream,
    /// What came and was not looked at yet.
    got: BytesMut,
}

impl Client {
    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the broker stands");
    }

    async fn subscribe(&mut self, qos: QoS) {
        let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
        let id = PacketId::new(1).expect("one is not zero");
        let subscribe = Subscribe { id, filters: vec![(TOPIC.to_owned(), options)], identifier: None };
        let mut out = BytesMut::new();
        encode::subscribe(&mut out, VERSION, &subscribe).expect("every field is short");
        self.write(&out).await;
        self.take(1, PacketType::SubAck).await;
    }

    /// Waits until the broker has closed the connection.
    async fn leave(mut self) {
        let mut out = BytesMut::new();
        encode::disconnect(&mut out, VERSION, &mqtt::Disconnect::default());
        self.write(&out).await;
        while self.stream.read_buf(&mut self.got).await.expect("an orderly end") > 0 {}
    }

    /// Waits for so many packets of a kind, and answers each publish that wants it.
    async fn take(&mut self, count: u64, kind: PacketType) {
        let mut taken = 0;
        let mut out = BytesMut::new();
        while taken < count {
            let Ok(Split::Whole { frame, len }) = split(&self.got, u32::MAX) else {
                let read = self.stream.read_buf(&mut self.got).await.expect("the broker stands");
                assert!(read > 0, "the broker has ended the connection");
                continue;
            };
            assert_eq!(frame.kind, kind);
            if kind == PacketType::Publish && frame.flags & 0b0110 != 0 {
                let packet = decode(frame, VERSION, Peer::Server).expect("what the broker sends is well-formed");
                let Packet::Publish(publish) = packet else { unreachable!("its kind is looked at above") };
                let id = publish.delivery.id().expect("its QoS has one");
                encode::ack(&mut out, VERSION, AckKind::PubAck, id, ReasonCode::Success);
            }
            taken += 1;
            let _ = self.got.split_to(len);
        }
        if !out.is_empty() {
            self.write(&out).await;
        }
    }
}
