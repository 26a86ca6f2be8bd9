//! A worker's lanes, and the links that they go over.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use link::mailbox;
use link::wire::{Link, Phase, Sender, Status, StreamId};
use mqtt::QoS;
use partition::{
    Answer, AnswerReader, BatchBuilder, Command, CommandReader, DecodeError, Incarnation, Numbering, Owner,
    PartitionId, Passed,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::FIGURES;
use super::arrivals::{Arrival, Arrivals, Waiting, cost};
use super::lane::{Lane, Outlet};
use super::shared::Far;
use crate::settings::FarLink;

/// What a partition may send to a worker beyond what the worker had room for.
const LANE_WINDOW_BYTES: u64 = 1024 * 1024;
const FIGURES_WINDOW_BYTES: u64 = 64 * 1024;

/// A link to one backend.
pub(super) struct Way {
    pub backend: u16,
    pub link: Link,
    status: watch::Receiver<Status>,
    driver: Cell<Option<JoinHandle<()>>>,
}

impl Way {
    fn is_up(&self) -> bool {
        self.status.borrow().phase == Phase::Up
    }
}

/// See the module.
pub(crate) struct Lanes {
    begun: Instant,
    incarnation: Cell<Incarnation>,
    pub(super) ways: Vec<Way>,
    /// By partition.
    lanes: RefCell<Vec<Lane>>,
    /// By partition, the streams to backends in the sessions of their links that the lanes know of.
    senders: RefCell<Vec<Vec<(u16, Sender)>>>,
    /// For the one task that takes them.
    pub(super) arrivals: Cell<Option<mailbox::Receiver<Arrival>>>,
    waiting: Waiting,
}

impl Lanes {
    /// Begins to receive, and to work on the links in tasks of this thread.
    pub fn new(worker: u16, frontend: u16, far: &Far, links: Vec<FarLink>) -> Self {
        let (mailbox, arrivals) = mailbox::channel();
        let waiting = Waiting::default();
        let incarnation = far.incarnation();
        let id = partition::Lane { frontend, worker };
        let partitions = || (0..far.replicas.len()).map(|partition| PartitionId(partition as u16));
        let arrive = |backend, partition| {
            Box::new(Arrivals { backend, partition, mailbox: mailbox.clone(), waiting: Arc::clone(&waiting) })
        };
        let ways = links.into_iter().map(|FarLink { backend, link, driver }| {
            for partition in partitions() {
                link.receive(stream_of(partition), LANE_WINDOW_BYTES, arrive(backend, Some(partition)));
            }
            if worker == 0 {
                link.receive(FIGURES, FIGURES_WINDOW_BYTES, arrive(backend, None));
            }
            let driver = Cell::new(Some(tokio::task::spawn_local(driver.run())));
            Way { backend, status: link.status(), link, driver }
        });
        Self {
            begun: Instant::now(),
            incarnation: Cell::new(incarnation),
            ways: ways.collect(),
            lanes: RefCell::new(far.replicas.iter().map(|replicas| Lane::new(id, replicas, incarnation)).collect()),
            senders: RefCell::new(vec![Vec::new(); far.replicas.len()]),
            arrivals: Cell::new(Some(arrivals)),
            waiting,
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    pub fn incarnation(&self) -> Incarnation {
        self.incarnation.get()
    }

    /// Ways whose state is worth a look when it changes.
    pub(super) fn statuses(&self) -> Vec<watch::Receiver<Status>> {
        self.ways.iter().map(|way| way.status.clone()).collect()
    }

    fn is_up(&self, backend: u16) -> bool {
        self.ways.iter().any(|way| way.backend == backend && way.is_up())
    }

    /// Lets a lane act, and sends what it wants sent. The rest is left in the outlet.
    pub(super) fn with_lane(&self, partition: PartitionId, act: impl FnOnce(&mut Lane, &mut Outlet)) -> Outlet {
        let mut out = Outlet::default();
        let mut lanes = self.lanes.borrow_mut();
        if let Some(lane) = lanes.get_mut(usize::from(partition.0)) {
            act(lane, &mut out);
            let mut refused = None;
            for (backend, message) in out.messages.drain(..) {
                if refused != Some(backend) && !self.send(partition, backend, message) {
                    refused = Some(backend);
                    lane.on_refused(backend, self.now());
                }
            }
        }
        out
    }

    /// Has `take` take the answers of a message that are new, `pass` those that have no number and are messages, and `pass_over`
    /// hear for whom a message of QoS 0 comes too late.
    ///
    /// # Errors
    /// When one cannot be read: those before it were taken.
    pub(super) fn on_answers(
        &self,
        (partition, backend): (PartitionId, u16),
        mut answers: AnswerReader<'_>,
        mut take: impl FnMut(Answer),
        mut pass: impl FnMut(&Passed<'_>),
        mut pass_over: impl FnMut(Owner),
    ) -> Result<(), DecodeError> {
        let (now, bytes) = (self.now(), answers.message_len());
        let heard = |lane: &Lane| lane.hears(backend).then(|| (lane.received(), lane.is_replaced(backend)));
        let before = self.lanes.borrow().get(usize::from(partition.0)).and_then(heard);
        let Some((before, is_replaced)) = before else { return Ok(()) };
        let read = loop {
            match answers.next_passed() {
                Ok(Some(passed)) if is_replaced && passed.qos == QoS::AtMostOnce => {
                    pass_over(passed.to);
                    continue;
                }
                Ok(Some(passed)) => {
                    pass(&passed);
                    continue;
                }
                Ok(None) => {}
                Err(error) => break Err(error),
            }
            let (numbering, answer) = match answers.next() {
                Some(Ok(answer)) => answer,
                Some(Err(error)) => break Err(error),
                None => break Ok(()),
            };
            // Not borrowed while it is taken: that may ask how lanes stand.
            let takes = |lane: &mut Lane| lane.takes(backend, numbering, &answer, now);
            if numbering == Numbering::Unnumbered && !is_replaced
                || self.lanes.borrow_mut().get_mut(usize::from(partition.0)).is_some_and(takes)
            {
                take(answer);
            } else if numbering == Numbering::Unnumbered {
                pass_over(answer.to);
            }
        };
        self.with_lane(partition, |lane, out| lane.note(before, bytes, out));
        read
    }

    /// False: the backend knows nothing of the stream any more.
    fn send(&self, partition: PartitionId, backend: u16, message: Bytes) -> bool {
        let mut senders = self.senders.borrow_mut();
        let Some(senders) = senders.get_mut(usize::from(partition.0)) else { return false };
        // How much may be on its way is bounded by what a lane keeps until it is taken.
        if let Some((_, sender)) = senders.iter().find(|(to, _)| *to == backend) {
            return sender.send(message).is_ok();
        }
        let way = self.ways.iter().find(|way| way.backend == backend);
        let Some(sender) = way.and_then(|way| way.link.sender(stream_of(partition))) else { return false };
        let sent = sender.send(message).is_ok();
        senders.push((backend, sender));
        sent
    }

    /// The link to the backend has another session.
    pub(super) fn on_session(&self, partition: PartitionId, backend: u16) {
        if let Some(senders) = self.senders.borrow_mut().get_mut(usize::from(partition.0)) {
            senders.retain(|(to, _)| *to != backend);
        }
        let now = self.now();
        self.with_lane(partition, |lane, _| lane.on_session(backend, now));
    }

    /// Gives room back: the message is looked at.
    pub(super) fn done(&self, message: &Bytes) {
        self.waiting.fetch_sub(cost(message), Ordering::Relaxed);
    }

    /// Hands the partition what the builder holds, if it is time. True: no new work is to be taken for it.
    pub fn hand_over(&self, partition: PartitionId, builder: &mut BatchBuilder) -> bool {
        if self.lane(partition, |lane| lane.wants(builder)) {
            self.with_lane(partition, |lane, out| lane.push(builder, out));
        }
        self.is_full(partition)
    }

    pub fn is_full(&self, partition: PartitionId) -> bool {
        self.lane(partition, Lane::is_full)
    }

    /// Whether the partition's leader is there.
    pub fn is_open(&self, partition: PartitionId) -> bool {
        self.lane(partition, |lane| lane.leader().is_some())
    }

    fn lane(&self, partition: PartitionId, look: impl FnOnce(&Lane) -> bool) -> bool {
        self.lanes.borrow().get(usize::from(partition.0)).is_some_and(look)
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.lanes.borrow().len()).map(|partition| PartitionId(partition as u16))
    }

    /// Looks for leaders where there is none, and shows how things stand. True: some partition has no leader.
    pub(super) fn look(&self, worker: u16, far: &Far) -> bool {
        let now = self.now();
        let mut some_seek = false;
        for partition in self.partitions() {
            self.with_lane(partition, |lane, out| lane.look(now, |backend| self.is_up(backend), out));
            let lanes = self.lanes.borrow();
            let Some(lane) = lanes.get(usize::from(partition.0)) else { continue };
            some_seek |= lane.is_unsettled();
            far.show(worker, usize::from(partition.0), lane, now);
        }
        some_seek
    }

    /// A publish, as it was encoded, was refused for a full disk.
    #[cold]
    pub fn forget_refused(&self, partition: PartitionId, frame: &[u8]) {
        if let Some(Ok(Command::Publish(publish))) = CommandReader::new(frame).next() {
            self.with_lane(partition, |lane, _| lane.forget_refused(&publish));
        }
    }

    /// Whether the partitions have taken everything.
    pub(super) fn are_flushed(&self) -> bool {
        self.lanes.borrow().iter().all(Lane::is_flushed)
    }

    pub(super) fn leave(&self) {
        for partition in self.partitions() {
            self.with_lane(partition, |lane, out| lane.leave(out));
        }
    }

    pub(super) fn begin_anew(&self, incarnation: Incarnation) {
        self.incarnation.set(incarnation);
        self.lanes.borrow_mut().iter_mut().for_each(|lane| lane.begin_anew(incarnation));
    }

    /// Ends the links, once the backends have received what is under way.
    pub(super) async fn stop(&self) {
        self.ways.iter().for_each(|way| way.link.stop());
        for way in &self.ways {
            if let Some(driver) = way.driver.take()
                && let Err(error) = driver.await
            {
                tracing::error!(%error, backend = way.backend, "a link has ended badly");
            }
        }
    }
}

fn stream_of(partition: PartitionId) -> StreamId {
    StreamId(partition.0.into())
}
