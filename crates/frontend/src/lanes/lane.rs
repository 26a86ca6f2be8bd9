//! One worker's lane to one partition: the batches that are not known to be taken, the answers that were received, and
//! the search for the partition's leader.
//!
//! No I/O and no clock: a [`Lane`] is told what happens, and appends to an [`Outlet`] what is to be done. Whatever is
//! said twice, by whomever, does no harm: the partition applies a batch once, and a numbered answer counts once.

mod questions;
mod refused;
mod reigns;
mod seeking;

use std::collections::VecDeque;

use bytes::Bytes;
use mqtt::QoS;
use partition::lane::{ToPartition, ToWorker, again};
use partition::sabotage::{Guard, is_broken};
use partition::{Answer, BATCH_WINDOW, BatchBuilder, Incarnation, Numbered, Numbering, Reply};

use questions::Questions;
use reigns::Reigns;

/// Bytes of batches that are not taken, from which on no new work is taken for the partition.
const FULL_BYTES: usize = 16 * 1024 * 1024;

/// The most batches that are not taken: below what the partition remembers of those it has applied.
const MAX_BATCHES: usize = BATCH_WINDOW as usize - 96;

/// While nobody is there to take it, a batch is cut at this size.
const CUT_BYTES: usize = 1024 * 1024;

/// Numbered answers, and bytes of them, after which the partition is told that they were received though there is
/// nothing else to tell: its replicas keep them until then.
const NOTE_ANSWERS: u64 = 4096;
const NOTE_BYTES: usize = 4 * 1024 * 1024;

/// A link that goes on within that was not away, as others see it.
const BLINK_MS: u64 = 1000;

/// What a lane wants done, in this order.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    /// To backends.
    pub messages: Vec<(u16, Bytes)>,
    /// To the worker's connections.
    pub answers: Vec<Answer>,
    /// Batches that were taken and had been sent more than once: an answer that is not numbered may have been lost.
    pub taken_again: Vec<Bytes>,
    /// The incarnation is of no use any more; the partition knows this one.
    pub lost: Option<Incarnation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody is asked before `from`.
    Seeking {
        from: u64,
    },
    Opening {
        backend: u16,
        since: u64,
    },
    Open {
        backend: u16,
    },
}

struct Batch {
    number: u64,
    message: Bytes,
    sent: bool,
    repeated: bool,
}

/// See the module. Times are in milliseconds, by a clock that only goes forward.
pub(crate) struct Lane {
    id: partition::Lane,
    /// Backends that may lead the partition, the likeliest first.
    replicas: Box<[u16]>,
    incarnation: Incarnation,
    stage: Stage,
    /// Who is asked next: a place among the replicas.
    next: usize,
    /// Who was named as the leader.
    hint: Option<u16>,
    reigns: Reigns,
    /// Questions since the lane was open that have found no leader.
    failures: u64,
    /// Since when the leader is out of reach.
    away_since: Option<u64>,
    /// When something was taken last, or nothing was there to take.
    moved_at: u64,
    /// Backends that have opened the lane since their link's session began: what comes from others is not for us.
    heard: Vec<u16>,
    /// Questions that are not answered; and those that were asked in an incarnation that has ended.
    asked: Questions,
    asked_before: Questions,
    /// Numbered answers received, and what of it the partition was told in a note of its own.
    received: u64,
    noted: u64,
    unnoted_bytes: usize,
    /// Number of the last batch.
    last: u64,
    batches: VecDeque<Batch>,
    bytes: usize,
    /// The batch of which a publish was refused last.
    refused_in: u64,
    pub openings: u64,
    pub repeated: u64,
}

impl Lane {
    pub fn new(id: partition::Lane, replicas: &[u16], incarnation: Incarnation) -> Self {
        Self {
            id,
            replicas: replicas.into(),
            incarnation,
            stage: Stage::Seeking { from: 0 },
            next: 0,
            hint: None,
            reigns: Reigns::default(),
            failures: 0,
            away_since: None,
            moved_at: 0,
            heard: Vec::new(),
            asked: Questions::default(),
            asked_before: Questions::default(),
            received: 0,
            noted: 0,
            unnoted_bytes: 0,
            last: 0,
            batches: VecDeque::new(),
            bytes: 0,
            refused_in: 0,
            openings: 0,
            repeated: 0,
        }
    }

    /// The backend that leads the partition, while the lane to it is open.
    pub fn leader(&self) -> Option<u16> {
        match self.stage {
            Stage::Open { backend } => Some(backend),
            _ => None,
        }
    }

