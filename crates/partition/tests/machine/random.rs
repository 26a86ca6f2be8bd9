//! Random lives of a few clients on one partition.

use mqtt::{QoS, RetainHandling};
use partition::*;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::harness::*;

pub const CLIENTS: [&str; 4] = ["c0", "c1", "c2", "c3"];
pub const TOPICS: [&str; 5] = ["a", "a/b", "a/c", "b/c", "$s"];
const FILTERS: [&str; 9] =
    ["a", "a/b", "a/#", "+/c", "#", "$share/g/a/#", "$share/g/a/b", "$share/h/#", "$share/h/b/c"];

/// One step of a life.
#[derive(Clone, Debug)]
pub enum Op {
    Connect {
        client: usize,
        clean: bool,
        expiry: u32,
        will: Option<(u32, usize, bool)>,
        window: u16,
        limit: Option<u64>,
    },
    Close {
        client: usize,
        publish_will: bool,
    },
    Subscribe {
        client: usize,
        filter: usize,
        options: SubscriptionOptions,
        limit: u64,
    },
    Unsubscribe {
        client: usize,
        filter: usize,
    },
    Publish {
        client: usize,
        topic: usize,
        qos: QoS,
        retain: bool,
        empty: bool,
        expiry: Option<u64>,
        key: Option<u8>,
        queues: bool,
    },
    PublishOnce {
        client: usize,
        topic: usize,
        packet_id: u16,
    },
    Release {
        client: usize,
        packet_id: u16,
    },
    Acknowledge {
        which: Index,
        received: bool,
    },
    Redeliver {
        client: usize,
        topic: usize,
    },
    List(usize),
    Pass(u64),
    FrontendGone,
}

