//! A replica in a directory, and a worker of a frontend process as it sees it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mqtt::{QoS, RetainHandling};
use partition::lane::again;
use partition::{
    Answer, BatchBuilder, Command, Epoch, Incarnation, Lane, Message, Numbered, Numbering, Open, Origin, Owner,
    PartitionId, Publish, QueueLimit, Reply, Scope, SessionKind, SlotTable, Subscribe, SubscriptionOptions, Tag,
    Timestamp, Touch,
};

use crate::bodies::BodySettings;
use crate::log::LogSettings;
use crate::solo::{Durability, Outgoing, Solo, SoloSettings};

pub const LANE: Lane = Lane { frontend: 1, worker: 2 };
pub const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A replica that can be killed.
pub struct Place {
    dir: tempfile::TempDir,
    pub solo: Solo,
    /// Batches of the worker that wait.
    later: Vec<(Numbered, Bytes)>,
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (solo, _) = Solo::open(settings(dir.path())).unwrap();
        Self { dir, solo, later: Vec::new() }
    }

    /// Ends without a word, and begins again; what the log holds is there.
    pub fn crash(&mut self) -> Outgoing {
        let spare = tempfile::tempdir().unwrap();
        drop(std::mem::replace(&mut self.solo, Solo::open(settings(spare.path())).unwrap().0));
        self.solo = Solo::open(settings(self.dir.path())).unwrap().0;
        self.later.clear();
        let mut out = Outgoing::default();
        self.solo.resume_far(&mut Vec::new(), NOW, &mut out).unwrap();
        out
    }

    pub fn run(&mut self, mut batches: Vec<Bytes>) -> Vec<(Numbering, Answer)> {
        let mut out = Outgoing::default();
        self.solo.run(&mut batches, NOW, &mut out).unwrap();
        assert!(batches.is_empty());
        self.later.append(&mut out.later);
        out.take_answers(PartitionId(0))
    }

    /// Runs batches of the worker, behind those that wait.
    pub fn serve(&mut self, batches: Vec<Bytes>) -> Vec<(Numbering, Answer)> {
        if self.later.is_empty() {
            return self.run(batches);
        }
        let numbered = |batch: Bytes| Some((crate::turn::number_of(&batch).unwrap()?, batch));
        self.later.extend(batches.into_iter().filter_map(numbered));
        Vec::new()
    }

    /// Has the worker forget what was run, which then is settled, and runs what has waited for it.
    pub fn settle(&mut self, worker: &mut Worker) {
        loop {
            let run = self.later.first().map_or(worker.number, |(first, _)| first.number - 1);
            worker.kept.retain(|(number, _)| *number > run);
            self.solo.settled(LANE, run);
            if self.later.is_empty() {
                return;
            }
            let batches = std::mem::take(&mut self.later);
            let answers = self.run(batches.into_iter().map(|(_, batch)| batch).collect());
            worker.take(answers);
        }
    }

    /// Index of the last entry.
    pub fn last(&self) -> u64 {
        self.solo.log.last()
    }

    /// Takes a snapshot and gives the log back: once there is more of it than there is state.
    pub fn compact(&mut self) {
        let until = Instant::now() + Duration::from_secs(20);
        let payload = [0; 4 << 10];
        let (qos, retain) = (QoS::AtLeastOnce, false);
        let message = Message { topic: "nobody", qos, retain, expires: None, properties: &[], payload: &payload };
        let origin = Origin::Client { client_id: "filler", exactly_once: None };
        let filler = Publish { reply: None, origin, scope: Scope::Everyone, message };
        let filler = Bytes::from(Command::Publish(filler).to_frame());
        while !self.solo.is_busy() {
            self.run(vec![filler.clone()]);
            self.solo.look_after_disk().unwrap();
            assert!(Instant::now() < until, "a snapshot begins in time");
        }
        while self.solo.is_busy() {
            self.solo.look_after_disk().unwrap();
            assert!(Instant::now() < until, "a snapshot is done in time");
            std::thread::yield_now();
        }
    }
}

fn settings(dir: &std::path::Path) -> SoloSettings {
    SoloSettings {
        dir: dir.to_owned(),
        partition: PartitionId(0),
        slots: SlotTable::even(1),
        durability: Durability::Async,
        log: LogSettings { segment_bytes: 4 << 10 },
        bodies: BodySettings { cache_bytes: 1 << 10 },
        compact_after_bytes: 1,
        reserve_bytes: 0,
    }
}

/// What a message says of itself: its place in the order of its publisher.
pub fn payload(n: u32) -> String {
    format!("{n:06}")
}

/// A worker: what it keeps, what it has received.
pub struct Worker {
    pub incarnation: Incarnation,
    builder: BatchBuilder,
    number: u64,
    pub received: u64,
    kept: VecDeque<(u64, Bytes)>,
    pub epochs: BTreeMap<u32, Epoch>,
    /// In the order in which they came.
    pub replies: Vec<(Reply, Vec<String>)>,
}

