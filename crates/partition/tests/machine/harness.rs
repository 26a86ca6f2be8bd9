//! Partitions on logs in memory, and the words in which the tests speak to them.

use std::collections::{BTreeMap, VecDeque};

use mqtt::{PacketId, QoS, RetainHandling};
use partition::*;

pub const PERSISTENT: u32 = 3600;

/// One partition, its log, and what it has let out.
pub struct Machine {
    pub partition: Partition,
    pub log: Vec<(u64, Vec<u8>)>,
    /// The effects of each entry of `log`.
    pub history: Vec<Vec<Effect>>,
    pub now: u64,
    index: u64,
}

impl Machine {
    pub fn new(id: u16, partitions: u16) -> Self {
        let partition = Partition::new(PartitionId(id), SlotTable::even(partitions));
        Self { partition, log: Vec::new(), history: Vec::new(), now: 1_000_000, index: 0 }
    }

    /// Applies one command as an entry of its own.
    pub fn apply(&mut self, command: &Command<'_>) -> Vec<Effect> {
        self.apply_frames(&command.to_frame(), command.is_logged())
    }

    pub fn apply_frames(&mut self, frames: &[u8], is_logged: bool) -> Vec<Effect> {
        let payload = [&entry_header(Timestamp(self.now))[..], frames].concat();
        self.index += u64::from(is_logged);
        let index = if is_logged { self.index } else { 0 };
        let mut out = Effects::new();
        self.partition.apply(Entry { index, payload: &payload }, &mut out).expect("the entry is well formed");
        self.log.push((index, payload));
        self.history.push(out.drain().collect());
        self.history.last().cloned().unwrap_or_default()
    }

    /// Applies until nothing is left that this partition asks of itself.
    pub fn run(&mut self, command: &Command<'_>) -> Vec<Effect> {
        let mut all = Vec::new();
        let mut queue = VecDeque::from(self.apply(command));
        while let Some(effect) = queue.pop_front() {
            match effect {
                Effect::Send { to, command } if to == self.partition.id() => {
                    queue.extend(self.apply_frames(&command, true))
                }
                other => all.push(other),
            }
        }
        all
    }

    pub fn replies(&mut self, command: &Command<'_>) -> Vec<Reply> {
        replies(self.run(command))
    }

    /// Lets time pass, ticking whenever the partition asks for it.
    pub fn pass(&mut self, seconds: u64) -> Vec<Reply> {
        let until = self.now + seconds * 1000;
        let mut all = Vec::new();
        while let Some(due) = self.partition.next_deadline().filter(|due| due.0 <= until) {
            self.now = self.now.max(due.0);
            all.extend(self.replies(&Command::Tick));
        }
        self.now = until;
        all
    }

    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.partition.snapshot(&mut bytes);
        bytes
    }

    /// Goes on from a snapshot.
    pub fn restart_from_snapshot(&mut self) {
        self.partition = Partition::restore(&self.snapshot()).expect("a snapshot is read back");
    }

    pub fn message(&self, body: BodyRef) -> Message<'_> {
        let entry = self.log.iter().rev().find(|(index, _)| *index == body.index).expect("the body is in the log");
        let start = body.offset as usize;
        Message::parse(&entry.1[start..start + body.len as usize]).expect("the body is a message")
    }

    pub fn payload(&self, body: BodyRef) -> String {
        String::from_utf8_lossy(self.message(body).payload).into_owned()
    }

    /// Payloads of what is delivered, in order, with `!` where it is a duplicate and `~` where it is direct.
    pub fn delivered(&self, replies: &[Reply]) -> Vec<String> {
        let text = |reply: &Reply| match reply {
            Reply::Deliver(d) => Some(format!("{}{}", self.payload(d.body), if d.dup { "!" } else { "" })),
            Reply::Direct(d) => Some(format!("{}~", self.payload(d.body))),
            _ => None,
        };
        replies.iter().filter_map(text).collect()
    }

    pub fn open(&mut self, client: &Client, clean_start: bool, expiry: u32) -> Opened {
        self.open_with(client, clean_start, expiry, None).0
    }

    pub fn open_with(
        &mut self,
        client: &Client,
        clean_start: bool,
        session_expiry: u32,
        will: Option<Will<'_>>,
    ) -> (Opened, Vec<Reply>) {
        let open = Open { owner: client.owner, client_id: &client.id, clean_start, session_expiry, will };
        let replies = self.replies(&Command::Open(open));
        let opened = replies.iter().find_map(|reply| match reply {
            Reply::Opened(opened) => Some(opened.clone()),
            _ => None,
        });
        (opened.expect("an `Open` is answered"), replies)
    }

    /// Opens, touches this partition, and leaves the client at its epoch.
    pub fn connect(&mut self, id: &str, connection: u32, expiry: u32) -> Client {
        let mut client = Client::new(id, connection);
        let opened = self.open(&client, false, expiry);
        client.epoch = opened.epoch;
        client.kind = opened.kind;
        if opened.touched.contains(self.partition.id()) {
            return client;
        }
        let partitions = PartitionSet::default().with(self.partition.id());
        let touch = client.touch(partitions);
        assert_eq!(self.replies(&touch), [Reply::Touched { tag: Tag(1) }]);
        client
    }

    pub fn close(&mut self, client: &Client, publish_will: bool) -> Vec<Reply> {
        self.replies(&client.close(publish_will))
    }

    pub fn attach(&mut self, client: &Client, window: u16) -> Vec<Reply> {
        self.replies(&client.attach(window))
    }

    pub fn subscribe(&mut self, client: &Client, filter: &str, options: SubscriptionOptions) -> Vec<Reply> {
        self.replies(&client.subscribe(filter, options))
    }

    pub fn publish(&mut self, topic: &str, payload: &str, qos: QoS) -> Vec<Reply> {
        self.replies(&publish("publisher", message(topic, payload, qos)))
    }

    pub fn acknowledge(&mut self, client: &Client, delivery: &Delivery, step: Step) -> Vec<Reply> {
        self.replies(&client.acknowledge(delivery.session, delivery.entry, step))
    }
}

