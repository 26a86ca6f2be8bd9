//! A member's turn: what waits is proposed, what was committed is let out.

use bytes::Bytes;
use futures_util::FutureExt;
use openraft::ServerState;
use partition::{Publish, Timestamp};

use super::error::RaftError;
use super::group::{Proposal, committed_leader};
use super::member::Member;
use super::standing::{Reign, Seen, Standing};
use super::store::Store;
use crate::outgoing::{Outgoing, entry_payload, is_all_logged};
use crate::rejection::reject;
use crate::turn::{Turn, has_lanes, marked};

/// Batches are made one entry up to this size, then one each: an entry travels in one message.
const ENTRY_BYTES: usize = 16 << 20;

impl Member {
    /// Proposes framed batches, taking them from `batches`, and adds what is to be let out of earlier ones. Never
    /// waits. What it cannot take now, because it does not lead or has too much under way, is left in `batches`; in the
    /// run that is the first to tell of a reign it takes nothing.
    ///
    /// When the disk is full, publishes are answered `Rejected`; when the queues hold as much as they may, those are
    /// that would come into a queue.
    ///
    /// # Errors
    /// When the member has stopped for good.
    pub fn run(&mut self, batches: &mut Vec<Bytes>, now: Timestamp, out: &mut Outgoing) -> Result<Standing, RaftError> {
        let seen = self.seen()?;
        let (standing, has_room) = {
            let mut store = self.store.lock();
            let standing = store.stand(&seen);
            out.append(&mut store.out);
            self.let_out = store.flight.applied();
            (standing, store.flight.has_room())
        };
        let was = self.told.replace(standing);
        let Standing::Leading { reign } = standing else { return Ok(standing) };
        if was != Some(standing) || batches.is_empty() {
            return Ok(standing);
        }
        if has_room && seen.is_sure(self.timing.election_to) {
            self.propose_all(reign, &seen, batches, now, out)?;
            let mut store = self.store.lock();
            out.append(&mut store.out);
            self.let_out = store.flight.applied();
        } else if self.is_disk_full() {
            // Nothing that is under way makes room: what is refused is told all the same.
            self.refuse(batches, out)?;
        }
        Ok(standing)
    }

    /// Marks what the last run has taken, and all before.
    pub fn taken(&self) -> u64 {
        self.store.lock().flight.proposed()
    }

    /// Up to which mark everything is applied and let out by a run. Rises within a reign.
    pub fn let_out(&self) -> u64 {
        self.let_out
    }

    /// Has the caller of `run` woken when everything up to `mark` is applied, also when nothing is to be let out then.
    pub fn wake_at(&self, mark: u64) {
        let is_applied = {
            let mut store = self.store.lock();
            store.awaited = Some(mark);
            store.takes_awaited()
        };
        if is_applied {
            (self.wake)();
        }
    }

    /// What this member is now.
    ///
    /// # Errors
    /// When the member has stopped for good.
    pub fn standing(&self) -> Result<Standing, RaftError> {
        let seen = self.seen()?;
        Ok(self.store.lock().stand(&seen))
    }

    pub(super) fn seen(&self) -> Result<Seen, RaftError> {
        Seen::of(&self.raft).map_err(|why| RaftError::Stopped { member: self.id, why })
    }

