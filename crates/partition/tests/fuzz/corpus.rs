//! A life of a few clients at three partitions: every entry that it makes, and the state that the entry met.

use std::collections::{BTreeSet, VecDeque};

use mqtt::{PacketId, QoS, RetainHandling};
use partition::*;

/// A partition before an entry.
pub struct State {
    pub snapshot: Vec<u8>,
    /// Of the last logged entry.
    pub index: u64,
    /// The batch of the entry that came next.
    pub next: Vec<u8>,
}

const CLIENTS: [&str; 4] = ["c0", "c1", "c2", "c3"];
const TOPICS: [&str; 6] = ["a/0", "a/1", "a/2", "a/3", "b/0", "b/1"];
const FILTERS: [&str; 6] = ["a/#", "$share/g/a/+", "+/1", "a/2", "$share/h/b/0", "#"];
/// One step of a read of retained messages does not hold them.
const MANY: usize = 300;

struct Cluster {
    partitions: Vec<(Partition, u64)>,
    slots: SlotTable,
    now: u64,
    states: Vec<State>,
    epochs: [Epoch; CLIENTS.len()],
    deliveries: Vec<(PartitionId, Delivery)>,
}

/// States of all partitions all along the life.
pub fn states() -> Vec<State> {
    let slots = SlotTable::even(3);
    let partitions = slots.all().iter().map(|id| (Partition::new(id, slots.clone()), 0)).collect();
    let epochs = [Epoch(0); CLIENTS.len()];
    let mut life =
        Cluster { partitions, slots, now: 1_700_000_000_000, states: Vec::new(), epochs, deliveries: Vec::new() };
    life.connect_and_subscribe();
    life.publish_and_acknowledge();
    life.publish_once_and_share();
    life.leave_and_return();
    life.read_retained();
    life.send_by_lane();
    let kinds: BTreeSet<u8> = life
        .states
        .iter()
        .flat_map(|state| Frames::new(&state.next))
        .map(|frame| frame.unwrap().bytes[4] & 0x7f)
        .collect();
    assert!(kinds.iter().copied().eq(1..=21), "every kind of command is there: {kinds:?}");
    life.states
}

impl Cluster {
    fn connect_and_subscribe(&mut self) {
        for n in 0..CLIENTS.len() {
            self.open(n, false);
            for (at, filter) in FILTERS.iter().enumerate().filter(|(at, _)| (at + n) % 2 == 0) {
                for home in self.slots.homes_of_filter(filter).iter() {
                    self.run(home, &[subscribe(n, self.epochs[n], filter, at as u8)]);
                }
            }
        }
    }

    fn publish_and_acknowledge(&mut self) {
        for round in 0..4_u64 {
            for (at, topic) in TOPICS.iter().enumerate() {
                self.now += 700;
                let qos = [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtMostOnce][(at + round as usize) % 3];
                let expires = (at % 2 == 0).then_some(Timestamp(self.now + 5000 * (round + 1)));
                let message = Message { retain: round == 1, expires, ..message(topic, qos) };
                let scope = if round == 2 && qos > QoS::AtMostOnce { Scope::Queues } else { Scope::Everyone };
                let origin = Origin::Client { client_id: CLIENTS[at % 4], exactly_once: None };
                let publish = Publish { reply: Some((owner(1), Tag(9))), origin, scope, message };
                self.run(
                    self.slots.partition_of_topic(topic),
                    &[Command::Publish(publish.clone()), Command::Publish(publish)],
                );
            }
            let deliveries = std::mem::take(&mut self.deliveries);
            for (n, (home, delivery)) in deliveries.into_iter().enumerate().filter(|(n, _)| n % 3 > 0) {
                let step = if n % 3 == 1 { Step::Received } else { Step::Done };
                let commands = self.epochs.map(|epoch| {
                    Command::Acknowledge(Acknowledge { session: delivery.session, epoch, entry: delivery.entry, step })
                });
                self.run(home, &commands);
            }
        }
    }

