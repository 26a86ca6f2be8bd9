//! Queues against a plain model of what every persistent session is owed: each step's deliveries are foretold exactly.

use std::collections::BTreeMap;

use mqtt::QoS;
use partition::*;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::harness::*;
use crate::random::{TOPICS, qos, subscription_options};

const FILTERS: [&str; 5] = ["a", "a/b", "a/#", "+/c", "#"];
const EXPIRY: u64 = 200;

#[derive(Clone, Debug)]
enum Op {
    Connect { client: usize, clean: bool, window: u16, limit: u64 },
    Close(usize),
    Subscribe { client: usize, filter: usize, options: SubscriptionOptions },
    Unsubscribe { client: usize, filter: usize },
    Publish { publisher: usize, topic: usize, qos: QoS, expiry: Option<u64> },
    Acknowledge { client: usize, which: Index, received: bool },
    Pass(u64),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let client = || 0..3_usize;
    let op = prop_oneof![
        3 => (client(), prop::bool::weighted(0.15), 1..5_u16, prop::sample::select(vec![0, 0, 2, 5]))
            .prop_map(|(client, clean, window, limit)| Op::Connect { client, clean, window, limit }),
        2 => client().prop_map(Op::Close),
        4 => (client(), 0..FILTERS.len(), subscription_options())
            .prop_map(|(client, filter, options)| Op::Subscribe { client, filter, options }),
        1 => (client(), 0..FILTERS.len()).prop_map(|(client, filter)| Op::Unsubscribe { client, filter }),
        12 => (client(), 0..TOPICS.len(), qos(), prop::option::weighted(0.3, 1..60_u64))
            .prop_map(|(publisher, topic, qos, expiry)| Op::Publish { publisher, topic, qos, expiry }),
        10 => (client(), any::<Index>(), any::<bool>())
            .prop_map(|(client, which, received)| Op::Acknowledge { client, which, received }),
        2 => (0..80_u64).prop_map(Op::Pass),
    ];
    prop::collection::vec(op, 1..150)
}

/// A message owed to a session.
#[derive(Clone, Debug)]
struct Owed {
    payload: u32,
    qos: QoS,
    ids: Vec<u32>,
    expires: Option<u64>,
    sent: bool,
    received: bool,
    /// Handed over under this attachment.
    in_hand: bool,
}

#[derive(Clone, Debug, Default)]
struct Session {
    filters: BTreeMap<&'static str, SubscriptionOptions>,
    owed: Vec<Owed>,
    window: usize,
    limit: usize,
    connected: bool,
    registered: bool,
    ends: Option<u64>,
}

/// What a session sees of a step: payload, QoS, DUP, identifiers; or the PUBREL that is owed.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Message(u32, QoS, bool, Vec<u32>),
    Direct(u32, Vec<u32>),
    Received,
}

impl Session {
    fn push(&mut self, now: u64) -> Vec<Seen> {
        let mut seen = Vec::new();
        if !self.connected || !self.registered {
            return seen;
        }
        while self.owed.iter().filter(|owed| owed.in_hand).count() < self.window {
            let Some(at) = self.owed.iter().position(|owed| !owed.in_hand) else { break };
            let owed = &mut self.owed[at];
            if !owed.sent && owed.expires.is_some_and(|expires| expires <= now) {
                self.owed.remove(at);
                continue;
            }
            owed.in_hand = true;
            seen.push(match owed.received {
                true => Seen::Received,
                false => Seen::Message(owed.payload, owed.qos, owed.sent, owed.ids.clone()),
            });
            owed.sent = true;
        }
        seen
    }

    fn publish(&mut self, owed: Owed, now: u64) -> Vec<Seen> {
        self.owed.push(owed);
        // In hands first come first: an entry is only handed over when all before it are.
        let seen = self.push(now);
        self.trim();
        seen
    }

    fn trim(&mut self) {
        while self.limit > 0 && self.owed.iter().filter(|owed| !owed.sent).count() > self.limit {
            let oldest = self.owed.iter().position(|owed| !owed.sent).expect("some wait");
            self.owed.remove(oldest);
        }
    }

    fn attach(&mut self, limit: u64, now: u64) -> Vec<Seen> {
        self.limit = limit as usize;
        self.trim();
        self.owed.iter_mut().for_each(|owed| owed.in_hand = false);
        self.push(now)
    }

