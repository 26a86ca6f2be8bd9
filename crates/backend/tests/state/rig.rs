//! A backend without a frontend: commands go straight to the partitions' inboxes.

use std::collections::VecDeque;
use std::time::Duration;

use backend::{Backend, BackendView, Durability, Hosting, Settings};
use link::{inbox, mailbox};
use partition::{
    Answer, Attach, BatchBuilder, Close, Command, Epoch, Message, Open, Opened, Origin, Owner, PartitionId,
    PartitionSet, Publish, QueueLimit, Reply, Scope, SlotTable, Subscribe, SubscriptionOptions, Tag, Touch, Will,
};

const WAIT: Duration = Duration::from_secs(20);

pub struct Rig {
    backend: Option<Backend>,
    pub view: BackendView,
    pub slots: SlotTable,
    inboxes: Vec<inbox::Sender>,
    answers: mailbox::Receiver<Answer>,
    seen: VecDeque<Answer>,
    connections: u32,
    dir: tempfile::TempDir,
}

/// A connected client.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub owner: Owner,
    pub opened: Opened,
}

impl Rig {
    pub fn start(partitions: u16) -> Self {
        Self::start_in(partitions, tempfile::tempdir().unwrap())
    }

    fn start_in(partitions: u16, dir: tempfile::TempDir) -> Self {
        let (sender, answers) = mailbox::channel();
        let backend = Backend::start(Settings {
            dir: dir.path().to_owned(),
            partitions,
            durability: Durability::Async,
            hosting: Hosting::Near { workers: vec![sender] },
            inbox_bytes: 16 << 20,
        });
        let backend = backend.unwrap();
        Self {
            view: backend.view(),
            inboxes: backend.links().map(|(inbox, _)| inbox).collect(),
            backend: Some(backend),
            slots: SlotTable::even(partitions),
            answers,
            seen: VecDeque::new(),
            connections: 0,
            dir,
        }
    }

    pub fn restart(mut self) -> Self {
        self.backend.take().unwrap().stop();
        let partitions = self.slots.partitions();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        Self::start_in(partitions, dir)
    }

    pub fn stop(&mut self) {
        self.backend.take().unwrap().stop();
    }

    pub fn backend(&self) -> &Backend {
        self.backend.as_ref().unwrap()
    }

    pub fn send(&self, to: PartitionId, commands: &[Command<'_>]) {
        let mut batch = BatchBuilder::new();
        commands.iter().for_each(|command| batch.push(command));
        self.inboxes[usize::from(to.0)].send(batch.take()).unwrap();
    }

    /// The next answer that `of` knows; those before it are forgotten.
    pub async fn answer<T>(&mut self, of: impl Fn(&Answer) -> Option<T>) -> T {
        let search = async {
            loop {
                while let Some(answer) = self.seen.pop_front() {
                    if let Some(found) = of(&answer) {
                        return found;
                    }
                }
                let mut arrived = Vec::new();
                self.answers.receive(&mut arrived).await;
                self.seen.extend(arrived);
            }
        };
        tokio::time::timeout(WAIT, search).await.expect("an answer in time")
    }

    pub async fn connect(&mut self, id: &str, session_expiry: u32) -> Client {
        self.connect_with(id, session_expiry, None).await
    }

    pub async fn connect_with(&mut self, id: &str, session_expiry: u32, will: Option<Will<'_>>) -> Client {
        self.connections += 1;
        let owner = Owner { frontend: 0, worker: 0, slot: self.connections, generation: 1 };
        let open = Open { owner, client_id: id, clean_start: false, session_expiry, will };
        self.send(self.slots.partition_of_client(id), &[Command::Open(open)]);
        let opened = self.answer(|answer| match &answer.reply {
            Reply::Opened(opened) if answer.to == owner => Some(opened.clone()),
            _ => None,
        });
        let client = Client { id: id.into(), owner, opened: opened.await };
        for partition in client.opened.touched.iter() {
            let (epoch, queue_limit) = (client.opened.epoch, Some(QueueLimit { length: 0 }));
            let attach = Attach { owner, client_id: id, epoch, window: 10, queue_limit };
            self.send(partition, &[Command::Attach(attach)]);
        }
        client
    }

    pub async fn subscribe(&mut self, client: &Client, filters: &[&str]) {
        let homes = |filter: &&str| self.slots.homes_of_filter(filter);
        let partitions = filters.iter().map(homes).fold(PartitionSet::default(), PartitionSet::union);
        let (owner, client_id, epoch) = (client.owner, &*client.id, client.opened.epoch);
        let touch = Touch { owner, tag: Tag(1), client_id, epoch, partitions };
        self.send(self.slots.partition_of_client(client_id), &[Command::Touch(touch)]);
        self.answer(|answer| matches!(answer.reply, Reply::Touched { .. }).then_some(())).await;
        let mut asked = 0;
        for partition in partitions.iter() {
            let here = filters.iter().filter(|filter| self.slots.homes_of_filter(filter).contains(partition));
            let commands: Vec<_> = here.map(|filter| Command::Subscribe(subscription(client, filter))).collect();
            asked += commands.len();
            self.send(partition, &commands);
        }
        for _ in 0..asked {
            self.answer(|answer| matches!(answer.reply, Reply::Subscribed { .. }).then_some(())).await;
        }
    }

    /// Until its home has heard of it.
    pub async fn close(&self, client: &Client) {
        let close =
            Close { client_id: &client.id, epoch: client.opened.epoch, session_expiry: None, publish_will: true };
        self.send(self.slots.partition_of_client(&client.id), &[Command::Close(close)]);
        let closed = async {
            while self.view.session(&client.id).await.unwrap().is_some_and(|session| session.is_connected()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(WAIT, closed).await.expect("the session is away in time");
    }

    /// Publishes; what the partition answers.
    pub async fn publish(&mut self, message: Message<'_>) -> Reply {
        let publisher = Owner { frontend: 0, worker: 0, slot: u32::MAX, generation: 0 };
        let publish = Publish {
            reply: Some((publisher, Tag(9))),
            origin: Origin::Client { client_id: "publisher", exactly_once: None },
            scope: Scope::Everyone,
            message,
        };
        self.send(self.slots.partition_of_topic(message.topic), &[Command::Publish(publish)]);
        self.answer(|answer| (answer.to == publisher).then(|| answer.reply.clone())).await
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(backend) = self.backend.take() {
            backend.stop();
        }
    }
}

pub fn subscription<'a>(client: &'a Client, filter: &'a str) -> Subscribe<'a> {
    Subscribe {
        owner: client.owner,
        tag: Tag(2),
        client_id: &client.id,
        epoch: client.opened.epoch,
        kind: client.opened.kind,
        window: 10,
        queue_limit: QueueLimit { length: 0 },
        filter,
        options: options(),
    }
}

pub fn options() -> SubscriptionOptions {
    SubscriptionOptions {
        qos: 1.try_into().unwrap(),
        no_local: false,
        retain_as_published: false,
        retain_handling: Default::default(),
        identifier: Some(7),
    }
}

/// Of QoS 1.
pub fn message<'a>(topic: &'a str, payload: &'a str) -> Message<'a> {
    Message { retain: false, payload: payload.as_bytes(), ..Message::removal_of(topic) }
}

pub fn retained<'a>(topic: &'a str, payload: &'a str) -> Message<'a> {
    Message { retain: true, ..message(topic, payload) }
}

pub fn epoch(client: &Client) -> Epoch {
    client.opened.epoch
}
