//! The way to one worker of a frontend process: what is on it, what waits for it, how far the worker has come.
//!
//! Answers with numbers come again from the replica until the worker has received them, so a way that is not open keeps
//! none. What has no number and may not be lost, a message of QoS 1, is kept here until the worker has taken it, with the
//! number behind which it belongs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use link::inbox::Closed;
use mqtt::QoS;
use partition::lane::ToWorker;
use partition::sabotage::{Guard, is_broken};
use partition::{Answer, AnswersBuilder, Incarnation, Lane, Numbering, PartitionId, Passing};
use replica::Passage;
use smallvec::smallvec;

use super::kept::{Kept, answers_of, bytes_of, may_not_be_lost};
use super::line::Line;

/// Answers are one message up to this size, and one that is longer alone.
const MESSAGE_BYTES: usize = 256 * 1024;

/// From this length on a body is recognised by where it is, and compared with none.
const SHARE_FROM: usize = 4096;

/// How long a worker that takes nothing may hold up those who have something for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// A message of answers on its way.
struct Parcel {
    message: Bytes,
    /// Of the line.
    position: u64,
    /// What is settled when the worker has taken it.
    settles: u64,
    /// The highest number in it or before it.
    number: u64,
}

enum Stage {
    Closed { since: Instant },
    Open(Line),
}

/// See the module.
pub(crate) struct Way {
    pub lane: Lane,
    pub incarnation: Incarnation,
    stage: Stage,
    builder: AnswersBuilder,
    /// Somebody waits for what is in the builder, or before it.
    is_awaited: bool,
    parcels: VecDeque<Parcel>,
    kept: VecDeque<Kept>,
    /// Of `parcels`, or of `kept`.
    bytes: usize,
    /// From so many on, the partition wants to hear at once what the worker has taken.
    many_bytes: usize,
    /// The highest number that was handed over, or is with the replica.
    number: u64,
    /// Counts what was put on the way.
    queued: u64,
    /// How far of that nothing is owed any more.
    settled: u64,
    moved: Instant,
    /// The highest batch that was applied, since the lane was opened.
    pub applied: u64,
    /// The last that the worker was told of, and an earlier one of which it is looked whether it knows.
    told: Told,
    looked_for: Told,
    /// The last that it knows.
    known: u64,
    /// Something waits until the worker knows this batch as taken.
    urgent: Option<u64>,
}

/// A batch that the worker was told to be taken.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    number: u64,
    /// Of the line.
    position: u64,
}

impl Way {
    /// `number` is that of the last answer that the replica has for it.
    pub fn new(lane: Lane, incarnation: Incarnation, number: u64, many_bytes: usize) -> Self {
        let now = Instant::now();
        Self {
            lane,
            incarnation,
            stage: Stage::Closed { since: now },
            builder: AnswersBuilder::new(),
            is_awaited: false,
            parcels: VecDeque::new(),
            kept: VecDeque::new(),
            bytes: 0,
            many_bytes,
            number,
            queued: 0,
            settled: 0,
            moved: now,
            applied: 0,
            told: Told::default(),
            looked_for: Told::default(),
            known: 0,
            urgent: None,
        }
    }

    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    /// Whether the worker could be reached now.
    pub fn is_up(&self) -> bool {
        matches!(&self.stage, Stage::Open(line) if line.is_up())
    }

    pub fn closed_since(&self) -> Option<Instant> {
        match self.stage {
            Stage::Closed { since } => Some(since),
            Stage::Open(_) => None,
        }
    }

    /// Bytes that the worker has not taken yet.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether something waits that the worker has to take before somebody else can go on.
    pub fn owes(&self) -> bool {
        self.settled < self.queued || !self.kept.is_empty()
    }

    /// Whether the worker takes what there is, though not as fast as it comes.
    pub fn is_patient(&self, now: Instant) -> bool {
        self.is_up() && now.duration_since(self.moved) < PATIENCE
    }

    /// Adds a message of QoS 1 that nobody else keeps.
    pub fn push_awaited(&mut self, answer: Answer) {
        self.is_awaited = true;
        self.push(Numbering::Unnumbered, answer);
    }

