//! The thread of one partition: inbox -> log entry -> effects, and the ticks in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use link::inbox;
use partition::{Command, PartitionId};
use replica::{Outgoing, QueueDisk, Replica, ReplicaError};
use tokio::sync::mpsc;

use crate::backend::View;
use crate::clock::now;
use crate::exits::Exits;
use crate::groups::Arriving;
use crate::sync::Syncers;
use crate::view::call::{self, Call, Deletion, Left, Reply};

/// How often the partition is told the time when something in it is due.
const TICK: Duration = Duration::from_millis(200);

/// How often the disk is looked after.
const DISK: Duration = Duration::from_millis(100);

/// An idle partition sleeps this long at the most.
const IDLE: Duration = Duration::from_secs(1);

/// Questions answered between two batches of commands, each in a step that is bounded.
const CALLS_A_TURN: usize = 4;

/// After the backend was told to stop, what was taken has this long to be applied.
const LAST: Duration = Duration::from_secs(2);

/// What a partition's thread works with besides its replica.
pub(crate) struct Desk {
    pub id: PartitionId,
    pub receiver: inbox::Receiver,
    pub called: mpsc::Receiver<Call>,
    pub exits: Exits,
    pub view: Arc<View>,
    pub stop: Arc<AtomicBool>,
}

/// What the partition begins with.
pub(crate) enum Begun {
    Replica(Replica),
    /// A member of a group, once others were heard.
    Arriving(Arriving, Shared),
}

/// What all partitions of the process share.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    pub syncers: Syncers,
    pub queue_disk: Arc<QueueDisk>,
}

struct PartitionThread {
    replica: Replica,
    desk: Desk,
}

