//! A partition whose frontends, and some of its neighbours, are in other processes: what it takes in besides its inbox,
//! and its ways out.
//!
//! Only a replica that leads has open lanes and takes anything. What it took in a reign that has ended may be lost: the
//! workers open their lanes anew and send again what is not applied, and partitions say again what is not confirmed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use partition::PartitionId;
use partition::lane::ToWorker;
use replica::raft::{Reign, Standing};
use replica::{Outgoing, Replica, ReplicaError};

use crate::clock;
use crate::herald::Herald;
use crate::lanes::{Entrance, Event, Lanes, LanesView};
use crate::leaders::Leaders;
use crate::roads::{Reach, Roads};

/// See the module. Used by the partition's thread only.
pub(crate) struct Far {
    partition: PartitionId,
    entrance: Arc<Entrance>,
    lanes: Lanes,
    herald: Herald,
    roads: Roads,
    leaders: Arc<Leaders>,
    /// As the last run said.
    standing: Option<Standing>,
    events: VecDeque<Event>,
    /// Bytes taken from the entrance whose room has not been given back.
    taken: usize,
    /// What this turn runs, of a member: its answers come in later turns.
    kept: Vec<Bytes>,
}

impl Far {
    pub fn new(
        partition: PartitionId,
        entrance: Arc<Entrance>,
        lanes: Lanes,
        roads: Roads,
        leaders: Arc<Leaders>,
    ) -> Self {
        Self {
            partition,
            entrance,
            lanes,
            herald: Herald::new(partition),
            roads,
            leaders,
            standing: None,
            events: VecDeque::new(),
            taken: 0,
            kept: Vec::new(),
        }
    }

    pub fn leads(&self) -> bool {
        matches!(self.standing, Some(Standing::Leading { .. }))
    }

    /// Whether something has come that can be worked off now.
    pub fn has_more(&self) -> bool {
        self.lanes.has_settled() || !self.events.is_empty() && !self.lanes.is_waiting()
    }

    /// Whether something was taken that is not applied.
    pub fn is_waiting(&self) -> bool {
        self.leads() && self.lanes.is_waiting()
    }

    pub fn view(&self) -> LanesView {
        self.lanes.view()
    }

    /// Takes what the links have brought, to the end of `batches` what is to be run.
    pub fn take(&mut self, replica: &Replica, batches: &mut Vec<Bytes>) {
        self.entrance.take(&mut self.events);
        self.lanes.take_put_off(batches);
        let now = Instant::now();
        while let Some(event) = self.events.pop_front() {
            // They look at what all before them has left.
            let is_looking = self.leads() && matches!(event, Event::Open { .. } | Event::Leave { .. });
            if is_looking && (!batches.is_empty() || self.lanes.is_waiting()) {
                self.events.push_front(event);
                return;
            }
            self.on_event(event, replica, batches, now);
        }
    }

    /// Takes what the links have brought while there is no replica yet: nothing comes of it.
    pub fn pass(&mut self) {
        self.entrance.take(&mut self.events);
        while let Some(event) = self.events.pop_front() {
            self.on_event_elsewhere(event, Instant::now());
        }
    }

    fn on_event(&mut self, event: Event, replica: &Replica, batches: &mut Vec<Bytes>, now: Instant) {
        if !self.leads() {
            return self.on_event_elsewhere(event, now);
        }
        match event {
            Event::Began { lane } => self.lanes.on_began(lane, now),
            Event::Open { lane, wish } => self.lanes.on_open(lane, wish, replica, batches, now),
            Event::Batch { lane, numbered, batch } => {
                let bytes = batch.len();
                if self.lanes.on_batch(lane, numbered, batch, batches) {
                    self.taken += bytes;
                } else {
                    self.entrance.done(bytes);
                }
            }
            Event::Leave { lane, incarnation } => self.lanes.on_leave(lane, incarnation, replica, batches, now),
            Event::Worker { .. } | Event::Peer { .. } | Event::PeerBegan { .. } => {
                self.on_event_elsewhere(event, now);
            }
        }
    }

    /// Whoever leads is asked again.
    fn on_event_elsewhere(&mut self, event: Event, now: Instant) {
        match event {
            Event::Open { wish, .. } => {
                let leader = self.leaders.of(self.partition).filter(|leader| *leader != self.leaders.us());
                // Where the session has ended, the worker asks again.
                let _ = wish.line.send(ToWorker::Elsewhere { leader }.encode());
            }
            Event::Batch { batch, .. } => self.entrance.done(batch.len()),
            Event::Began { .. } | Event::Leave { .. } => {}
            Event::Worker { lane, link } => self.herald.on_link(lane, link, self.standing),
            Event::Peer { backend, link } => self.roads.on_peer(backend, link, now),
            Event::PeerBegan { backend } => self.roads.on_began(backend, now),
        }
    }

