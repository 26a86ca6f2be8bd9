//! A worker of a frontend process, as the partitions see it. What it is told is checked against the rules of a lane.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use link::inbox::{Closed, Room};
use link::wire::{Destination, Link, Phase, Sender, StreamId};
use partition::lane::{ToPartition, ToWorker, again};
use partition::{
    Answer, Attach, BatchBuilder, Close, Command, Incarnation, Lane, Message, Numbered, Numbering, Open, Opened,
    Origin, Owner, PartitionId, PartitionSet, Publish, QueueLimit, Reply, Scope, SlotTable, Subscribe,
    SubscriptionOptions, Tag, Touch, Will,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::network::{DEADLINE, Path, found, peer, settings};
use crate::site::Sites;

const WINDOW: u64 = 1 << 20;

enum Heard {
    Began,
    Said(ToWorker),
}

type Ear = mpsc::UnboundedSender<(usize, PartitionId, Heard)>;

/// How long one that seeks waits for an answer.
const PATIENCE: Duration = Duration::from_millis(100);

/// The worker's end of a stream.
struct Listener {
    backend: usize,
    partition: PartitionId,
    ear: Ear,
    has_room: Arc<AtomicBool>,
}

impl Destination for Listener {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        for message in messages.drain(..) {
            let said = ToWorker::decode(&message).expect("what can be read");
            let _ = self.ear.send((self.backend, self.partition, Heard::Said(said)));
        }
        Ok(self.room())
    }

    fn room(&mut self) -> Room {
        if self.has_room.load(Ordering::Acquire) { Room::Free } else { Room::Full }
    }

    fn begin(&mut self) {
        let _ = self.ear.send((self.backend, self.partition, Heard::Began));
    }
}

/// One partition's lane.
#[derive(Default)]
pub struct LaneEnd {
    /// Batches that are not taken.
    pub kept: VecDeque<(u64, Bytes)>,
    number: u64,
    pub received: u64,
    pub taken: u64,
    /// How often it was opened.
    pub opened: u32,
    pub lost: Option<Incarnation>,
    pub elsewhere: Option<Option<u16>>,
    pub is_open: bool,
    /// Where it is asked for.
    pub home: usize,
    /// In which terms backends have said that they lead.
    terms: BTreeMap<usize, u64>,
    /// Backends that have opened it, if only after another was asked: what they say counts.
    openers: BTreeSet<usize>,
    asked: Option<Instant>,
}

pub struct Worker {
    pub lane: Lane,
    pub incarnation: Incarnation,
    pub paths: Vec<Path>,
    pub links: Vec<Link>,
    pub lanes: Vec<LaneEnd>,
    pub has_room: Arc<AtomicBool>,
    pub slots: SlotTable,
    heard: mpsc::UnboundedReceiver<(usize, PartitionId, Heard)>,
    /// Whether lanes are opened elsewhere when they are not where they were.
    seeks: bool,
    pub seen: VecDeque<(Numbering, Answer)>,
    connections: u32,
    tags: u32,
}

/// A connected client.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub owner: Owner,
    pub opened: Opened,
}

impl Worker {
    /// With links to all backends, whose lanes are not open.
    pub fn begin(sites: &Sites, lane: Lane, incarnation: u64) -> Self {
        let (ear, heard) = mpsc::unbounded_channel();
        let us = peer("frontend", lane.frontend);
        let has_room = Arc::new(AtomicBool::new(true));
        let (mut paths, mut links) = (Vec::new(), Vec::new());
        for (backend, door) in sites.doors.iter().enumerate() {
            let path = Path::to(door);
            let (link, driver) = Link::dialing(settings(&us, "backend", lane.worker.into()), Box::new(path.clone()));
            for partition in (0..sites.wishes.partitions).map(PartitionId) {
                let listener = Listener { backend, partition, ear: ear.clone(), has_room: Arc::clone(&has_room) };
                link.receive(StreamId(partition.0.into()), WINDOW, Box::new(listener));
            }
            tokio::spawn(driver.run());
            paths.push(path);
            links.push(link);
        }
        Self {
            lane,
            incarnation: Incarnation(incarnation),
            paths,
            links,
            lanes: (0..usize::from(sites.wishes.partitions))
                .map(|partition| LaneEnd { home: partition % sites.doors.len(), ..LaneEnd::default() })
                .collect(),
            has_room,
            slots: sites.slots.clone(),
            heard,
            seeks: false,
            seen: VecDeque::new(),
            connections: 0,
            tags: 0,
        }
    }

    /// With open lanes.
    pub async fn start(sites: &Sites, frontend: u16, worker: u16, incarnation: u64) -> Self {
        let mut it = Self::begin(sites, Lane { frontend, worker }, incarnation);
        it.open_all().await;
        it
    }

