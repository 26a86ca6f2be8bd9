//! The state machine: entries of the log in, effects out.

use std::sync::Arc;

use mqtt::QoS;

use crate::address::{BodyRef, Lane, PartitionId, Timestamp};
use crate::batch::{Frame, Frames, split_entry};
use crate::command::{Command, Confirm, DropSession, FrontendGone, Numbered, Origin, Publish};
use crate::counters::Counters;
use crate::effects::Effects;
use crate::home::{Home, LocalTask};
use crate::lanes::{FrontendState, LaneState, Lanes, Sender};
use crate::moment::Moment;
use crate::routes::Routes;
use crate::sabotage::{Guard, is_broken};
use crate::slots::SlotTable;
use crate::topics::Topics;
use crate::wire::DecodeError;

/// One entry of the log as the replica applies it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Log index, from 1; 0 for commands that are applied but not logged.
    pub index: u64,
    /// `u8 version | u64 now in ms | framed commands`.
    pub payload: &'a [u8],
}

/// What becomes of a batch of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Applied,
    /// It makes the lane known, or the frontend anew: it has to be logged, whatever is in it.
    Begins,
    /// It has been applied, or is of a frontend that is gone.
    Skipped,
}

/// What a command of a batch needs. A batch is logged whole when anything in it needs it; else none of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To be logged.
    Log,
    /// To be answered, and logged only with others: a QoS 1 publish that comes into no queue, a read.
    Answer,
    /// QoS 0.
    Nothing,
}

/// A partition's whole state. Changes by `apply` alone.
#[derive(Debug)]
pub struct Partition {
    pub(crate) id: PartitionId,
    pub(crate) slots: SlotTable,
    /// Stamp of the last logged entry.
    pub(crate) now: Timestamp,
    pub(crate) home: Home,
    pub(crate) topics: Topics,
    pub(crate) lanes: Lanes,
}

impl Partition {
    /// An empty partition.
    pub fn new(id: PartitionId, slots: SlotTable) -> Self {
        let topics = Topics::new(id, slots.clone());
        Self { id, home: Home::new(id, slots.clone()), slots, now: Timestamp(0), topics, lanes: Lanes::default() }
    }

    pub fn id(&self) -> PartitionId {
        self.id
    }

    pub fn slots(&self) -> &SlotTable {
        &self.slots
    }

    /// Applies all commands of an entry, in their order.
    ///
    /// # Errors
    /// When the payload is not an entry. What stands before the broken command has been applied, the rest is not: the
    /// state machine is not to be used any more.
    pub fn apply(&mut self, entry: Entry<'_>, out: &mut Effects) -> Result<(), DecodeError> {
        let (stamp, batch) = split_entry(entry.payload)?;
        let now = self.now.max(stamp);
        if entry.index != 0 {
            self.now = now;
        }
        let (first, at) = (out.len(), Moment { index: entry.index, position: 0, now });
        let mut frames = Frames::in_entry(batch);
        while let Some(frame) = frames.next() {
            let frame = frame?;
            if entry.index == 0 && frame.is_logged() {
                return Err(DecodeError::Inconsistent("a command that is to be logged and is not"));
            }
            if frame.is_numbered() {
                self.apply_batch(frame, &mut frames, at, first, out)?;
            } else {
                self.apply_frame(frame, Moment { position: frame.position, ..at }, first, out)?;
            }
        }
        self.report_waiting(at, out);
        if entry.index != 0 && !self.lanes.is_empty() {
            self.lanes.number(first, out);
        }
        Ok(())
    }

    /// Applies commands that are not logged where they lie, however they are marked: bodies are counted from their first
    /// byte. Whether each may be applied so was asked before, by [`Partition::need`]. Messages that nobody keeps are in
    /// [`Effects::take_passing`].
    ///
    /// # Errors
    /// As of `apply`.
    pub fn apply_unlogged(&mut self, stamp: Timestamp, commands: &[u8], out: &mut Effects) -> Result<(), DecodeError> {
        let (first, at) = (out.len(), Moment { index: 0, position: 0, now: self.now.max(stamp) });
        out.apart(|out| {
            for frame in Frames::new(commands) {
                let frame = frame?;
                self.apply_frame(frame, Moment { position: frame.position, ..at }, first, out)?;
            }
            self.report_waiting(at, out);
            Ok(())
        })
    }