/// Runs until the backend stops or the partition cannot go on.
pub(crate) fn run(begun: Begun, desk: Desk) {
    let id = desk.id;
    let view = Arc::clone(&desk.view);
    let ended = match settle(begun, desk) {
        Ok(Some(thread)) => thread.run(),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    view.is_running.store(false, Ordering::Release);
    if let Err(error) = ended {
        tracing::error!(partition = %id, %error, "the partition has stopped");
    }
}

/// Waits until there is a replica; none when the backend stops before.
fn settle(begun: Begun, mut desk: Desk) -> Result<Option<PartitionThread>, ReplicaError> {
    let (arriving, shared) = match begun {
        Begun::Replica(replica) => return Ok(Some(PartitionThread { replica, desk })),
        Begun::Arriving(arriving, shared) => (arriving, shared),
    };
    let Desk { receiver, exits, stop, .. } = &mut desk;
    let mut unheard = Vec::new();
    let member = arriving.settle(stop, || {
        // Partitions say again what was not confirmed.
        receiver.receive(&mut unheard, Duration::ZERO);
        receiver.done(unheard.drain(..).map(|batch: Bytes| batch.len()).sum());
        exits.pass();
    })?;
    Ok(member.map(|member| {
        let mut replica = Replica::from(member);
        shared.syncers.add(replica.syncer());
        replica.share_queue_disk(shared.queue_disk);
        PartitionThread { replica, desk }
    }))
}

impl PartitionThread {
    fn run(mut self) -> Result<(), ReplicaError> {
        let worked = self.work();
        self.desk.exits.close();
        worked?;
        self.desk.view.is_running.store(false, Ordering::Release);
        self.replica.close()
    }
}

/// What is sent and received, with its buffers kept from turn to turn.
struct Traffic {
    batches: Vec<Bytes>,
    out: Outgoing,
    /// To be told when `batches` has been worked off, with what the replica has to let out before.
    deletions: Vec<(Option<u64>, Reply<Deletion>)>,
}

impl PartitionThread {
    fn work(&mut self) -> Result<(), ReplicaError> {
        let Self { replica, desk } = self;
        let mut traffic = Traffic { batches: Vec::new(), out: Outgoing::default(), deletions: Vec::new() };
        desk.exits.resume(replica, &mut traffic.batches, &mut traffic.out)?;
        let mut last_tick = Instant::now();
        let mut last_disk = Instant::now();
        let mut stopped: Option<Instant> = None;
        // Bytes taken from the inbox whose room has not been given back.
        let mut taken = 0;
        loop {
            // Read before the inbox: what was sent before the stop is still worked off.
            let stopping = desk.stop.load(Ordering::Acquire);
            // What a full disk has left comes first, and what a member has left comes alone.
            let left_over = traffic.batches.len();
            let nothing = if left_over == 0 || matches!(replica, Replica::Solo(_)) {
                let goes_on = stopping || left_over > 0 || !desk.called.is_empty() || desk.exits.has_more();
                let wait = if goes_on { Duration::ZERO } else { wait(replica) };
                desk.receiver.receive(&mut traffic.batches, wait);
                taken += traffic.batches[left_over..].iter().map(Bytes::len).sum::<usize>();
                traffic.batches.retain(|batch| !batch.is_empty());
                desk.exits.take(replica, &mut traffic.batches);
                traffic.batches.is_empty()
            } else {
                false
            };
            if last_tick.elapsed() >= TICK {
                last_tick = Instant::now();
                let leads = desk.exits.leads();
                if leads && left_over == 0 && replica.next_deadline().is_some_and(|at| at <= now()) {
                    traffic.batches.push(Command::Tick.to_frame().into());
                }
                desk.exits.tick(replica, &mut traffic.batches);
                desk.show(replica);
            }
            desk.exits.run(replica, &mut traffic.batches, &mut traffic.out)?;
            traffic.tell_deletions(replica, desk.exits.leads());
            let done = taken.saturating_sub(traffic.batches.iter().map(Bytes::len).sum());
            desk.receiver.done(done);
            taken -= done;
            if last_disk.elapsed() >= DISK {
                last_disk = Instant::now();
                replica.look_after_disk()?;
            }
            if !traffic.batches.is_empty() {
                replica.wait(DISK);
            }
            // Behind the batches: who asks sees what has been sent before.
            desk.answer_calls(replica, &mut traffic);
            desk.view.leads.store(desk.exits.leads(), Ordering::Release);
            if stopping && nothing && traffic.batches.is_empty() && !desk.exits.has_more() {
                let since = *stopped.get_or_insert_with(Instant::now);
                if !desk.exits.is_waiting() || since.elapsed() >= LAST {
                    return Ok(());
                }
                replica.wait(DISK);
            }
        }
    }
}

/// How long to sleep for want of commands.
fn wait(replica: &Replica) -> Duration {
    if replica.is_busy() {
        return DISK;
    }
    match replica.next_deadline() {
        Some(at) => Duration::from_millis(at.0.saturating_sub(now().0)).clamp(TICK, IDLE),
        None => IDLE,
    }
}

impl Traffic {
    /// Tells who has asked for deletions that they are done.
    fn tell_deletions(&mut self, replica: &Replica, leads: bool) {
        if self.deletions.is_empty() || !self.batches.is_empty() {
            return;
        }
        if !leads {
            // They are lost with the lead.
            return self.deletions.clear();
        }
        let mark = replica.taken();
        self.deletions.iter_mut().for_each(|(taken, _)| _ = taken.get_or_insert(mark));
        let is_done = |(taken, _): &mut (Option<u64>, _)| taken.is_some_and(|taken| taken <= replica.let_out());
        self.deletions.extract_if(.., is_done).for_each(|(_, reply)| _ = reply.send(Deletion::Done));
    }
}

impl Desk {
    /// Answers questions from beside the inbox.
    fn answer_calls(&mut self, replica: &mut Replica, traffic: &mut Traffic) {
        for _ in 0..CALLS_A_TURN {
            let Ok(call) = self.called.try_recv() else { return };
            if let Left::Batch(batch, reply) = call::answer(call, replica, now()) {
                traffic.batches.push(batch);
                traffic.deletions.push((None, reply));
            }
        }
    }

    /// Shows others where the partition stands.
    fn show(&self, replica: &Replica) {
        *self.view.counters.lock().unwrap_or_else(PoisonError::into_inner) = replica.counters();
        if let Some(lanes) = self.exits.lanes() {
            *self.view.lanes.lock().unwrap_or_else(PoisonError::into_inner) = lanes;
        }
        self.view.is_disk_full.store(replica.is_disk_full(), Ordering::Release);
        self.view.is_queue_disk_full.store(replica.is_queue_disk_full(), Ordering::Release);
    }
}