    /// Some times a second: adds what is due to `batches`.
    pub fn tick(&mut self, replica: &Replica, batches: &mut Vec<Bytes>) {
        if !self.leads() {
            return;
        }
        let now = Instant::now();
        self.lanes.look_for_gone(replica, batches, now);
        // A member that was asked may have lost the lead before it had taken it.
        if matches!(replica, Replica::Raft(_)) && replica.counters().outbox > 0 {
            self.roads.owe(now);
        }
    }

    /// Runs what is there, if anything, and lets out what follows from it.
    pub fn run(
        &mut self,
        replica: &mut Replica,
        batches: &mut Vec<Bytes>,
        out: &mut Outgoing,
    ) -> Result<(), ReplicaError> {
        let now = Instant::now();
        self.lanes.look(replica, now);
        if self.kept.is_empty() && matches!(replica, Replica::Raft(_)) {
            self.kept.clone_from(batches);
        }
        let refusal = self.lanes.refusal(batches);
        let standing = replica.run(batches, clock::now(), out)?;
        self.roads.send(&mut out.commands, Reach::All, now);
        self.lanes.put_off(out.later.drain(..), replica);
        self.lanes.passed_over(std::mem::take(&mut out.passed_over));
        self.lanes.deal(out, replica, &refusal);
        if self.standing != Some(standing) {
            self.begin(standing);
            batches.clear();
        }
        if !self.leads() {
            batches.clear();
            self.kept.clear();
        }
        if batches.is_empty() {
            self.lanes.taken(replica.taken(), std::mem::take(&mut self.kept));
            let waiting = self.lanes.put_off_bytes();
            self.entrance.done(self.taken.saturating_sub(waiting));
            self.taken = waiting;
        }
        self.lanes.let_out(replica.let_out());
        self.lanes.follow_state(replica, now)?;
        self.say_again(replica, out, now)?;
        self.lanes.release();
        self.lanes.send();
        if !self.events.is_empty() || self.lanes.is_opening() {
            // Nothing may be let out with what they wait for.
            replica.wake_at(replica.taken());
        }
        self.entrance.press(self.lanes.is_pressed(now));
        Ok(())
    }

    /// This member leads, in another reign than before, or follows.
    fn begin(&mut self, standing: Standing) {
        let partition = self.partition;
        match standing {
            Standing::Leading { reign } => {
                tracing::info!(%partition, %reign, "this backend leads the partition");
                self.leaders.leads(partition, self.leaders.us(), reign.term);
            }
            Standing::Following { leader } => {
                let backend = leader.and_then(|leader| u16::try_from(leader.process).ok());
                if self.leads() {
                    tracing::info!(%partition, leader = ?backend, "this backend leads the partition no more");
                }
                self.leaders.follows(partition, backend);
            }
        }
        self.standing = Some(standing);
        self.kept.clear();
        self.lanes.end_reign(self.leaders.of(partition));
        if let Standing::Leading { reign } = standing {
            self.herald.proclaim(reign);
        }
    }

    /// Begins again what was under way when the process ended.
    pub fn resume(
        &mut self,
        replica: &mut Replica,
        batches: &mut Vec<Bytes>,
        out: &mut Outgoing,
    ) -> Result<(), ReplicaError> {
        if matches!(replica, Replica::Solo(_)) {
            let reign = Reign::default();
            self.standing = Some(Standing::Leading { reign });
            self.leaders.leads(self.partition, self.leaders.us(), reign.term);
        }
        replica.resume_far(batches, clock::now(), out)?;
        self.roads.send(&mut out.commands, Reach::All, Instant::now());
        let refusal = self.lanes.refusal(&[]);
        self.lanes.deal(out, replica, &refusal);
        Ok(())
    }

    fn say_again(&mut self, replica: &mut Replica, out: &mut Outgoing, now: Instant) -> Result<(), ReplicaError> {
        if !self.leads() || !self.roads.takes_again(now) {
            return Ok(());
        }
        replica.owed(out)?;
        // What was in the inbox of a member that has lost the lead is lost.
        let reach = if matches!(replica, Replica::Solo(_)) { Reach::Elsewhere } else { Reach::All };
        self.roads.send(&mut out.commands, reach, now);
        out.answers.clear();
        out.passages.clear();
        Ok(())
    }

    /// The partition has stopped.
    pub fn close(&self) {
        self.entrance.close();
    }
}