    /// Applies a batch of a lane, unless it has been, or its frontend is not what it was. `first` is the place of the
    /// entry's first effect.
    fn apply_batch(
        &mut self,
        head: Frame<'_>,
        frames: &mut Frames<'_>,
        at: Moment,
        first: usize,
        out: &mut Effects,
    ) -> Result<(), DecodeError> {
        let Command::Numbered(numbered) = head.decode()? else {
            return Err(DecodeError::Inconsistent("a batch without a number"));
        };
        let batch = frames.take_batch(numbered.len)?;
        match self.lanes.sender(numbered.lane, numbered.incarnation) {
            Sender::Past => return Ok(()),
            Sender::Current => {}
            Sender::Newer => {
                let frontend = numbered.lane.frontend;
                self.frontend_gone(FrontendGone { frontend }, Moment { position: head.position, ..at }, first, out);
                self.lanes.begin(frontend, numbered.incarnation);
            }
        }
        if !self.lanes.take(&numbered) {
            return Ok(());
        }
        for frame in batch {
            let frame = frame?;
            if frame.is_numbered() {
                return Err(DecodeError::Inconsistent("a batch in a batch"));
            }
            self.apply_frame(frame, Moment { position: frame.position, ..at }, first, out)?;
        }
        Ok(())
    }

    /// What the entry has had to say to connections of a frontend with lanes is not said any more: whoever holds the
    /// lanes next would take it for its own.
    fn frontend_gone(&mut self, gone: FrontendGone, at: Moment, first: usize, out: &mut Effects) {
        if self.lanes.end(gone.frontend) {
            out.forget_replies(first, gone.frontend);
        }
        self.topics.frontend_gone(gone.frontend);
        self.home.frontend_gone(&gone, at, out);
        self.do_local(at, out);
    }

    fn apply_frame(
        &mut self,
        frame: Frame<'_>,
        at: Moment,
        first: usize,
        out: &mut Effects,
    ) -> Result<(), DecodeError> {
        // Nearly all are one of these two, and a `Command` is large.
        if let Some(command) = frame.decode_acknowledgement()? {
            self.topics.acknowledge(&command, at, out);
            return Ok(());
        }
        if let Some(command) = frame.decode_publish()? {
            self.publish(&command, frame, at, out);
            self.do_local(at, out);
            return Ok(());
        }
        match &frame.decode()? {
            Command::Publish(command) => self.publish(command, frame, at, out),
            Command::Acknowledge(command) => self.topics.acknowledge(command, at, out),
            Command::Release(command) => self.topics.release(command, at, out),
            Command::Open(command) => self.home.open(command, at, out),
            Command::Touch(command) => self.home.touch(command, out),
            Command::Close(command) => self.home.close(command, at, out),
            Command::FrontendGone(command) => self.frontend_gone(command.clone(), at, first, out),
            Command::Confirm(command) => self.home.confirm(command, out),
            Command::Waiting(command) => self.home.waiting(command, out),
            Command::Attach(command) => self.topics.attach(command, at, out),
            Command::Detach(command) => self.topics.detach(command.client_id, command.epoch),
            Command::Window(command) => self.topics.window(command, out),
            Command::Subscribe(command) => self.topics.subscribe(command, at, out),
            Command::Unsubscribe(command) => self.topics.unsubscribe(command, at, out),
            Command::Drop(command) => self.drop_session(command, at, out),
            Command::Trim(command) => self.topics.trim(command, at),
            Command::ForgetWill(command) => self.topics.forget_wills(command),
            Command::ReadRetained(command) => self.topics.read_retained(command, at, out),
            Command::ListSubscriptions(command) => self.topics.list_subscriptions(command, out),
            Command::Tick => {
                self.home.tick(at, out);
                self.topics.tick(at);
            }
            Command::Numbered(_) => return Err(DecodeError::Inconsistent("the mark of a batch")),
        }
        self.do_local(at, out);
        Ok(())
    }

    /// A will is published once, and confirmed every time it is asked for.
    fn publish(&mut self, command: &Publish<'_>, frame: Frame<'_>, at: Moment, out: &mut Effects) {
        let (offset, len) = frame.body(command.message.encoded_len());
        let body = BodyRef { index: at.index, offset, len };
        let is_first = match command.origin {
            Origin::Will { home, item, .. } if home == self.id => self.home.confirm_own(item),
            Origin::Will { home, item, .. } => {
                out.send(home, &Command::Confirm(Confirm { from: self.id, item }));
                self.topics.mark_will(home, item)
            }
            _ => true,
        };
        if is_first {
            self.topics.publish(command, body, at, out);
        }
    }

    fn drop_session(&mut self, command: &DropSession<'_>, at: Moment, out: &mut Effects) {
        self.topics.drop_session(command.client_id, command.epoch, at, out);
        out.send(command.home, &Command::Confirm(Confirm { from: self.id, item: command.item }));
    }

