//! A worker's side of the partitions: commands to them, a batch for each turn, and their answers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use auth::{ConnectPermit, PublishPermit, SubscribePermit};
use bytes::Bytes;
use link::inbox::{self, Room};
use partition::{
    Acknowledge, Answer, Attach, BatchBuilder, Close, Command, Detach, Epoch, ListSubscriptions, Message, Open, Owner,
    PartitionId, Passed, Publish, QueueLimit, Release, Reply, Routes, Subscribe, Touch, Unsubscribe, Will, Window,
};

use super::Worker;
use crate::connection::{Connection, Session};
use crate::lanes::Lanes;

/// A batch of this size leaves before more is added that can wait: it becomes part of one log entry.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What one partition is to be told at the end of the turn.
#[derive(Default)]
pub(super) struct Batch {
    builder: RefCell<BatchBuilder>,
    /// The partition has asked to wait.
    full: Cell<bool>,
}

impl Batch {
    /// For a partition in another process.
    pub fn for_lane() -> Self {
        Self { builder: RefCell::new(BatchBuilder::for_lane()), full: Cell::new(false) }
    }

    fn is_full(&self) -> bool {
        self.full.get() || self.builder.borrow().len() > BATCH_BYTES
    }

    pub fn hand_over(&self, inbox: &inbox::Sender) {
        let mut builder = self.builder.borrow_mut();
        if !builder.is_empty() {
            let room = inbox.send(builder.take());
            self.full.set(!matches!(room, Ok(Room::Free)));
        }
    }

    pub fn look_for_room(&self, inbox: &inbox::Sender) {
        self.full.set(inbox.room() == Room::Full);
    }

    /// As `hand_over`, to a partition in another process; what cannot leave yet waits in the builder.
    fn hand_over_far(&self, partition: PartitionId, lanes: &Lanes) {
        let mut builder = self.builder.borrow_mut();
        if !builder.is_empty() {
            self.full.set(lanes.hand_over(partition, &mut builder));
        }
    }
}

/// A session that its home is about to open for nobody: it is to be closed again.
pub(super) struct Abandoned {
    client_id: Box<str>,
    publish_will: bool,
}

/// A command that takes no permit: nobody gets into the broker, and nothing reaches anybody, by it alone.
pub(crate) struct Unguarded<'a>(Command<'a>);

macro_rules! unguarded {
    ($($command:ident $(<$life:lifetime>)?),* $(,)?) => {
        $(impl<'a> From<$command$(<$life>)?> for Unguarded<'a> {
            fn from(command: $command$(<$life>)?) -> Self {
                Self(Command::$command(command))
            }
        })*
    };
}

unguarded!(
    Acknowledge,
    Attach<'a>,
    Close<'a>,
    Detach<'a>,
    ListSubscriptions<'a>,
    Release<'a>,
    Touch<'a>,
    Unsubscribe<'a>,
    Window<'a>,
);

impl Worker {
    pub fn index(&self, partition: PartitionId) -> &Routes {
        &self.partitions[usize::from(partition.0)].routes
    }

    pub fn home_of_client(&self, client_id: &str) -> PartitionId {
        self.slots.partition_of_client(client_id)
    }

    pub fn home_of_topic(&self, topic: &str) -> PartitionId {
        self.slots.partition_of_topic(topic)
    }