    /// With lanes that are opened wherever their partitions are led.
    pub async fn seek(sites: &Sites, frontend: u16, worker: u16, incarnation: u64) -> Self {
        let mut it = Self::begin(sites, Lane { frontend, worker }, incarnation);
        it.seeks = true;
        it.hear_until(|worker| worker.lanes.iter().all(|lane| lane.is_open)).await;
        it
    }

    /// Asks for the lanes that are not open, one backend after the other.
    fn look_around(&mut self) {
        for place in 0..self.lanes.len() {
            let lane = &mut self.lanes[place];
            lane.is_open &= self.links[lane.home].status().borrow().phase == Phase::Up;
            if lane.is_open || lane.asked.is_some_and(|asked| asked.elapsed() < PATIENCE) {
                continue;
            }
            if lane.asked.is_some() {
                lane.home = (lane.home + 1) % self.links.len();
            }
            lane.asked = Some(Instant::now());
            let open = ToPartition::Open { incarnation: self.incarnation, received: lane.received };
            if let Some(sender) = self.links[lane.home].sender(StreamId(place as u64)) {
                let _ = sender.send(open.encode());
            }
        }
    }

    fn on_elsewhere(&mut self, partition: PartitionId, leader: Option<u16>) {
        let lane = &mut self.lanes[usize::from(partition.0)];
        lane.elsewhere = Some(leader);
        lane.is_open = false;
        if let Some(leader) = leader.filter(|_| self.seeks) {
            lane.home = usize::from(leader);
            lane.asked = None;
        }
    }

    pub async fn open_all(&mut self) {
        for partition in 0..self.lanes.len() {
            self.open(PartitionId(partition as u16)).await;
        }
    }

    fn home(&self, partition: PartitionId) -> usize {
        self.lanes[usize::from(partition.0)].home
    }

    pub async fn sender(&self, partition: PartitionId) -> Sender {
        let link = &self.links[self.home(partition)];
        found("a session", || link.sender(StreamId(partition.0.into()))).await
    }

    /// Asks for a lane.
    pub async fn ask(&mut self, partition: PartitionId) {
        let received = self.lanes[usize::from(partition.0)].received;
        let open = ToPartition::Open { incarnation: self.incarnation, received };
        // A session that ends meanwhile is seen by its beginning anew.
        let _ = self.sender(partition).await.send(open.encode());
    }

    /// Opens a lane, or opens it again, and sends what is kept.
    pub async fn open(&mut self, partition: PartitionId) {
        let place = usize::from(partition.0);
        let before = self.lanes[place].opened;
        self.lanes[place].is_open = false;
        self.ask(partition).await;
        self.hear_until(move |worker| worker.lanes[place].opened > before).await;
    }