    /// Adds an answer. One without a number that may be lost is, while the lane is not open.
    pub fn push(&mut self, numbering: Numbering, answer: Answer) {
        if let Numbering::Numbered(number) = numbering {
            // It was among those that were not delivered, when the lane was opened.
            if number <= self.number {
                return;
            }
            self.number = number;
        }
        if self.is_open() {
            self.builder.push(numbering, answer);
            if self.builder.len() >= MESSAGE_BYTES {
                self.send();
            }
        } else if numbering == Numbering::Unnumbered && may_not_be_lost(&answer) {
            self.bytes += bytes_of(&answer);
            self.kept.push_back(Kept { behind: self.number, answer });
        }
    }

    /// As `push`, of a message that has passed through `from`.
    pub fn pass(&mut self, from: PartitionId, passing: &Passing, passage: &Passage) {
        let range = passing.range();
        if !self.is_open() && passing.qos == QoS::AtMostOnce {
            return;
        }
        if !self.is_open() || range.len() >= SHARE_FROM {
            let bodies = smallvec![passage.body(passing)];
            let answer = Answer { to: passing.to, from, reply: passing.reply(), bodies };
            return self.push(Numbering::Unnumbered, answer);
        }
        self.builder.push_passing(from, passing, &passage.commands[range]);
        if self.builder.len() >= MESSAGE_BYTES {
            self.send();
        }
    }

    /// As `push_awaited`.
    pub fn pass_awaited(&mut self, from: PartitionId, passing: &Passing, passage: &Passage) {
        self.is_awaited = true;
        self.pass(from, passing, passage);
    }

    /// Has settled all that was pushed so far, and nothing else, when it reaches the answer.
    pub fn settles_at(&self) -> u64 {
        let more = !self.builder.is_empty() || !self.kept.is_empty();
        self.queued + u64::from(more)
    }

    pub fn has_settled(&self, at: u64) -> bool {
        self.settled >= at
    }

    /// Hands what was pushed to the link.
    pub fn send(&mut self) {
        if self.builder.is_empty() {
            return;
        }
        let message = self.builder.take();
        self.queued += 1;
        let settles = self.queued;
        self.put(message, settles);
    }

    fn put(&mut self, message: Bytes, settles: u64) {
        let Stage::Open(line) = &self.stage else { return };
        if self.parcels.is_empty() {
            self.moved = Instant::now();
        }
        // Who is slow is looked at as soon as it has taken something.
        let is_many = self.bytes + message.len() >= self.many_bytes;
        let is_awaited = std::mem::take(&mut self.is_awaited) || is_many;
        let sent = if is_awaited { line.send_awaited(message.clone()) } else { line.send(message.clone()) };
        // Where the session has ended, the way is closed soon, and what may not be lost is sent again.
        drop(sent);
        self.bytes += message.len();
        self.parcels.push_back(Parcel { message, position: line.position(), settles, number: self.number });
    }

    /// Tells the worker something that is not an answer, behind what was pushed.
    pub fn tell(&mut self, message: &ToWorker) -> Result<(), Closed> {
        self.send();
        match &self.stage {
            Stage::Open(line) => line.send(message.encode()),
            Stage::Closed { .. } => Err(Closed),
        }
    }

    /// Has the worker forget batches up to `number`, once.
    pub fn tell_taken(&mut self, number: u64) {
        if number > self.told.number {
            self.say_taken(number);
        }
    }

    fn say_taken(&mut self, number: u64) {
        self.send();
        let Stage::Open(line) = &self.stage else { return };
        let message = ToWorker::Taken { number }.encode();
        let is_urgent = self.urgent.take_if(|urgent| *urgent <= number).is_some();
        let sent = if is_urgent { line.send_awaited(message) } else { line.send(message) };
        if sent.is_ok() {
            self.told = Told { number, position: line.position() };
        }
    }

    fn forget_told(&mut self) {
        (self.applied, self.known, self.urgent) = (0, 0, None);
        (self.told, self.looked_for) = (Told::default(), Told::default());
    }

    /// Something waits until the worker knows batch `number` as taken: the partition is woken then.
    pub fn urge(&mut self, number: u64) {
        self.urgent = Some(number);
        if self.told.number >= number {
            // Once more, as nobody has asked to be told of its arrival. To know it twice does no harm.
            self.say_taken(self.told.number);
        }
    }

    /// Whether the worker knows a batch, and all before, as taken: it does not send them again.
    pub fn knows(&self, number: u64) -> bool {
        matches!(&self.stage, Stage::Open(line)
            if number <= self.told.number && line.acknowledged() >= self.told.position)
    }