    /// What the session home has for the topic home of the same partition.
    fn do_local(&mut self, at: Moment, out: &mut Effects) {
        for task in self.home.take_local() {
            match task {
                LocalTask::Drop { client_id, epoch } => self.topics.drop_session(&client_id, epoch, at, out),
                LocalTask::Detach { client_id, epoch } => self.topics.detach(&client_id, epoch),
                LocalTask::Trim { client_id, cut } => self.topics.trim(&cut.command(&client_id), at),
            }
        }
    }

    /// Tells the session homes what the entry has changed of limited queues; ends when no local answer changes more.
    fn report_waiting(&mut self, at: Moment, out: &mut Effects) {
        loop {
            let reports = self.topics.take_reports(at.now);
            if reports.is_empty() {
                return;
            }
            for report in reports {
                let home = self.slots.partition_of_client(&report.client_id);
                if home == self.id {
                    self.home.waiting(&report.command(self.id), out);
                    self.do_local(at, out);
                } else {
                    out.send(home, &Command::Waiting(report.command(self.id)));
                }
            }
        }
    }

    /// What is owed to other partitions and to readers: to be let out after a restart or a change of leader.
    pub fn resume(&self, out: &mut Effects) {
        if is_broken(Guard::Resume) {
            return;
        }
        self.home.resume(out);
        self.topics.resume(out);
        for report in self.topics.reports_again(self.now) {
            let home = self.slots.partition_of_client(&report.client_id);
            if home != self.id {
                out.send(home, &Command::Waiting(report.command(self.id)));
            }
        }
    }

    /// Where a lane stands; `None` when it is not known, or its frontend was declared gone.
    pub fn lane(&self, lane: Lane) -> Option<LaneState> {
        self.lanes.lane(lane)
    }

    /// Every lane that is known, ascending.
    pub fn lanes(&self) -> impl Iterator<Item = Lane> {
        self.lanes.lanes()
    }

    /// Frontends that have had lanes, ascending; `None` of one that never had.
    pub fn frontends(&self) -> impl Iterator<Item = FrontendState> {
        self.lanes.frontends()
    }

    pub fn frontend(&self, frontend: u16) -> Option<FrontendState> {
        self.lanes.frontend(frontend)
    }

    /// What becomes of a batch of a lane when it is applied now.
    pub fn judge(&self, numbered: &Numbered) -> Verdict {
        match self.lanes.sender(numbered.lane, numbered.incarnation) {
            Sender::Past => Verdict::Skipped,
            Sender::Current if !self.lanes.would_take(numbered.lane, numbered.number) => Verdict::Skipped,
            Sender::Current if self.lanes.lane(numbered.lane).is_some() => Verdict::Applied,
            Sender::Current | Sender::Newer => Verdict::Begins,
        }
    }

    /// Whether a command of a lane's batch has to be logged as the state is now.
    pub fn need(&mut self, command: &Command<'_>) -> Need {
        match command {
            Command::Publish(publish) => self.need_of_publish(publish),
            Command::ReadRetained(read) if read.reader.is_some() => Need::Answer,
            Command::ListSubscriptions(_) => Need::Answer,
            _ => Need::Log,
        }
    }

    /// As `need`, of a publish.
    pub fn need_of_publish(&mut self, publish: &Publish<'_>) -> Need {
        if !publish.may_pass() {
            return Need::Log;
        }
        match publish.message.qos {
            QoS::AtMostOnce => Need::Nothing,
            QoS::AtLeastOnce if !self.topics.has_queue(publish.message.topic) => Need::Answer,
            // It may come again with its batch, and is to be passed on once.
            QoS::AtLeastOnce | QoS::ExactlyOnce => Need::Log,
        }
    }

    /// The shared read side.
    pub fn routes(&self) -> Arc<Routes> {
        Arc::clone(self.topics.routes())
    }

    /// When a `Tick` has something to do; in the past when the last one had to leave something.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.home.next_deadline().into_iter().chain(self.topics.next_deadline()).min()
    }

    /// The lowest log index that the state may still refer to, rounded down to its bucket of
    /// [`BODY_BUCKET`](crate::BODY_BUCKET) indexes.
    pub fn first_live_index(&self) -> Option<u64> {
        self.topics.live().first_index()
    }

    /// Buckets (index divided by [`BODY_BUCKET`](crate::BODY_BUCKET)) and how many references go there, ascending.
    pub fn live(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.topics.live().iter()
    }

    /// Every body below log index `below` that the state refers to, each once, ascending. Walks the whole state.
    pub fn live_bodies(&self, below: u64) -> Vec<BodyRef> {
        let mut bodies = Vec::new();
        self.topics.live_bodies(below, &mut bodies);
        bodies.sort_unstable();
        bodies.dedup();
        bodies
    }

    pub fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        self.home.count(&mut counters);
        self.topics.count(&mut counters);
        counters
    }
}