    /// Takes what comes until `is_so`.
    pub async fn hear_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let hearing = async {
            while !is_so(self) {
                if self.seeks {
                    self.look_around();
                }
                let Ok(heard) = timeout(Duration::from_millis(10), self.heard.recv()).await else { continue };
                let (backend, partition, heard) = heard.unwrap();
                if !self.seeks || self.listens_to(backend, partition, &heard) {
                    self.on_heard(partition, heard).await;
                }
            }
        };
        tokio::time::timeout(DEADLINE, hearing).await.expect("what was waited for");
    }

    /// Whether what a backend says is for one that seeks: where it asks, and of whoever has opened the lane.
    fn listens_to(&mut self, backend: usize, partition: PartitionId, heard: &Heard) -> bool {
        let lane = &mut self.lanes[usize::from(partition.0)];
        match heard {
            Heard::Began => {
                lane.openers.remove(&backend);
                lane.terms.remove(&backend);
            }
            Heard::Said(ToWorker::Leads { term }) => {
                let is_latest = lane.terms.values().all(|latest| term > latest);
                lane.terms.insert(backend, *term);
                if is_latest && lane.home != backend {
                    (lane.home, lane.is_open, lane.asked) = (backend, false, None);
                }
            }
            Heard::Said(ToWorker::Opened { .. }) => {
                lane.openers.insert(backend);
                let term = lane.terms.get(&backend);
                if term.is_some_and(|term| lane.terms.values().any(|latest| latest > term)) {
                    // It has been replaced, and does not know.
                    return false;
                }
                if !lane.is_open {
                    lane.home = backend;
                }
            }
            Heard::Said(ToWorker::Answers(_) | ToWorker::Taken { .. }) => return lane.openers.contains(&backend),
            Heard::Said(_) => {}
        }
        backend == lane.home
    }

    async fn on_heard(&mut self, partition: PartitionId, heard: Heard) {
        let lane = &mut self.lanes[usize::from(partition.0)];
        match heard {
            Heard::Began if self.seeks => lane.is_open = false,
            Heard::Began if lane.opened > 0 => {
                lane.is_open = false;
                self.ask(partition).await;
            }
            Heard::Began => {}
            Heard::Said(ToWorker::Opened { .. }) => {
                lane.opened += 1;
                if std::mem::replace(&mut lane.is_open, true) {
                    // It was asked for twice.
                    return;
                }
                let kept: Vec<_> = lane.kept.iter().map(|(_, message)| again(message)).collect();
                let sender = self.sender(partition).await;
                kept.into_iter().for_each(|message| _ = sender.send(message));
            }
            Heard::Said(ToWorker::Leads { .. }) => {}
            Heard::Said(ToWorker::Elsewhere { leader }) => self.on_elsewhere(partition, leader),
            Heard::Said(ToWorker::Lost { newest }) => lane.lost = Some(newest),
            Heard::Said(ToWorker::Taken { number }) => {
                assert!(number <= lane.number, "a batch is taken that was not sent");
                lane.taken = number;
                lane.kept.retain(|(kept, _)| *kept > number);
            }
            Heard::Said(ToWorker::Answers(answers)) => {
                for (numbering, answer) in answers {
                    assert_eq!(answer.to.lane(), self.lane);
                    if let Numbering::Numbered(number) = numbering {
                        if number <= lane.received {
                            // The lane was opened twice.
                            continue;
                        }
                        assert_eq!(number, lane.received + 1, "no answer is lost");
                        lane.received = number;
                    }
                    self.seen.push_back((numbering, answer));
                }
            }
        }
    }

    /// The batch's number.
    pub async fn send(&mut self, to: PartitionId, commands: &[Command<'_>]) -> u64 {
        let lane = &mut self.lanes[usize::from(to.0)];
        lane.number += 1;
        let number = lane.number;
        let mut batch = BatchBuilder::for_lane();
        commands.iter().for_each(|command| batch.push(command));
        let (incarnation, received) = (self.incarnation, lane.received);
        let message =
            batch.take_numbered(Numbered { lane: self.lane, incarnation, number, received, repeated: false, len: 0 });
        lane.kept.push_back((number, message.clone()));
        if lane.is_open
            && let Some(sender) = self.links[lane.home].sender(StreamId(to.0.into()))
        {
            let _ = sender.send(message);
        }
        number
    }

    /// Until a batch is taken.
    pub async fn taken(&mut self, partition: PartitionId, number: u64) {
        self.hear_until(|worker| worker.lanes[usize::from(partition.0)].taken >= number).await;
    }

    /// The next answer that `of` knows; it goes, the others stay.
    pub async fn answer<T>(&mut self, of: impl Fn(&Answer) -> Option<T>) -> T {
        self.numbered_answer(of).await.1
    }

    pub async fn numbered_answer<T>(&mut self, of: impl Fn(&Answer) -> Option<T>) -> (Numbering, T) {
        self.hear_until(|worker| worker.seen.iter().any(|(_, answer)| of(answer).is_some())).await;
        let place = self.seen.iter().position(|(_, answer)| of(answer).is_some()).unwrap();
        let (numbering, answer) = self.seen.remove(place).unwrap();
        (numbering, of(&answer).unwrap())
    }

    pub fn next_tag(&mut self) -> Tag {
        self.tags += 1;
        Tag(self.tags)
    }

    pub async fn connect(&mut self, id: &str, session_expiry: u32) -> Client {
        self.connect_with(id, session_expiry, None).await
    }

    pub async fn connect_with(&mut self, id: &str, session_expiry: u32, will: Option<Will<'_>>) -> Client {
        self.connections += 1;
        let Lane { frontend, worker } = self.lane;
        let owner = Owner { frontend, worker, slot: self.connections, generation: 1 };
        let open = Open { owner, client_id: id, clean_start: false, session_expiry, will };
        self.send(self.slots.partition_of_client(id), &[Command::Open(open)]).await;
        let opened = self.answer(|answer| match &answer.reply {
            Reply::Opened(opened) if answer.to == owner => Some(opened.clone()),
            _ => None,
        });
        let client = Client { id: id.into(), owner, opened: opened.await };
        for partition in client.opened.touched.iter() {
            let (epoch, queue_limit) = (client.opened.epoch, Some(QueueLimit { length: 0 }));
            let attach = Attach { owner, client_id: id, epoch, window: 100, queue_limit };
            self.send(partition, &[Command::Attach(attach)]).await;
        }
        client
    }

    pub async fn subscribe(&mut self, client: &Client, filter: &str) {
        let partitions = self.slots.homes_of_filter(filter);
        self.touch(client, partitions).await;
        for partition in partitions.iter() {
            let tag = self.next_tag();
            let subscribe = Command::Subscribe(subscription(client, filter, tag));
            self.send(partition, &[subscribe]).await;
            self.answer(|answer| matches!(answer.reply, Reply::Subscribed { tag: of, .. } if of == tag).then_some(()))
                .await;
        }
    }

    async fn touch(&mut self, client: &Client, partitions: PartitionSet) {
        let (owner, client_id, epoch) = (client.owner, &*client.id, client.opened.epoch);
        let tag = self.next_tag();
        let touch = Touch { owner, tag, client_id, epoch, partitions };
        self.send(self.slots.partition_of_client(client_id), &[Command::Touch(touch)]).await;
        self.answer(|answer| matches!(answer.reply, Reply::Touched { tag: of } if of == tag).then_some(())).await;
    }

    pub async fn close(&mut self, client: &Client) {
        let close =
            Close { client_id: &client.id, epoch: client.opened.epoch, session_expiry: None, publish_will: true };
        self.send(self.slots.partition_of_client(&client.id), &[Command::Close(close)]).await;
    }

    /// Publishes with QoS 1 and does not wait.
    pub async fn publish(&mut self, client: &Client, topic: &str, payload: &str) -> Tag {
        let tag = self.next_tag();
        let publish = publish(client, Some(tag), message(topic, payload));
        self.send(self.slots.partition_of_topic(topic), &[publish]).await;
        tag
    }

    pub async fn publish_at_most_once(&mut self, client: &Client, topic: &str, payload: &str) {
        let message = Message { qos: 0.try_into().unwrap(), ..message(topic, payload) };
        self.send(self.slots.partition_of_topic(topic), &[publish(client, None, message)]).await;
    }

    /// The answer to a publish.
    pub async fn published(&mut self, tag: Tag) -> Reply {
        self.answer(|answer| tag_of(&answer.reply, tag).then(|| answer.reply.clone())).await
    }

    pub fn is_published(&self, tag: Tag) -> bool {
        self.seen.iter().any(|(_, answer)| tag_of(&answer.reply, tag))
    }

    /// Waits until the partition has worked off what it was sent before: whatever it has to say at once is here then.
    pub async fn settle(&mut self, client: &Client, partition: PartitionId) {
        let tag = self.next_tag();
        let (owner, client_id, epoch) = (client.owner, &*client.id, client.opened.epoch);
        let list = partition::ListSubscriptions { owner, tag, client_id, epoch, after: None };
        self.send(partition, &[Command::ListSubscriptions(list)]).await;
        self.answer(|answer| matches!(answer.reply, Reply::Subscriptions { tag: of, .. } if of == tag).then_some(()))
            .await;
    }

    /// The payload of the next message that was delivered directly.
    pub async fn direct(&mut self) -> String {
        self.answer(|answer| matches!(answer.reply, Reply::Direct(_)).then(|| payload(&answer.bodies[0]))).await
    }

    /// The process dies: nothing more is heard of it.
    pub fn die(self) {
        self.paths.iter().for_each(Path::close);
        self.links.iter().for_each(Link::stop);
    }
}