    fn sweep(&mut self, now: u64) {
        self.owed.retain(|owed| owed.sent || owed.expires.is_none_or(|expires| expires > now));
    }
}

struct World {
    machine: Machine,
    clients: Vec<Client>,
    sessions: Vec<Session>,
    held: Vec<Vec<Delivery>>,
    payloads: u32,
    connections: u32,
}

impl World {
    fn new(limits: [u64; 3]) -> Self {
        let client = |n: usize| Client { limit: limits[n], ..Client::new(&format!("c{n}"), 0) };
        Self {
            machine: Machine::new(0, 1),
            clients: (0..3).map(client).collect(),
            sessions: vec![Session::default(); 3],
            held: vec![Vec::new(); 3],
            payloads: 0,
            connections: 0,
        }
    }

    /// Runs a command; what each client sees of it.
    fn run(&mut self, command: &Command<'_>) -> Vec<Vec<Seen>> {
        let mut seen = vec![Vec::new(); 3];
        for effect in self.machine.run(command) {
            let Effect::Reply { to, reply } = effect else { panic!("one partition sends nothing") };
            let Some(client) = self.clients.iter().position(|client| client.owner == to) else { continue };
            let payload = |body| self.machine.payload(body).parse().expect("payloads are numbers");
            match reply {
                Reply::Deliver(d) => {
                    seen[client].push(Seen::Message(payload(d.body), d.qos, d.dup, d.subscription_ids.to_vec()));
                    self.held[client].push(d);
                }
                Reply::Direct(d) => seen[client].push(Seen::Direct(payload(d.body), d.subscription_ids.to_vec())),
                Reply::Received { .. } => seen[client].push(Seen::Received),
                _ => {}
            }
        }
        seen
    }

    fn step(&mut self, op: &Op) {
        let now = self.machine.now;
        match op {
            Op::Connect { client, clean, window, limit } => {
                self.clients[*client].limit = *limit;
                self.connect(*client, *clean, *window);
            }
            Op::Close(client) => {
                if self.sessions[*client].connected {
                    let connection = self.clients[*client].clone();
                    self.run(&connection.close(false));
                    self.sessions[*client].connected = false;
                    self.sessions[*client].ends = Some(now + EXPIRY * 1000);
                }
            }
            Op::Subscribe { client, filter, options } => {
                if self.sessions[*client].connected {
                    let connection = self.clients[*client].clone();
                    self.run(&connection.subscribe(FILTERS[*filter], *options));
                    let session = &mut self.sessions[*client];
                    session.filters.insert(FILTERS[*filter], *options);
                    (session.limit, session.registered) = (connection.limit as usize, true);
                }
            }
            Op::Unsubscribe { client, filter } => {
                if self.sessions[*client].connected {
                    let connection = self.clients[*client].clone();
                    self.run(&connection.unsubscribe(FILTERS[*filter]));
                    self.sessions[*client].filters.remove(FILTERS[*filter]);
                }
            }
            Op::Publish { publisher, topic, qos, expiry } => self.publish(*publisher, TOPICS[*topic], *qos, *expiry),
            Op::Acknowledge { client, which, received } => self.acknowledge(*client, which, *received),
            Op::Pass(seconds) => {
                self.machine.pass(*seconds);
                let now = self.machine.now;
                for session in &mut self.sessions {
                    session.sweep(now);
                    if session.ends.is_some_and(|ends| ends <= now) {
                        *session = Session::default();
                    }
                }
            }
        }
    }

    fn connect(&mut self, client: usize, clean: bool, window: u16) {
        self.connections += 1;
        let mut connection = Client { window, ..Client::new(&format!("c{client}"), self.connections) };
        connection.limit = self.clients[client].limit;
        let opened = self.machine.open(&connection, clean, EXPIRY as u32);
        connection.epoch = opened.epoch;
        connection.kind = SessionKind::Persistent;
        self.clients[client] = connection.clone();
        self.held[client].clear();
        let session = &mut self.sessions[client];
        if clean {
            *session = Session::default();
        }
        (session.connected, session.ends, session.window) = (true, None, window.into());
        if opened.touched.is_empty() {
            self.run(&connection.touch(PartitionSet(1)));
        } else {
            self.sessions[client].registered = true;
            let expected = self.sessions[client].attach(connection.limit, self.machine.now);
            let seen = self.run(&connection.attach_limited(window));
            assert_eq!(seen[client], expected);
        }
    }

