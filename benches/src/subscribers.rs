//! A topic with persistent subscribers, the publishes to it, and the acknowledgements of what they lead to.

use bytes::{Bytes, BytesMut};
use mqtt::{QoS, RetainHandling};
use partition::{
    Acknowledge, Answer, BatchBuilder, Command, Delivery, Effect, Effects, Epoch, Message, Numbering, Open, Origin,
    Owner, Publish, QueueLimit, Reply, Scope, SessionKind, SessionSlot, Step, Subscribe, SubscriptionOptions, Tag,
    Timestamp, entry_header,
};

use crate::packets::TOPIC;

/// The stamp of every entry.
pub const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Which queues there are, and which of their entries is the next to be acknowledged. Without limits or expiry a queue
/// numbers its entries one after the other.
pub struct Subscribers {
    queues: Vec<Queue>,
}

struct Queue {
    session: SessionSlot,
    epoch: Epoch,
    next: u64,
}

impl Subscribers {
    /// The batch that makes `count` subscribers of [`TOPIC`], QoS 1, and publishes once.
    pub fn arrive(count: u32) -> Bytes {
        let mut batch = BatchBuilder::new();
        for number in 0..count {
            let client_id = format!("subscriber-{number:04}");
            let (owner, epoch) = (owner(number), epoch(number));
            batch.push(&open(owner, &client_id, u32::MAX));
            batch.push(&Command::Subscribe(Subscribe {
                owner,
                tag: Tag(1),
                client_id: &client_id,
                epoch,
                kind: SessionKind::Persistent,
                window: u16::MAX,
                queue_limit: QueueLimit { length: 0 },
                filter: TOPIC,
                options: SubscriptionOptions {
                    qos: QoS::AtLeastOnce,
                    no_local: false,
                    retain_as_published: false,
                    retain_handling: RetainHandling::DoNotSend,
                    identifier: None,
                },
            }));
        }
        batch.push(&publish(TOPIC, b"first", Retain::No));
        batch.take()
    }

    /// Reads from the effects of `arrive` which queues there are.
    pub fn of_effects(effects: &Effects) -> Self {
        Self::of_replies(effects.iter().filter_map(|effect| match effect {
            Effect::Reply { to, reply } => Some((*to, reply)),
            Effect::Send { .. } => None,
        }))
    }

    /// Reads from the answers to `arrive` which queues there are.
    pub fn of_answers(answers: &[(Numbering, Answer)]) -> Self {
        Self::of_replies(answers.iter().map(|(_, answer)| (answer.to, &answer.reply)))
    }

    fn of_replies<'a>(replies: impl Iterator<Item = (Owner, &'a Reply)>) -> Self {
        let queues = replies.filter_map(|(to, reply)| match reply {
            Reply::Deliver(Delivery { session, entry, .. }) => {
                Some(Queue { session: *session, epoch: epoch(to.slot), next: *entry })
            }
            _ => None,
        });
        Self { queues: queues.collect() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.queues.len()
    }

    /// Adds what all subscribers answer to one message.
    pub fn push_acknowledgements(&mut self, batch: &mut BatchBuilder) {
        for queue in &mut self.queues {
            batch.push(&Command::Acknowledge(Acknowledge {
                session: queue.session,
                epoch: queue.epoch,
                entry: queue.next,
                step: Step::Done,
            }));
            queue.next += 1;
        }
    }

    /// What all subscribers answer to `messages` messages, as entries of `size` commands.
    pub fn acknowledgements(&mut self, messages: usize, size: usize) -> Vec<Vec<u8>> {
        let mut commands = Vec::new();
        for _ in 0..messages {
            let mut batch = BatchBuilder::new();
            self.push_acknowledgements(&mut batch);
            commands.push(batch.take());
        }
        let frames: Vec<_> = commands
            .iter()
            .flat_map(|batch| partition::Frames::new(batch))
            .map(|frame| frame.expect("it has just been encoded").bytes)
            .collect();
        frames.chunks(size).map(|frames| entry(&frames.concat())).collect()
    }
}

/// Whether a publish is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retain {
    No,
    Yes,
}

/// A publish of a client, QoS 1, as a worker of the frontend sends it.
pub fn publish<'a>(topic: &'a str, payload: &'a [u8], retain: Retain) -> Command<'a> {
    let retain = retain == Retain::Yes;
    Command::Publish(Publish {
        reply: Some((owner(u32::MAX), Tag(7))),
        origin: Origin::Client { client_id: "publisher-0001", exactly_once: None },
        scope: if retain { Scope::Everyone } else { Scope::Queues },
        message: Message { topic, qos: QoS::AtLeastOnce, retain, expires: None, properties: &[], payload },
    })
}

/// `count` publishes to [`TOPIC`] with `len` bytes each.
pub fn publishes(count: usize, len: usize) -> Bytes {
    let payload = vec![b'x'; len];
    let mut batch = BatchBuilder::new();
    for _ in 0..count {
        batch.push(&publish(TOPIC, &payload, Retain::No));
    }
    batch.take()
}

/// A CONNECT with clean start; `expiry` in seconds.
pub fn open(owner: Owner, client_id: &str, expiry: u32) -> Command<'_> {
    Command::Open(Open { owner, client_id, clean_start: true, session_expiry: expiry, will: None })
}

/// The connection of client number `number`.
pub fn owner(number: u32) -> Owner {
    Owner { frontend: 0, worker: 0, slot: number, generation: 1 }
}

/// What the `number`th `Open` from 0 of partition 0 is given.
pub fn epoch(number: u32) -> Epoch {
    Epoch((u64::from(number) + 1) * u64::from(partition::PartitionSet::MAX))
}

/// The log entry of a batch.
pub fn entry(batch: &[u8]) -> Vec<u8> {
    let mut payload = BytesMut::from(&entry_header(NOW)[..]);
    payload.extend_from_slice(batch);
    payload.into()
}