impl Worker {
    pub fn new(incarnation: u64) -> Self {
        Self {
            incarnation: Incarnation(incarnation),
            builder: BatchBuilder::for_lane(),
            number: 0,
            received: 0,
            kept: VecDeque::new(),
            epochs: BTreeMap::new(),
            replies: Vec::new(),
        }
    }

    pub fn owner(slot: u32) -> Owner {
        Owner { frontend: LANE.frontend, worker: LANE.worker, slot, generation: 1 }
    }

    pub fn push(&mut self, command: &Command<'_>) {
        self.builder.push(command);
    }

    /// The batch as the partition gets it. It is kept.
    pub fn batch(&mut self) -> Bytes {
        self.number += 1;
        let Self { incarnation, number, received, .. } = *self;
        let numbered = Numbered { lane: LANE, incarnation, number, received, repeated: false, len: 0 };
        let message = self.builder.take_numbered(numbered);
        self.kept.push_back((number, message.clone()));
        // Without the message's head.
        message.slice(2..)
    }

    pub fn take(&mut self, answers: impl IntoIterator<Item = (Numbering, Answer)>) {
        for (numbering, answer) in answers {
            if let Numbering::Numbered(number) = numbering {
                assert_eq!(number, self.received + 1, "none is left out, none comes twice");
                self.received = number;
            }
            if let Reply::Opened(opened) = &answer.reply {
                self.epochs.insert(answer.to.slot, opened.epoch);
            }
            let payload_of = |body: &Bytes| {
                let message = Message::parse(body).expect("a message");
                String::from_utf8_lossy(message.payload).into_owned()
            };
            let bodies = match answer.reply {
                Reply::Rejected { .. } => Vec::new(),
                _ => answer.bodies.iter().map(payload_of).collect(),
            };
            self.replies.push((answer.reply, bodies));
        }
    }

    /// All batches so far need not be kept.
    pub fn taken(&mut self) {
        self.kept.clear();
    }

    /// Opens the lane again: hears what it has not received, and says again what it has kept.
    pub fn reopen(&mut self, place: &mut Place) -> Vec<Bytes> {
        let undelivered = place.solo.undelivered(LANE, self.received).unwrap().expect("all is known");
        self.take(undelivered.into_iter().map(|(number, answer)| (Numbering::Numbered(number), answer)));
        self.kept.iter().map(|(_, message)| again(message).slice(2..)).collect()
    }

    /// Connects the client of `slot` and subscribes it.
    pub fn subscribe(&mut self, place: &mut Place, slot: u32, filter: &str, kind: SessionKind) {
        let (owner, client_id) = (Self::owner(slot), client_id(slot));
        let session_expiry = if kind == SessionKind::Persistent { 3600 } else { 0 };
        self.push(&Command::Open(Open {
            owner,
            client_id: &client_id,
            clean_start: false,
            session_expiry,
            will: None,
        }));
        let batch = self.batch();
        let answers = place.run(vec![batch]);
        self.take(answers);
        let (epoch, tag) = (self.epochs[&slot], Tag(0));
        let partitions = partition::PartitionSet(1);
        self.push(&Command::Touch(Touch { owner, tag, client_id: &client_id, epoch, partitions }));
        let options = SubscriptionOptions {
            qos: QoS::ExactlyOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::DoNotSend,
            identifier: None,
        };
        let queue_limit = QueueLimit { length: 0 };
        self.push(&Command::Subscribe(Subscribe {
            owner,
            tag,
            client_id: &client_id,
            epoch,
            kind,
            window: u16::MAX,
            queue_limit,
            filter,
            options,
        }));
        let batch = self.batch();
        let answers = place.run(vec![batch]);
        self.take(answers);
        self.taken();
    }

    /// Adds a publish, whose tag is `n`.
    pub fn publish(&mut self, topic: &str, qos: QoS, retain: bool, n: u32) {
        let payload = payload(n);
        let reply = (qos > QoS::AtMostOnce).then_some((Self::owner(0), Tag(n)));
        let message = Message { topic, qos, retain, expires: None, properties: &[], payload: payload.as_bytes() };
        let origin = Origin::Client { client_id: "publisher", exactly_once: None };
        self.push(&Command::Publish(Publish { reply, origin, scope: Scope::Everyone, message }));
    }

    /// Payloads of what came by `Direct` or `Deliver`.
    pub fn messages(&self) -> Vec<&str> {
        let is_message = |reply: &Reply| matches!(reply, Reply::Direct(_) | Reply::Deliver(_));
        let replies = self.replies.iter().filter(|(reply, _)| is_message(reply));
        replies.flat_map(|(_, bodies)| bodies.iter().map(String::as_str)).collect()
    }

    /// Tags of the publishes that were acknowledged, in their order.
    pub fn acknowledged(&self) -> Vec<u32> {
        let tag = |(reply, _): &(Reply, Vec<String>)| match reply {
            Reply::Published { tag, .. } => Some(tag.0),
            _ => None,
        };
        self.replies.iter().filter_map(tag).collect()
    }
}

pub fn client_id(slot: u32) -> String {
    format!("client-{slot}")
}