    /// The highest batch that the worker has newly come to know as taken.
    pub fn newly_known(&mut self) -> Option<u64> {
        let Stage::Open(line) = &self.stage else { return None };
        let position = line.acknowledged();
        let known = match (self.told, self.looked_for) {
            (told, _) if told.position <= position => told.number,
            (_, earlier) if earlier.position <= position => earlier.number,
            _ => return None,
        };
        if self.looked_for.position <= position {
            self.looked_for = self.told;
        }
        let is_new = known > self.known;
        self.known = self.known.max(known);
        is_new.then_some(known)
    }

    /// Looks how far the worker has come. Returns the number of the last answer that it has newly received.
    pub fn look(&mut self, now: Instant) -> Option<u64> {
        let Stage::Open(line) = &self.stage else { return None };
        let position = if is_broken(Guard::Taken) { u64::MAX } else { line.acknowledged() };
        let mut received = None;
        while let Some(parcel) = self.parcels.pop_front_if(|parcel| parcel.position <= position) {
            self.bytes -= parcel.message.len();
            self.settled = parcel.settles;
            self.moved = now;
            received = Some(parcel.number);
        }
        received
    }

    /// Whether the line is there and its session is not.
    pub fn has_ended(&self) -> bool {
        matches!(&self.stage, Stage::Open(line) if line.has_ended())
    }

    /// Nothing arrives any more; what may not be lost is kept.
    pub fn close(&mut self, now: Instant) {
        if !self.is_open() {
            return;
        }
        self.send();
        self.stage = Stage::Closed { since: now };
        self.bytes = 0;
        let mut behind = 0;
        for parcel in std::mem::take(&mut self.parcels) {
            for (numbering, answer) in answers_of(&parcel.message) {
                match numbering {
                    Numbering::Numbered(number) => behind = number,
                    Numbering::Unnumbered if may_not_be_lost(&answer) => {
                        self.bytes += bytes_of(&answer);
                        self.kept.push_back(Kept { behind, answer });
                    }
                    Numbering::Unnumbered => {}
                }
            }
            behind = behind.max(parcel.number);
        }
    }

    /// The worker is there again, or for the first time: `undelivered` are the answers with numbers above `received`,
    /// which it has not.
    pub fn open(&mut self, line: Line, applied: u64, received: u64, undelivered: Vec<(u64, Answer)>) {
        self.stage = Stage::Open(line);
        self.bytes = 0;
        self.forget_told();
        self.number = received;
        if self.tell(&ToWorker::Opened { applied }).is_err() {
            return;
        }
        // All of it settles at once, with the last message: what waits for a part of it waits a little longer.
        let settled = self.settled;
        let mut kept = std::mem::take(&mut self.kept).into_iter().peekable();
        for (number, answer) in undelivered {
            while let Some(early) = kept.next_if(|kept| kept.behind < number) {
                self.push_again(Numbering::Unnumbered, early.answer, settled);
            }
            self.push_again(Numbering::Numbered(number), answer, settled);
        }
        kept.for_each(|kept| self.push_again(Numbering::Unnumbered, kept.answer, settled));
        self.queued += 1;
        let settles = self.queued;
        self.is_awaited = true;
        match self.builder.is_empty() {
            false => {
                let message = self.builder.take();
                self.put(message, settles);
            }
            true => match self.parcels.back_mut() {
                Some(last) => last.settles = settles,
                None => self.settled = settles,
            },
        }
    }

    fn push_again(&mut self, numbering: Numbering, answer: Answer, settled: u64) {
        if let Numbering::Numbered(number) = numbering {
            self.number = number;
        }
        self.builder.push(numbering, answer);
        if self.builder.len() >= MESSAGE_BYTES {
            let message = self.builder.take();
            self.is_awaited = true;
            self.put(message, settled);
        }
    }

    /// The sessions behind it are gone: nothing is owed any more.
    pub fn forget(&mut self, now: Instant) {
        self.builder.take();
        self.is_awaited = false;
        self.parcels.clear();
        self.kept.clear();
        self.bytes = 0;
        self.number = 0;
        self.forget_told();
        self.queued += 1;
        self.settled = self.queued;
        self.stage = Stage::Closed { since: now };
    }
}