/// A connection of a client.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub owner: Owner,
    pub epoch: Epoch,
    pub kind: SessionKind,
    pub window: u16,
    pub limit: u64,
}

impl Client {
    pub fn new(id: &str, connection: u32) -> Self {
        let owner = Owner { frontend: 0, worker: 0, slot: connection, generation: 1 };
        Self { id: id.into(), owner, epoch: Epoch(0), kind: SessionKind::Transient, window: 100, limit: 0 }
    }

    pub fn touch(&self, partitions: PartitionSet) -> Command<'_> {
        Command::Touch(Touch { owner: self.owner, tag: Tag(1), client_id: &self.id, epoch: self.epoch, partitions })
    }

    pub fn close(&self, publish_will: bool) -> Command<'_> {
        Command::Close(Close { client_id: &self.id, epoch: self.epoch, session_expiry: None, publish_will })
    }

    pub fn attach(&self, window: u16) -> Command<'_> {
        Command::Attach(Attach { owner: self.owner, client_id: &self.id, epoch: self.epoch, window, queue_limit: None })
    }

    /// With the client's limit.
    pub fn attach_limited(&self, window: u16) -> Command<'_> {
        let queue_limit = Some(QueueLimit { length: self.limit });
        Command::Attach(Attach { owner: self.owner, client_id: &self.id, epoch: self.epoch, window, queue_limit })
    }

    pub fn detach(&self) -> Command<'_> {
        Command::Detach(Detach { client_id: &self.id, epoch: self.epoch })
    }

    pub fn subscribe<'a>(&'a self, filter: &'a str, options: SubscriptionOptions) -> Command<'a> {
        Command::Subscribe(Subscribe {
            owner: self.owner,
            tag: Tag(2),
            client_id: &self.id,
            epoch: self.epoch,
            kind: self.kind,
            window: self.window,
            queue_limit: QueueLimit { length: self.limit },
            filter,
            options,
        })
    }

    pub fn unsubscribe<'a>(&'a self, filter: &'a str) -> Command<'a> {
        let Self { owner, epoch, .. } = *self;
        Command::Unsubscribe(Unsubscribe { owner, tag: Tag(3), client_id: &self.id, epoch, filter })
    }

    /// The first page of what it is subscribed to.
    pub fn list(&self) -> Command<'_> {
        let Self { owner, epoch, .. } = *self;
        Command::ListSubscriptions(ListSubscriptions { owner, tag: Tag(7), client_id: &self.id, epoch, after: None })
    }

    pub fn acknowledge(&self, session: SessionSlot, entry: u64, step: Step) -> Command<'_> {
        Command::Acknowledge(Acknowledge { session, epoch: self.epoch, entry, step })
    }

    pub fn publish_twice_never<'a>(&'a self, packet_id: u16, message: Message<'a>) -> Command<'a> {
        let once = ExactlyOnce { packet_id: PacketId::new(packet_id).expect("not 0"), epoch: self.epoch };
        Command::Publish(Publish {
            reply: Some((self.owner, Tag(4))),
            origin: Origin::Client { client_id: &self.id, exactly_once: Some(once) },
            scope: Scope::Everyone,
            message,
        })
    }

    pub fn release(&self, packet_id: u16) -> Command<'_> {
        Command::Release(Release {
            owner: self.owner,
            tag: Tag(5),
            client_id: &self.id,
            epoch: self.epoch,
            packet_id: PacketId::new(packet_id).expect("not 0"),
        })
    }
}

