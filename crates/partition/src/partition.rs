//! The state machine: entries of the log in, effects out.

use std::sync::Arc;

use crate::address::{BodyRef, PartitionId, Timestamp};
use crate::batch::{Frame, Frames, split_entry};
use crate::command::{Command, Confirm, DropSession, Origin, Publish};
use crate::counters::Counters;
use crate::effects::Effects;
use crate::home::{Home, LocalTask};
use crate::moment::Moment;
use crate::routes::Routes;
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

/// A partition's whole state. Changes by `apply` alone.
#[derive(Debug)]
pub struct Partition {
    pub(crate) id: PartitionId,
    pub(crate) slots: SlotTable,
    /// Stamp of the last logged entry.
    pub(crate) now: Timestamp,
    pub(crate) home: Home,
    pub(crate) topics: Topics,
}

impl Partition {
    /// An empty partition.
    pub fn new(id: PartitionId, slots: SlotTable) -> Self {
        let topics = Topics::new(id, slots.clone());
        Self { id, home: Home::new(id, slots.clone()), slots, now: Timestamp(0), topics }
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
        for frame in Frames::in_entry(batch) {
            let frame = frame?;
            if entry.index == 0 && frame.is_logged() {
                return Err(DecodeError::Inconsistent("a command that is to be logged and is not"));
            }
            self.apply_frame(frame, Moment { index: entry.index, position: frame.position, now }, out)?;
        }
        self.report_waiting(Moment { index: entry.index, position: 0, now }, out);
        Ok(())
    }

    fn apply_frame(&mut self, frame: Frame<'_>, at: Moment, out: &mut Effects) -> Result<(), DecodeError> {
        match &frame.decode()? {
            Command::Publish(command) => self.publish(command, frame, at, out),
            Command::Acknowledge(command) => self.topics.acknowledge(command, at, out),
            Command::Release(command) => self.topics.release(command, at, out),
            Command::Open(command) => self.home.open(command, at, out),
            Command::Touch(command) => self.home.touch(command, out),
            Command::Close(command) => self.home.close(command, at, out),
            Command::FrontendGone(command) => {
                self.topics.frontend_gone(command.frontend);
                self.home.frontend_gone(command, at, out);
            }
            Command::Confirm(command) => self.home.confirm(command, out),
            Command::Waiting(command) => self.home.waiting(command, out),
            Command::Attach(command) => self.topics.attach(command, at, out),
            Command::Detach(command) => self.topics.detach(command.client_id, command.epoch),
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
        self.home.resume(out);
        self.topics.resume(out);
        for report in self.topics.reports_again(self.now) {
            let home = self.slots.partition_of_client(&report.client_id);
            if home != self.id {
                out.send(home, &Command::Waiting(report.command(self.id)));
            }
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