    fn publish(&mut self, publisher: usize, topic: &'static str, qos: QoS, expiry: Option<u64>) {
        self.payloads += 1;
        let now = self.machine.now;
        let payload = self.payloads;
        let expires = expiry.map(|seconds| now + seconds * 1000);
        let text = payload.to_string();
        let from = format!("c{publisher}");
        let sent = Message { expires: expires.map(Timestamp), ..message(topic, &text, qos) };
        let seen = self.run(&publish(&from, sent));
        for (client, session) in self.sessions.iter_mut().enumerate() {
            let matching = session
                .filters
                .iter()
                .filter(|(filter, options)| mqtt::matches(filter, topic) && !(options.no_local && client == publisher));
            let matching: Vec<_> = matching.map(|(_, options)| *options).collect();
            let granted = matching.iter().map(|options| options.qos).max();
            let mut ids: Vec<_> = matching.iter().filter_map(|options| options.identifier).collect();
            ids.sort_unstable();
            ids.dedup();
            let expected = match granted.map(|granted| granted.min(qos)) {
                None => Vec::new(),
                Some(QoS::AtMostOnce) if session.connected => vec![Seen::Direct(payload, ids)],
                Some(QoS::AtMostOnce) => Vec::new(),
                Some(qos) => {
                    let owed = Owed { payload, qos, ids, expires, sent: false, received: false, in_hand: false };
                    session.publish(owed, now)
                }
            };
            assert_eq!(seen[client], expected, "client {client}");
        }
    }

    fn acknowledge(&mut self, client: usize, which: &Index, received: bool) {
        if self.held[client].is_empty() || !self.sessions[client].connected {
            return;
        }
        let at = which.index(self.held[client].len());
        let delivery = self.held[client][at].clone();
        let payload = self.machine.payload(delivery.body).parse::<u32>().expect("payloads are numbers");
        let step = if received && delivery.qos == QoS::ExactlyOnce { Step::Received } else { Step::Done };
        let session = &mut self.sessions[client];
        let owed = session.owed.iter().position(|owed| owed.payload == payload).expect("it was handed over");
        let mut expected = Vec::new();
        if step == Step::Received {
            session.owed[owed].received = true;
            expected.push(Seen::Received);
        } else {
            session.owed.remove(owed);
            self.held[client].remove(at);
        }
        expected.extend(session.push(self.machine.now));
        let connection = self.clients[client].clone();
        let seen = self.run(&connection.acknowledge(delivery.session, delivery.entry, step));
        assert_eq!(seen[client], expected);
    }

    /// Who is connected is told what it is subscribed to.
    fn list(&mut self) {
        let connected = self.sessions.iter().zip(&self.clients).filter(|(session, _)| session.connected);
        for (session, client) in connected {
            let replies = self.machine.replies(&client.list());
            let [Reply::Subscriptions { filters, more: None, .. }] = &replies[..] else { panic!("{replies:?}") };
            let mut filters: Vec<_> = filters.iter().map(|filter| &**filter).collect();
            filters.sort_unstable();
            assert_eq!(filters, session.filters.keys().copied().collect::<Vec<_>>());
        }
    }

    /// Everybody comes back and acknowledges everything: nothing may be left.
    fn drain(&mut self) {
        for client in 0..3 {
            self.connect(client, false, 1000);
            while let Some(delivery) = self.held[client].pop() {
                let connection = self.clients[client].clone();
                self.run(&connection.acknowledge(delivery.session, delivery.entry, Step::Done));
            }
            let left = self.sessions[client].owed.iter().filter(|owed| !owed.received).count();
            assert!(left as u32 <= self.payloads);
        }
        let received: usize = self.sessions.iter().flat_map(|s| &s.owed).filter(|owed| owed.received).count();
        assert_eq!(self.machine.partition.counters().queued, received as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_session_gets_what_it_is_owed_in_order_and_nothing_else(
        ops in ops(),
        limits in prop::array::uniform3(prop::sample::select(vec![0, 0, 2, 5])),
    ) {
        let mut world = World::new(limits);
        for op in &ops {
            world.step(op);
            world.list();
            let owed: usize = world.sessions.iter().map(|session| session.owed.len()).sum();
            prop_assert_eq!(world.machine.partition.counters().queued, owed as u64);
        }
        world.drain();
    }
}