    /// The leader, unless it has been out of reach for longer than a blink.
    pub fn reached(&self, now: u64) -> Option<u16> {
        let is_away = self.away_since.is_some_and(|since| now >= since + BLINK_MS);
        self.leader().filter(|_| !is_away)
    }

    /// Whether time alone may bring something: the leader is not there, or out of reach.
    pub fn is_unsettled(&self) -> bool {
        self.leader().is_none() || self.away_since.is_some()
    }

    /// Bytes that are not known to be taken.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether what can wait should.
    pub fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES
    }

    /// Whether everything that was said is taken.
    pub fn is_flushed(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether it is time to send what the builder holds: it grows while nobody is there to take it.
    pub fn wants(&self, builder: &BatchBuilder) -> bool {
        !builder.is_empty()
            && self.batches.len() < MAX_BATCHES
            && (self.leader().is_some() || builder.len() >= CUT_BYTES)
    }

    /// Sends a batch: what the builder holds, also if it is nothing.
    pub fn push(&mut self, builder: &mut BatchBuilder, out: &mut Outlet) {
        self.last += 1;
        let Self { id, incarnation, last: number, received, .. } = *self;
        let message =
            builder.take_numbered(Numbered { lane: id, incarnation, number, received, repeated: false, len: 0 });
        self.bytes += message.len();
        let leader = self.leader();
        if let Some(leader) = leader {
            out.messages.push((leader, message.clone()));
        }
        self.batches.push_back(Batch { number, message, sent: leader.is_some(), repeated: false });
    }

    /// The session of the link to a backend has begun anew: it knows nothing of what it was told, nor of the lane.
    pub fn on_session(&mut self, backend: u16, now: u64) {
        self.heard.retain(|other| *other != backend);
        [&mut self.asked, &mut self.asked_before].into_iter().for_each(|questions| questions.forget(backend));
        self.reigns.forget(backend);
        match self.stage {
            Stage::Opening { backend: present, .. } | Stage::Open { backend: present } if present == backend => {
                // It may lead the partition still.
                self.hint = Some(backend);
                self.stage = Stage::Seeking { from: now };
            }
            _ => {}
        }
    }

    /// Nothing can be sent to the backend: the session of its link is over. What it has said in it still counts.
    pub fn on_refused(&mut self, backend: u16, now: u64) {
        if self.is_at(backend) {
            self.pass_over(backend, now);
        }
    }

    fn is_at(&self, backend: u16) -> bool {
        match self.stage {
            Stage::Opening { backend: present, .. } | Stage::Open { backend: present } => present == backend,
            Stage::Seeking { .. } => false,
        }
    }

    /// Takes what a backend says. `bytes` is the size of the message.
    pub fn on_message(&mut self, backend: u16, message: ToWorker, bytes: usize, now: u64, out: &mut Outlet) {
        let is_stale = match message {
            ToWorker::Opened { .. } | ToWorker::Elsewhere { .. } | ToWorker::Lost { .. } => {
                self.settle_question(backend)
            }
            _ => false,
        };
        match message {
            ToWorker::Opened { .. } if is_stale => {}
            ToWorker::Opened { applied } => self.on_opened(backend, applied, now, out),
            ToWorker::Elsewhere { leader } => {
                if self.is_at(backend) {
                    self.hint = leader.filter(|leader| *leader != backend);
                    self.pass_over(backend, now);
                }
            }
            // What is lost is what the partition knows: no incarnation that it has not heard of.
            ToWorker::Lost { newest } if newest >= self.incarnation => out.lost = Some(newest),
            ToWorker::Answers(answers) if self.hears(backend) => {
                let before = self.received;
                for (numbering, answer) in answers {
                    if self.takes(backend, numbering, &answer, now) {
                        out.answers.push(answer);
                    }
                }
                self.note(before, bytes, out);
            }
            ToWorker::Taken { number } if self.heard.contains(&backend) => {
                self.moved_at = now;
                self.on_taken(number, out);
            }
            ToWorker::Leads { term } => self.on_leads(backend, term, now),
            // Of before the link's session, or this incarnation, began.
            ToWorker::Answers(_) | ToWorker::Taken { .. } | ToWorker::Lost { .. } => {}
        }
    }

    /// Takes an answer as that to the first question; true if it was asked in an incarnation that has ended.
    fn settle_question(&mut self, backend: u16) -> bool {
        if self.asked_before.settle(backend) {
            return true;
        }
        self.asked.settle(backend);
        false
    }

    fn on_opened(&mut self, backend: u16, applied: u64, now: u64, out: &mut Outlet) {
        if applied > self.last {
            // Somebody else has used our name and incarnation.
            out.lost = Some(self.incarnation);
            return;
        }
        if !self.heard.contains(&backend) {
            self.heard.push(backend);
        }
        if matches!(self.stage, Stage::Open { .. }) {
            // It was asked twice, or another one has opened the lane meanwhile.
            return;
        }
        if self.reigns.is_over(backend) {
            // It does not know yet that it is replaced. What it has to say counts, as that of anybody who has led.
            return self.on_refused(backend, now);
        }
        self.stage = Stage::Open { backend };
        (self.hint, self.failures, self.away_since, self.moved_at) = (None, 0, None, now);
        self.openings += 1;
        for batch in &mut self.batches {
            let message = if batch.sent { again(&batch.message) } else { batch.message.clone() };
            self.repeated += u64::from(batch.sent);
            (batch.sent, batch.repeated) = (true, batch.sent);
            out.messages.push((backend, message));
        }
        if is_broken(Guard::LaneOrder) {
            out.messages.reverse();
        }
    }

    /// Whether answers of a backend are for us: it has opened the lane in this session of its link.
    pub fn hears(&self, backend: u16) -> bool {
        self.heard.contains(&backend)
    }

    /// Numbered answers that were received.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Whether another leads since the backend has. Messages of QoS 0 that it has still to give are not taken any more: they may
    /// come behind what was published later and what the other has given (MQTT-4.6.0-6), and nobody sends them again.
    pub fn is_replaced(&self, backend: u16) -> bool {
        self.reigns.is_over(backend)
    }

    /// Whether an answer is new, of a backend that is heard. One with a number counts as received.
    pub fn takes(&mut self, backend: u16, numbering: Numbering, answer: &Answer, now: u64) -> bool {
        let Numbering::Numbered(number) = numbering else {
            let is_qos0 = matches!(&answer.reply, Reply::Direct(direct) if direct.qos == QoS::AtMostOnce);
            return !(is_qos0 && self.is_replaced(backend));
        };
        if number <= self.received + 1 {
            let is_new = number > self.received || is_broken(Guard::AnswerRepeats);
            self.received = self.received.max(number);
            return is_new;
        }
        tracing::error!(backend, number, received = self.received, "answers are missing; the lane is opened anew");
        self.heard.retain(|heard| *heard != backend);
        if self.is_at(backend) {
            self.pass_over(backend, now);
        }
        false
    }

    /// Behind the answers of a message of `bytes` bytes, before which `before` were received: tells the partition so when
    /// there are many.
    pub fn note(&mut self, before: u64, bytes: usize, out: &mut Outlet) {
        if self.received == before {
            return;
        }
        self.unnoted_bytes += bytes;
        let is_due = self.received - self.noted >= NOTE_ANSWERS || self.unnoted_bytes >= NOTE_BYTES;
        if is_due && self.leader().is_some() && self.batches.len() < MAX_BATCHES {
            (self.noted, self.unnoted_bytes) = (self.received, 0);
            self.push(&mut BatchBuilder::for_lane(), out);
        }
    }

    fn on_taken(&mut self, number: u64, out: &mut Outlet) {
        while let Some(batch) = self.batches.pop_front_if(|batch| batch.number <= number) {
            self.bytes -= batch.message.len();
            if batch.repeated {
                out.taken_again.push(batch.message);
            }
        }
    }

    /// Says goodbye to the partition: all sessions are closed, and everything that was said is taken.
    pub fn leave(&self, out: &mut Outlet) {
        if let Some(leader) = self.leader() {
            out.messages.push((leader, ToPartition::Leave { incarnation: self.incarnation }.encode()));
        }
    }

    /// Forgets everything that was said and heard under another incarnation.
    pub fn begin_anew(&mut self, incarnation: Incarnation) {
        let (openings, repeated) = (self.openings, self.repeated);
        let mut asked_before = std::mem::take(&mut self.asked_before);
        asked_before.append(std::mem::take(&mut self.asked));
        let reigns = std::mem::take(&mut self.reigns);
        *self = Self { openings, repeated, asked_before, reigns, ..Self::new(self.id, &self.replicas, incarnation) };
    }
}

#[cfg(test)]
mod tests;