    fn publish_once_and_share(&mut self) {
        for (n, client_id) in CLIENTS.iter().enumerate() {
            let (topic, packet_id) = (TOPICS[n], PacketId::new(7 + n as u16).unwrap());
            let (home, epoch) = (self.slots.partition_of_topic(topic), self.epochs[n]);
            let origin = Origin::Client { client_id, exactly_once: Some(ExactlyOnce { packet_id, epoch }) };
            let once = Publish { reply: None, origin, scope: Scope::Queues, message: message(topic, QoS::ExactlyOnce) };
            let origin = Origin::Redelivery { share: FILTERS[1], from: client_id };
            let again = Publish { origin, ..once.clone() };
            self.run(home, &[Command::Publish(once), Command::Publish(again)]);
            if n > 1 {
                let release = Release { owner: owner(n), tag: Tag(3), client_id, epoch, packet_id };
                self.run(home, &[Command::Release(release)]);
            }
        }
        let (client_id, epoch, filter) = (CLIENTS[1], self.epochs[1], FILTERS[1]);
        let unsubscribe = Unsubscribe { owner: owner(1), tag: Tag(4), client_id, epoch, filter };
        self.run(PartitionId(0), &[Command::Unsubscribe(unsubscribe)]);
    }

    fn leave_and_return(&mut self) {
        for (n, client_id) in CLIENTS.into_iter().enumerate().skip(1) {
            let (home, epoch) = (self.slots.partition_of_client(client_id), self.epochs[n]);
            let close = Close { client_id, epoch, session_expiry: (n == 2).then_some(20), publish_will: true };
            self.run(home, &[Command::Close(close)]);
            for partition in self.slots.all().iter() {
                self.run(partition, &[Command::Detach(Detach { client_id, epoch })]);
            }
        }
        self.everywhere(&Command::FrontendGone(FrontendGone { frontend: 1 }));
        self.publish_and_acknowledge();
        for n in [0, 3] {
            self.open(n, n == 3);
            for partition in self.slots.all().iter() {
                let (client_id, epoch) = (CLIENTS[n], self.epochs[n]);
                let queue_limit = (n == 3).then_some(QueueLimit { length: 2 });
                let attach = Attach { owner: owner(n), client_id, epoch, window: 3, queue_limit };
                self.run(partition, &[Command::Attach(attach)]);
            }
        }
        self.now += 60_000;
        self.everywhere(&Command::Tick);
    }

    fn read_retained(&mut self) {
        let topics: Vec<_> = (0..MANY).map(|n| format!("c/{n}")).collect();
        let home = PartitionId(1);
        let publishes: Vec<_> = topics
            .iter()
            .map(|topic| {
                let message =
                    Message { retain: true, payload: b"", properties: &[1, 1], ..message(topic, QoS::AtLeastOnce) };
                let message = Message { payload: b"p", ..message };
                let origin = Origin::Client { client_id: "p", exactly_once: None };
                Command::Publish(Publish { reply: None, origin, scope: Scope::Everyone, message })
            })
            .collect();
        self.run(home, &publishes);
        self.run(home, &[subscribe(0, self.epochs[0], "c/#", 0)]);
        let (client_id, epoch, filter) = (CLIENTS[0], self.epochs[0], "c/#");
        let reader = Some((owner(0), Tag(5)));
        let (registered, registered_at, options) = (u64::MAX, 9, options(0));
        let read = ReadRetained { client_id, epoch, filter, options, reader, registered, registered_at, after: "c/17" };
        self.run(home, &[Command::ReadRetained(read)]);
        let list = ListSubscriptions { owner: owner(0), tag: Tag(6), client_id, epoch, after: None };
        let rest = ListSubscriptions { after: Some(1), ..list.clone() };
        self.run(home, &[Command::ListSubscriptions(list), Command::ListSubscriptions(rest)]);
    }

    /// A batch, the same again, another of which one is left out before it, and a life after.
    fn send_by_lane(&mut self) {
        let lane = owner(0).lane();
        for (incarnation, number) in [(7, 1), (7, 1), (7, 3), (8, 0), (8, 1)] {
            let publish = |retain| {
                let message = Message { retain, ..message(TOPICS[1], QoS::AtLeastOnce) };
                let origin = Origin::Client { client_id: CLIENTS[0], exactly_once: None };
                Command::Publish(Publish { reply: Some((owner(0), Tag(7))), origin, scope: Scope::Everyone, message })
            };
            let commands = [subscribe(0, self.epochs[0], FILTERS[0], 0), publish(true), publish(false)];
            let commands = if number == 0 { &[][..] } else { &commands };
            let len = commands.iter().map(|command| command.to_frame().len() as u32).sum();
            let incarnation = Incarnation(incarnation);
            let numbered = Numbered { lane, incarnation, number, received: number, repeated: number == 3, len };
            self.run(PartitionId(0), &[&[Command::Numbered(numbered)], commands].concat());
        }
    }