    /// Takes out of `batches` the publishes for which there is no room.
    fn refuse(&mut self, batches: &mut Vec<Bytes>, out: &mut Outgoing) -> Result<(), RaftError> {
        let mut store = self.store.lock();
        let store = &mut *store;
        let partition = &mut store.partition;
        let id = partition.id();
        let unreadable = |source| RaftError::Apply { index: 0, source };
        if store.admission.is_closed() {
            self.rejected.disk_full += reject(batches, id, out, |_| true).map_err(unreadable)?;
        }
        self.queue_room.tell(partition.queued_distinct_bytes());
        if !self.queue_room.has_room_for(batches.iter().map(|batch| batch.len() as u64).sum()) {
            let mut taking = self.queue_room.taking();
            let is_refused = |publish: &Publish<'_>| {
                partition.would_queue(publish) && !taking.takes(publish.message.encoded_len() as u64)
            };
            self.rejected.queue_disk += reject(batches, id, out, is_refused).map_err(unreadable)?;
        }
        Ok(())
    }

    /// What is logged becomes one entry, as far as it fits, and what is not is applied behind it: order holds within
    /// each of the two.
    fn propose_all(
        &mut self,
        reign: Reign,
        seen: &Seen,
        batches: &mut Vec<Bytes>,
        now: Timestamp,
        out: &mut Outgoing,
    ) -> Result<(), RaftError> {
        let Turn { mut logged, unlogged, later, passed_over } = self.arrange(std::mem::take(batches))?;
        out.later.extend(later);
        out.passed_over += passed_over;
        // Behind that: a batch that comes again and is skipped is not refused.
        self.refuse(&mut logged, out)?;
        if !logged.is_empty() {
            let later = logged.split_off(fitting(&logged));
            let is_taken = self.propose(reign, &logged, now);
            batches.extend(if is_taken { Vec::new() } else { logged });
            batches.extend(later);
        }
        let is_sure = seen.is_sure(self.timing.election_from);
        let mut unlogged = unlogged.into_iter();
        while let Some(commands) = unlogged.next() {
            if !is_sure || !self.store.lock().take_unlogged(&commands, now)? {
                // All of it stays, in its order.
                batches.extend([commands].into_iter().chain(unlogged).map(|commands| marked(&commands)));
                break;
            }
        }
        Ok(())
    }

    fn arrange(&mut self, batches: Vec<Bytes>) -> Result<Turn, RaftError> {
        let has_lanes = has_lanes(&batches);
        if !has_lanes && batches.iter().all(|batch| is_all_logged(batch)) {
            return Ok(Turn { logged: batches, ..Turn::default() });
        }
        let mut store = self.store.lock();
        let store = &mut *store;
        let unreadable = |source| RaftError::Apply { index: 0, source };
        if has_lanes {
            store.undelivered.confirm(&store.partition, &batches).map_err(unreadable)?;
        }
        Turn::arrange(batches, &mut store.partition, &mut self.unsettled).map_err(unreadable)
    }

    /// False when there is no room: then nothing has happened.
    fn propose(&self, reign: Reign, batches: &[Bytes], now: Timestamp) -> bool {
        let payload = entry_payload(batches, now);
        let (number, ticket) = {
            let mut store = self.store.lock();
            if !store.flight.has_room() {
                return false;
            }
            store.flight.begin(payload.len())
        };
        let proposal = Proposal { payload, number: Some(number) };
        let sent = self.raft.write(proposal).with_leader(committed_leader(reign.term)).responder(ticket);
        // The channel is longer than what may be under way. One that has stopped is told by the next `seen`.
        let has_left = sent.into_future().now_or_never().is_some();
        if !has_left {
            self.store.lock().flight.take_back();
        }
        has_left
    }
}

/// How many batches fit into one entry; one does.
fn fitting(batches: &[Bytes]) -> usize {
    let mut sum = 0;
    let beyond = batches.iter().position(|batch| {
        sum += batch.len();
        sum > ENTRY_BYTES
    });
    beyond.map_or(batches.len(), |first| first.max(1))
}

impl Store {
    /// What this member is, as openraft and what it has applied say.
    pub fn stand(&mut self, seen: &Seen) -> Standing {
        if self.flight.take_refusal() {
            self.spell = self.spell.wrapping_add(1);
            self.waiting.clear();
        }
        if self.leads.is_some_and(|term| !self.has_own_vote(term)) {
            self.follow();
        }
        let leader = seen.leader.filter(|leader| *leader != self.member);
        match self.leads {
            Some(term) if seen.state == ServerState::Leader && seen.term == term && self.yields != Some(term) => {
                Standing::Leading { reign: Reign { term, spell: self.spell } }
            }
            _ => Standing::Following { leader },
        }
    }
}