    /// Adds a command to the partition's batch of this turn.
    pub fn send<'a>(&self, partition: PartitionId, command: impl Into<Unguarded<'a>>) {
        self.push(partition, &command.into().0);
    }

    fn push(&self, partition: PartitionId, command: &Command<'_>) {
        self.batches[usize::from(partition.0)].builder.borrow_mut().push(command);
    }

    /// Has the session home open the session of whom the permit is for. The will is what `will` permits, if there is one.
    pub fn send_open<'a>(&self, permit: ConnectPermit<'a>, will: Option<PublishPermit<'a>>, open: Open<'a>) {
        let client_id = permit.client_id();
        let will = open.will.zip(will).map(|(will, permit)| {
            let message = Message { topic: permit.topic(), ..will.message };
            Will { message, ..will }
        });
        self.push(self.home_of_client(client_id), &Command::Open(Open { client_id, will, ..open }));
    }

    /// Registers the filter that the permit is for.
    pub fn send_subscribe(&self, partition: PartitionId, permit: SubscribePermit<'_>, subscribe: Subscribe<'_>) {
        self.push(partition, &Command::Subscribe(Subscribe { filter: permit.filter(), ..subscribe }));
    }

    /// Publishes to the topic that the permit is for. `properties` follow those of the message.
    pub fn send_publish(
        &self,
        partition: PartitionId,
        permit: PublishPermit<'_>,
        publish: Publish<'_>,
        properties: &[&[u8]],
    ) {
        let message = Message { topic: permit.topic(), ..publish.message };
        let publish = Publish { message, ..publish };
        self.batches[usize::from(partition.0)].builder.borrow_mut().push_publish(&publish, properties);
    }

    /// Sends a command that a partition has given us encoded: what it is about was permitted before.
    pub fn send_encoded(&self, partition: PartitionId, frame: &[u8]) {
        self.batches[usize::from(partition.0)].builder.borrow_mut().push_frame(frame);
    }

    pub(super) fn hand_over_batches(&self) {
        match &self.lanes {
            None => {
                for (batch, link) in self.batches.iter().zip(&self.partitions) {
                    batch.hand_over(&link.inbox);
                }
            }
            Some(lanes) => {
                for (partition, batch) in (0..).map(PartitionId).zip(&self.batches) {
                    batch.hand_over_far(partition, lanes);
                }
            }
        }
    }

    pub(super) fn look_for_room(&self) {
        match &self.lanes {
            None => {
                for (batch, link) in self.batches.iter().zip(&self.partitions) {
                    batch.look_for_room(&link.inbox);
                }
            }
            Some(lanes) => {
                for (partition, batch) in (0..).map(PartitionId).zip(&self.batches) {
                    batch.full.set(lanes.is_full(partition));
                }
            }
        }
    }

    /// Whether all batches have been handed over.
    pub fn nothing_is_left_to_say(&self) -> bool {
        self.batches.iter().all(|batch| batch.builder.borrow().is_empty())
    }

    /// Forgets what partitions were to be told, and what is waited for, of connections that are all ending.
    pub fn forget_commands(&self) {
        for batch in &self.batches {
            batch.builder.replace(BatchBuilder::for_lane());
            batch.full.set(false);
        }
        self.abandoned.borrow_mut().clear();
    }

    /// Whether the partition, or the batch for it, has no room for what can wait.
    pub fn is_full(&self, partition: PartitionId) -> bool {
        self.batches[usize::from(partition.0)].is_full()
    }

    /// Whether the partition's leader is there, to take what it is told.
    pub fn is_reached(&self, partition: PartitionId) -> bool {
        self.lanes.as_ref().is_none_or(|lanes| lanes.is_open(partition))
    }

    /// A connection goes before its session home has answered it.
    pub fn abandon(&self, owner: Owner, client_id: Box<str>, publish_will: bool) {
        self.abandoned.borrow_mut().insert(owner, Abandoned { client_id, publish_will });
    }

    /// Closes the session that was opened for a connection that is gone; false if there is none.
    fn close_abandoned(&self, owner: Owner, epoch: Epoch) -> bool {
        let Some(Abandoned { client_id, publish_will }) = self.abandoned.borrow_mut().remove(&owner) else {
            return false;
        };
        let close = Close { client_id: &client_id, epoch, session_expiry: None, publish_will };
        self.send(self.home_of_client(&client_id), close);
        true
    }

    pub fn attach(&self, connection: &Connection, session: &Session) {
        for partition in session.touched.get().iter() {
            let attach = Attach {
                owner: connection.owner,
                client_id: session.client_id(),
                epoch: session.epoch,
                window: session.window,
                queue_limit: Some(QueueLimit { length: session.queue_length }),
            };
            self.send(partition, attach);
        }
    }

    /// Takes a message from a partition, within what it came with. Where the connection has gone, it goes with it.
    pub fn on_passed(self: &Rc<Self>, passed: &Passed<'_>, within: &Bytes) {
        if let Some(connection) = self.connection(passed.to) {
            connection.on_passed(self, passed, within);
        }
    }

    /// Takes what a partition says.
    pub fn on_answer(self: &Rc<Self>, answer: Answer) {
        if let Reply::Opened(opened) = &answer.reply
            && self.close_abandoned(answer.to, opened.epoch)
        {
            return;
        }
        if let (Reply::Rejected { .. }, Some(lanes), Some(frame)) = (&answer.reply, &self.lanes, answer.bodies.first())
        {
            lanes.forget_refused(answer.from, frame);
        }
        match self.connection(answer.to) {
            Some(connection) => connection.on_answer(self, answer),
            // A shared message for a connection that has just gone is somebody else's.
            None => {
                if let (Reply::Direct(direct), Some(body)) = (&answer.reply, answer.bodies.first()) {
                    self.redeliver(direct.share.as_ref(), direct.qos, body, None);
                }
            }
        }
    }
}