    fn open(&mut self, n: usize, clean_start: bool) {
        let client_id = CLIENTS[n];
        let message = message(TOPICS[n], QoS::AtLeastOnce);
        let will =
            Some(Will { delay: 10 * (n as u32 % 2), expiry: Some(30), message: Message { retain: n == 2, ..message } });
        let session_expiry = if n == 1 { 0 } else { 3600 };
        let home = self.slots.partition_of_client(client_id);
        self.run(home, &[Command::Open(Open { owner: owner(n), client_id, clean_start, session_expiry, will })]);
        let (epoch, partitions) = (self.epochs[n], self.slots.all());
        self.run(home, &[Command::Touch(Touch { owner: owner(n), tag: Tag(1), client_id, epoch, partitions })]);
    }

    fn everywhere(&mut self, command: &Command<'_>) {
        for partition in self.slots.all().iter() {
            self.run(partition, std::slice::from_ref(command));
        }
    }

    /// Applies the commands as one entry, and what follows from it.
    fn run(&mut self, at: PartitionId, commands: &[Command<'_>]) {
        let mut batch = BatchBuilder::new();
        commands.iter().for_each(|command| batch.push(command));
        let mut queue = VecDeque::from([(at, batch.take().to_vec())]);
        while let Some((at, batch)) = queue.pop_front() {
            let (partition, last) = &mut self.partitions[usize::from(at.0)];
            let mut state = State { snapshot: Vec::new(), index: *last, next: batch };
            partition.snapshot(&mut state.snapshot);
            let is_logged = Frames::new(&state.next).all(|frame| frame.unwrap().is_logged());
            let is_mixed = !is_logged && Frames::new(&state.next).any(|frame| frame.unwrap().is_logged());
            assert!(!is_mixed, "an entry is logged or is not");
            *last += u64::from(is_logged);
            let payload = [&entry_header(Timestamp(self.now))[..], &state.next].concat();
            let mut out = Effects::new();
            partition.apply(Entry { index: if is_logged { *last } else { 0 }, payload: &payload }, &mut out).unwrap();
            self.states.push(state);
            for effect in out.drain() {
                match effect {
                    Effect::Send { to, command } => queue.push_back((to, command.into())),
                    Effect::Reply { to, reply: Reply::Opened(opened) } => self.epochs[to.slot as usize] = opened.epoch,
                    Effect::Reply { reply: Reply::Deliver(delivery), .. } => self.deliveries.push((at, delivery)),
                    Effect::Reply { .. } => {}
                }
            }
        }
    }
}

fn owner(n: usize) -> Owner {
    Owner { frontend: n as u16 % 2, worker: 0, slot: n as u32, generation: 1 }
}

fn message(topic: &str, qos: QoS) -> Message<'_> {
    Message { topic, qos, retain: false, expires: None, properties: &[38, 0, 1, b'k', 0, 1, b'v'], payload: b"payload" }
}

fn options(n: u8) -> SubscriptionOptions {
    SubscriptionOptions {
        qos: if n.is_multiple_of(2) { QoS::ExactlyOnce } else { QoS::AtLeastOnce },
        no_local: n == 1,
        retain_as_published: n.is_multiple_of(2),
        retain_handling: RetainHandling::SendAtSubscribe,
        identifier: (n > 1).then_some(n.into()),
    }
}

fn subscribe(n: usize, epoch: Epoch, filter: &str, at: u8) -> Command<'_> {
    let kind = if n == 1 { SessionKind::Transient } else { SessionKind::Persistent };
    Command::Subscribe(Subscribe {
        owner: owner(n),
        tag: Tag(2),
        client_id: CLIENTS[n],
        epoch,
        kind,
        window: 2 + n as u16,
        queue_limit: QueueLimit { length: if n == 0 { 4 } else { 0 } },
        filter,
        options: options(at),
    })
}