pub fn options(qos: QoS) -> SubscriptionOptions {
    SubscriptionOptions {
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::SendAtSubscribe,
        identifier: None,
    }
}

pub fn message<'a>(topic: &'a str, payload: &'a str, qos: QoS) -> Message<'a> {
    Message { topic, qos, retain: false, expires: None, properties: &[], payload: payload.as_bytes() }
}

pub fn publish<'a>(client_id: &'a str, message: Message<'a>) -> Command<'a> {
    Command::Publish(Publish {
        reply: None,
        origin: Origin::Client { client_id, exactly_once: None },
        scope: Scope::Everyone,
        message,
    })
}

pub fn will<'a>(delay: u32, message: Message<'a>) -> Option<Will<'a>> {
    Some(Will { delay, expiry: None, message })
}

pub fn replies(effects: Vec<Effect>) -> Vec<Reply> {
    let reply = |effect| match effect {
        Effect::Reply { reply, .. } => reply,
        Effect::Send { to, command } => panic!("{:?} for partition {to}", CommandReader::new(&command).next()),
    };
    effects.into_iter().map(reply).collect()
}

pub fn deliveries(replies: &[Reply]) -> Vec<Delivery> {
    let delivery = |reply: &Reply| match reply {
        Reply::Deliver(delivery) => Some(delivery.clone()),
        _ => None,
    };
    replies.iter().filter_map(delivery).collect()
}

/// Several partitions, each with its log; what they ask of each other is done at once, unless it is held back.
pub struct Cluster {
    pub machines: Vec<Machine>,
    pub slots: SlotTable,
    /// Commands between partitions that have been held back.
    pub held: Option<VecDeque<(PartitionId, Box<[u8]>)>>,
}

impl Cluster {
    pub fn new(partitions: u16) -> Self {
        let machines = (0..partitions).map(|id| Machine::new(id, partitions)).collect();
        Self { machines, slots: SlotTable::even(partitions), held: None }
    }

    pub fn at(&mut self, partition: PartitionId) -> &mut Machine {
        &mut self.machines[partition.0 as usize]
    }

    pub fn apply(&mut self, to: PartitionId, command: &Command<'_>) -> Vec<(PartitionId, Reply)> {
        let frames = command.to_frame();
        let effects = self.at(to).apply_frames(&frames, command.is_logged());
        self.follow(to, effects)
    }

    /// Does what effects ask for.
    pub fn follow(&mut self, from: PartitionId, effects: Vec<Effect>) -> Vec<(PartitionId, Reply)> {
        let mut all = Vec::new();
        let mut queue: VecDeque<_> = effects.into_iter().map(|effect| (from, effect)).collect();
        while let Some((from, effect)) = queue.pop_front() {
            match effect {
                Effect::Reply { reply, .. } => all.push((from, reply)),
                Effect::Send { to, command } => match &mut self.held {
                    Some(held) => held.push_back((to, command)),
                    None => {
                        let effects = self.at(to).apply_frames(&command, true);
                        queue.extend(effects.into_iter().map(|effect| (to, effect)));
                    }
                },
            }
        }
        all
    }

    pub fn let_go(&mut self) -> Vec<(PartitionId, Reply)> {
        let held = self.held.take().unwrap_or_default();
        let mut all = Vec::new();
        for (to, command) in held {
            let effects = self.at(to).apply_frames(&command, true);
            all.extend(self.follow(to, effects));
        }
        all
    }

    /// Texts by the partition they hash to, one for each.
    pub fn one_for_each(&self, prefix: &str) -> BTreeMap<PartitionId, String> {
        let mut found = BTreeMap::new();
        for n in 0..1000 {
            let text = format!("{prefix}{n}");
            found.entry(self.slots.partition_of_topic(&text)).or_insert(text);
        }
        found
    }
}