pub fn qos() -> impl Strategy<Value = QoS> {
    prop::sample::select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

pub fn subscription_options() -> impl Strategy<Value = SubscriptionOptions> {
    let handling = vec![RetainHandling::SendAtSubscribe, RetainHandling::SendIfNew, RetainHandling::DoNotSend];
    (qos(), any::<bool>(), any::<bool>(), prop::sample::select(handling), prop::option::of(1..4_u32)).prop_map(
        |(qos, no_local, retain_as_published, retain_handling, identifier)| SubscriptionOptions {
            qos,
            no_local,
            retain_as_published,
            retain_handling,
            identifier,
        },
    )
}

pub fn ops(len: usize) -> impl Strategy<Value = Vec<Op>> {
    let client = || 0..CLIENTS.len();
    let topic = || 0..TOPICS.len();
    let expiry = || prop::sample::select(vec![0, 20, 1000, u32::MAX]);
    let will = prop::option::of((0..30_u32, topic(), any::<bool>()));
    let limit = prop::option::of(prop::sample::select(vec![0, 2, 10]));
    let op = prop_oneof![
        4 => (client(), prop::bool::weighted(0.2), expiry(), will, 1..6_u16, limit)
            .prop_map(|(client, clean, expiry, will, window, limit)| {
                Op::Connect { client, clean, expiry, will, window, limit }
            }),
        2 => (client(), any::<bool>()).prop_map(|(client, publish_will)| Op::Close { client, publish_will }),
        6 => (client(), 0..FILTERS.len(), subscription_options(), prop::sample::select(vec![0, 0, 3]))
            .prop_map(|(client, filter, options, limit)| Op::Subscribe { client, filter, options, limit }),
        2 => (client(), 0..FILTERS.len()).prop_map(|(client, filter)| Op::Unsubscribe { client, filter }),
        12 => (
            client(), topic(), qos(), prop::bool::weighted(0.3), prop::bool::weighted(0.2),
            prop::option::weighted(0.3, 1..40_u64), prop::option::weighted(0.2, 0..3_u8), any::<bool>(),
        ).prop_map(|(client, topic, qos, retain, empty, expiry, key, queues)| {
            Op::Publish { client, topic, qos, retain, empty, expiry, key, queues }
        }),
        2 => (client(), topic(), 1..4_u16)
            .prop_map(|(client, topic, packet_id)| Op::PublishOnce { client, topic, packet_id }),
        1 => (client(), 1..4_u16).prop_map(|(client, packet_id)| Op::Release { client, packet_id }),
        8 => (any::<Index>(), any::<bool>()).prop_map(|(which, received)| Op::Acknowledge { which, received }),
        1 => (client(), topic()).prop_map(|(client, topic)| Op::Redeliver { client, topic }),
        1 => client().prop_map(Op::List),
        2 => (0..50_u64).prop_map(Op::Pass),
        1 => Just(Op::FrontendGone),
    ];
    prop::collection::vec(op, 1..len)
}

/// Lives a life: knows who is connected and what has been handed over.
pub struct Driver {
    pub machine: Machine,
    connected: [Option<Client>; CLIENTS.len()],
    held: Vec<(usize, Delivery)>,
    connections: u32,
    payloads: u32,
}

impl Driver {
    pub fn new() -> Self {
        Self {
            machine: Machine::new(0, 1),
            connected: [const { None }; CLIENTS.len()],
            held: Vec::new(),
            connections: 0,
            payloads: 0,
        }
    }

    pub fn step(&mut self, op: &Op) {
        match op {
            Op::Connect { .. } => self.connect(op),
            Op::Close { client, publish_will } => {
                if let Some(connection) = self.connected[*client].take() {
                    self.run(&connection.close(*publish_will));
                }
            }
            Op::Subscribe { client, filter, options, limit } => {
                if let Some(mut connection) = self.connected[*client].clone() {
                    connection.limit = *limit;
                    self.run(&connection.subscribe(FILTERS[*filter], *options));
                }
            }
            Op::Unsubscribe { client, filter } => {
                if let Some(connection) = self.connected[*client].clone() {
                    self.run(&connection.unsubscribe(FILTERS[*filter]));
                }
            }
            Op::Publish { .. } => self.publish(op),
            Op::PublishOnce { client, topic, packet_id } => {
                if let Some(connection) = self.connected[*client].clone() {
                    let publish =
                        connection.publish_twice_never(*packet_id, message(TOPICS[*topic], "once", QoS::ExactlyOnce));
                    self.run(&publish);
                }
            }
            Op::Release { client, packet_id } => {
                if let Some(connection) = self.connected[*client].clone() {
                    self.run(&connection.release(*packet_id));
                }
            }
            Op::Acknowledge { which, received } => self.acknowledge(which, *received),
            Op::Redeliver { client, topic } => {
                self.run(&Command::Publish(Publish {
                    reply: None,
                    origin: Origin::Redelivery { share: "$share/g/a/#", from: CLIENTS[*client] },
                    scope: Scope::Everyone,
                    message: message(TOPICS[*topic], "again", QoS::AtLeastOnce),
                }));
            }
            Op::List(client) => {
                if let Some(connection) = self.connected[*client].clone() {
                    self.run(&connection.list());
                }
            }
            Op::Pass(seconds) => {
                self.machine.pass(*seconds);
            }
            Op::FrontendGone => {
                self.connected = [const { None }; CLIENTS.len()];
                self.run(&Command::FrontendGone(FrontendGone { frontend: 0 }));
            }
        }
    }

    fn connect(&mut self, op: &Op) {
        let Op::Connect { client, clean, expiry, will: with, window, limit } = *op else { return };
        self.connections += 1;
        let mut connection = Client::new(CLIENTS[client], self.connections);
        connection.window = window;
        let with = with.and_then(|(delay, topic, retain)| {
            will(delay, Message { retain, ..message(TOPICS[topic], "will", QoS::AtLeastOnce) })
        });
        let (opened, _) = self.machine.open_with(&connection, clean, expiry, with);
        (connection.epoch, connection.kind) = (opened.epoch, opened.kind);
        self.connected[client] = Some(connection.clone());
        if opened.touched.contains(PartitionId(0)) {
            connection.limit = limit.unwrap_or_default();
            let attach = if limit.is_some() { connection.attach_limited(window) } else { connection.attach(window) };
            self.run(&attach);
        } else {
            self.run(&connection.touch(PartitionSet(1)));
        }
    }

    fn publish(&mut self, op: &Op) {
        let Op::Publish { client, topic, qos, retain, empty, expiry, key, queues } = op else { return };
        self.payloads += 1;
        let payload = if *empty { String::new() } else { self.payloads.to_string() };
        let key = key.map(|key| [&[0x26, 0, 10][..], b"$partition", &[0, 1, key]].concat());
        let message = Message {
            retain: *retain,
            expires: expiry.map(|seconds| Timestamp(self.machine.now + seconds * 1000)),
            properties: key.as_deref().unwrap_or(&[]),
            ..message(TOPICS[*topic], &payload, *qos)
        };
        let scope = if *queues && !*retain && *qos != QoS::AtMostOnce { Scope::Queues } else { Scope::Everyone };
        let client_id = CLIENTS[*client];
        let owner = Owner { frontend: 0, worker: 0, slot: 0, generation: 0 };
        self.run(&Command::Publish(Publish {
            reply: Some((owner, Tag(6))),
            origin: Origin::Client { client_id, exactly_once: None },
            scope,
            message,
        }));
    }

    fn acknowledge(&mut self, which: &Index, received: bool) {
        if self.held.is_empty() {
            return;
        }
        let at = which.index(self.held.len());
        let (client, delivery) = self.held[at].clone();
        let step = if received && delivery.qos == QoS::ExactlyOnce { Step::Received } else { Step::Done };
        if step == Step::Done {
            self.held.remove(at);
        }
        if let Some(connection) = self.connected[client].clone() {
            self.run(&connection.acknowledge(delivery.session, delivery.entry, step));
        }
    }

    fn run(&mut self, command: &Command<'_>) {
        let effects = self.machine.run(command);
        let mut all = Vec::new();
        for effect in effects {
            match effect {
                Effect::Reply { reply: Reply::Retained { more: Some(more), .. }, .. } => {
                    all.extend(self.machine.apply_frames(&more, false));
                }
                other => all.push(other),
            }
        }
        self.take_effects(all);
    }

    fn take_effects(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::Reply { to, reply: Reply::Deliver(delivery) } = effect else { continue };
            let is_its = |client: &Option<Client>| client.as_ref().is_some_and(|client| client.owner == to);
            if let Some(client) = self.connected.iter().position(is_its) {
                self.held.push((client, delivery));
            }
        }
    }
}
