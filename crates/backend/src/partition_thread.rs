//! The thread of one partition: inbox -> log entry -> effects, and the ticks in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use link::{inbox, mailbox};
use partition::{Answer, BatchBuilder, Command, PartitionId, Timestamp};
use replica::solo::{Outgoing, Solo, SoloError};
use tokio::sync::mpsc;

use crate::backend::View;
use crate::view::call::{self, Call, Deletion, Left, Reply};

/// How often the partition is told the time when something in it is due.
const TICK: Duration = Duration::from_millis(200);

/// How often the disk is looked after.
const DISK: Duration = Duration::from_millis(100);

/// An idle partition sleeps this long at the most.
const IDLE: Duration = Duration::from_secs(1);

/// Questions answered between two batches of commands, each in a step that is bounded.
const CALLS_A_TURN: usize = 4;

/// Only one frontend in a process so far.
const FRONTEND: u16 = 0;

pub(crate) struct PartitionThread {
    pub id: PartitionId,
    pub replica: Solo,
    pub receiver: inbox::Receiver,
    pub called: mpsc::Receiver<Call>,
    pub partitions: Vec<inbox::Sender>,
    pub workers: Vec<mailbox::Sender<Answer>>,
    pub view: Arc<View>,
    pub stop: Arc<AtomicBool>,
}

/// Runs until the backend stops or the partition cannot go on.
pub(crate) fn run(mut thread: PartitionThread) {
    let id = thread.id;
    let view = Arc::clone(&thread.view);
    if let Err(error) = thread.work() {
        tracing::error!(partition = %id, %error, "the partition has stopped");
        view.is_running.store(false, Ordering::Release);
        return;
    }
    view.is_running.store(false, Ordering::Release);
    if let Err(error) = thread.replica.close() {
        tracing::error!(partition = %id, %error, "the partition could not be closed");
    }
}

/// What is sent and received, with its buffers kept from turn to turn.
struct Traffic {
    batches: Vec<Bytes>,
    out: Outgoing,
    by_worker: Vec<Vec<Answer>>,
    acknowledgements: Vec<Vec<Answer>>,
    to_partitions: Vec<BatchBuilder>,
    /// To be told when `batches` has been worked off.
    deletions: Vec<Reply<Deletion>>,
}

impl PartitionThread {
    fn work(&mut self) -> Result<(), SoloError> {
        let mut traffic = Traffic {
            batches: Vec::new(),
            out: Outgoing::default(),
            by_worker: self.workers.iter().map(|_| Vec::new()).collect(),
            acknowledgements: self.workers.iter().map(|_| Vec::new()).collect(),
            to_partitions: self.partitions.iter().map(|_| BatchBuilder::new()).collect(),
            deletions: Vec::new(),
        };
        self.replica.resume(FRONTEND, &mut traffic.batches, now(), &mut traffic.out)?;
        self.let_out(&mut traffic);
        let mut last_tick = Instant::now();
        let mut last_disk = Instant::now();
        // Bytes taken from the inbox whose room has not been given back.
        let mut taken = 0;
        loop {
            // Read before the inbox: what was sent before the stop is still worked off.
            let stopping = self.stop.load(Ordering::Acquire);
            let goes_on = stopping || !traffic.batches.is_empty() || !self.called.is_empty();
            let wait = if goes_on { Duration::ZERO } else { self.wait() };
            // What a full disk has left comes first.
            let left_over = traffic.batches.len();
            self.receiver.receive(&mut traffic.batches, wait);
            taken += traffic.batches[left_over..].iter().map(Bytes::len).sum::<usize>();
            traffic.batches.retain(|batch| !batch.is_empty());
            let nothing = traffic.batches.is_empty();
            if last_tick.elapsed() >= TICK {
                last_tick = Instant::now();
                if left_over == 0 && self.replica.next_deadline().is_some_and(|at| at <= now()) {
                    traffic.batches.push(Command::Tick.to_frame().into());
                }
                self.show();
            }
            if !traffic.batches.is_empty() {
                self.replica.run(&mut traffic.batches, now(), &mut traffic.out)?;
                self.let_out(&mut traffic);
            }
            if traffic.batches.is_empty() {
                traffic.deletions.drain(..).for_each(|reply| _ = reply.send(Deletion::Done));
            }
            let done = taken.saturating_sub(traffic.batches.iter().map(Bytes::len).sum());
            self.receiver.done(done);
            taken -= done;
            if last_disk.elapsed() >= DISK {
                last_disk = Instant::now();
                self.replica.look_after_disk()?;
            }
            if !traffic.batches.is_empty() {
                std::thread::sleep(DISK);
            }
            // Behind the batches: who asks sees what has been sent before.
            self.answer_calls(&mut traffic);
            if stopping && nothing && traffic.batches.is_empty() {
                return Ok(());
            }
        }
    }

    /// Answers questions from beside the inbox.
    fn answer_calls(&mut self, traffic: &mut Traffic) {
        for _ in 0..CALLS_A_TURN {
            let Ok(call) = self.called.try_recv() else { return };
            if let Left::Batch(batch, reply) = call::answer(call, &mut self.replica, now()) {
                traffic.batches.push(batch);
                traffic.deletions.push(reply);
            }
        }
    }

    /// How long to sleep for want of commands.
    fn wait(&self) -> Duration {
        if self.replica.is_busy() {
            return DISK;
        }
        match self.replica.next_deadline() {
            Some(at) => Duration::from_millis(at.0.saturating_sub(now().0)).clamp(TICK, IDLE),
            None => IDLE,
        }
    }

    fn let_out(&self, traffic: &mut Traffic) {
        // Commands first: what a connection does next must not overtake them.
        for (to, command) in traffic.out.commands.drain(..) {
            if let Some(batch) = traffic.to_partitions.get_mut(usize::from(to.0)) {
                batch.push_frame(&command);
            }
        }
        for (batch, partition) in traffic.to_partitions.iter_mut().zip(&self.partitions) {
            if !batch.is_empty() {
                // Commands between partitions are few and repeated until confirmed; a stopped one gets them later.
                let _ = partition.send(batch.take());
            }
        }
        // Acknowledgements to publishers last: what is acknowledged has been handed to every worker that delivers it.
        for answer in traffic.out.answers.drain(..) {
            let to = usize::from(answer.to.worker);
            let lists = match answer.reply {
                partition::Reply::Published { .. } => &mut traffic.acknowledgements,
                _ => &mut traffic.by_worker,
            };
            if let Some(list) = lists.get_mut(to) {
                list.push(answer);
            }
        }
        for lists in [&mut traffic.by_worker, &mut traffic.acknowledgements] {
            for (answers, worker) in lists.iter_mut().zip(&self.workers) {
                worker.send(answers);
            }
        }
    }

    /// Shows others where the partition stands.
    fn show(&self) {
        *self.view.counters.lock().unwrap_or_else(PoisonError::into_inner) = self.replica.counters();
        self.view.is_disk_full.store(self.replica.is_disk_full(), Ordering::Release);
        self.view.is_queue_disk_full.store(self.replica.is_queue_disk_full(), Ordering::Release);
    }
}

/// The leader's clock: the only one that commands are stamped from.
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since_epoch.as_millis() as u64)
}