fn tag_of(reply: &Reply, tag: Tag) -> bool {
    matches!(reply, Reply::Published { tag: of, .. } | Reply::Rejected { tag: of } if *of == tag)
}

pub fn payload(body: &Bytes) -> String {
    String::from_utf8(Message::parse(body).unwrap().payload.to_vec()).unwrap()
}

pub fn publish<'a>(client: &'a Client, tag: Option<Tag>, message: Message<'a>) -> Command<'a> {
    Command::Publish(Publish {
        reply: tag.map(|tag| (client.owner, tag)),
        origin: Origin::Client { client_id: &client.id, exactly_once: None },
        scope: Scope::Everyone,
        message,
    })
}

/// Of QoS 1.
pub fn message<'a>(topic: &'a str, payload: &'a str) -> Message<'a> {
    Message { retain: false, payload: payload.as_bytes(), ..Message::removal_of(topic) }
}

fn subscription<'a>(client: &'a Client, filter: &'a str, tag: Tag) -> Subscribe<'a> {
    Subscribe {
        owner: client.owner,
        tag,
        client_id: &client.id,
        epoch: client.opened.epoch,
        kind: client.opened.kind,
        window: 100,
        queue_limit: QueueLimit { length: 0 },
        filter,
        options: SubscriptionOptions {
            qos: 1.try_into().unwrap(),
            no_local: false,
            retain_as_published: false,
            retain_handling: Default::default(),
            identifier: None,
        },
    }
}
