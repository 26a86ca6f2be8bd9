//! Answers with numbers that their workers may not have received: made by every replica while it applies, so that
//! whoever leads next can give them again.
//!
//! They hold no messages, but references, which stay good while the answer is here: the log is purged of nothing that
//! [`Undelivered::bodies`] names. What a snapshot stands for is not here; a worker that has not received it begins anew.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use partition::{BodyRef, DecodeError, Effects, Incarnation, Lane, Owner, Partition, Reply};

use crate::turn::number_of;

/// Answers kept for one lane; above, the oldest go.
const MAX_ANSWERS: usize = 100_000;
/// What they may take, in bytes; above, the oldest go.
const MAX_BYTES: usize = 64 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Undelivered {
    lanes: BTreeMap<Lane, Kept>,
}

#[derive(Debug)]
struct Kept {
    incarnation: Incarnation,
    /// Number of the first.
    first: u64,
    answers: VecDeque<(Owner, Reply)>,
    bytes: usize,
}

impl Undelivered {
    /// Keeps what the entry that was applied just now has answered to lanes.
    pub fn note(&mut self, partition: &Partition, effects: &Effects) {
        for (number, to, reply) in effects.numbered() {
            let lane = to.lane();
            let kept = self.lanes.entry(lane).or_insert_with(Kept::new);
            if kept.answers.is_empty() || kept.next() != number {
                let Some(state) = partition.lane(lane) else { continue };
                *kept = Kept { incarnation: state.incarnation, first: number, ..Kept::new() };
            }
            kept.push(to, reply);
        }
    }

    /// The worker has received all answers up to `received`.
    pub fn confirmed(&mut self, lane: Lane, received: u64) {
        if let Some(kept) = self.lanes.get_mut(&lane) {
            while kept.first <= received && kept.pop() {}
        }
    }

    /// Notes what the batches of lanes among `batches` say that was received.
    ///
    /// # Errors
    /// When something is not a batch.
    pub fn confirm(&mut self, partition: &Partition, batches: &[Bytes]) -> Result<(), DecodeError> {
        for batch in batches {
            if let Some(numbered) = number_of(batch)?
                && partition.lane(numbered.lane).is_some_and(|lane| lane.incarnation == numbered.incarnation)
            {
                self.confirmed(numbered.lane, numbered.received);
            }
        }
        Ok(())
    }

    /// Some times a second: forgets lanes that are no more, and what all replicas know to be received.
    pub fn tidy(&mut self, partition: &Partition) {
        self.lanes.retain(|lane, kept| {
            partition.lane(*lane).is_some_and(|state| state.incarnation == kept.incarnation) && !kept.answers.is_empty()
        });
        for lane in self.lanes.keys().copied().collect::<Vec<_>>() {
            if let Some(state) = partition.lane(lane) {
                self.confirmed(lane, state.received);
            }
        }
    }

    /// The answers behind `received`, with their numbers; `None` when they are not all known.
    pub fn after(
        &self,
        partition: &Partition,
        lane: Lane,
        received: u64,
    ) -> Option<impl Iterator<Item = (u64, Owner, &Reply)>> {
        let state = partition.lane(lane)?;
        let kept = self.lanes.get(&lane).filter(|kept| kept.incarnation == state.incarnation);
        let is_known = match kept {
            _ if received == state.answered => true,
            Some(kept) => kept.first <= received + 1 && received < state.answered && kept.next() == state.answered + 1,
            None => false,
        };
        let answers = kept.into_iter().flat_map(|kept| (kept.first..).zip(&kept.answers));
        let answers = answers.filter(move |(number, _)| *number > received);
        is_known.then(|| answers.map(|(number, (to, reply))| (number, *to, reply)))
    }

    /// Every message below log index `below` that an answer refers to, in no order.
    pub fn bodies(&self, below: u64) -> impl Iterator<Item = BodyRef> {
        let replies = self.lanes.values().flat_map(|kept| &kept.answers).map(|(_, reply)| reply);
        replies.flat_map(bodies_of).filter(move |body| body.index < below)
    }

    /// Adds them to those that the state refers to, ascending.
    pub fn add_bodies(&self, below: u64, live: &mut Vec<BodyRef>) {
        let before = live.len();
        live.extend(self.bodies(below));
        if live.len() > before {
            live.sort_unstable();
            live.dedup();
        }
    }
}

impl Kept {
    fn new() -> Self {
        Self { incarnation: Incarnation(0), first: 1, answers: VecDeque::new(), bytes: 0 }
    }

    /// The number that the next one has.
    fn next(&self) -> u64 {
        self.first + self.answers.len() as u64
    }

    fn push(&mut self, to: Owner, reply: &Reply) {
        self.bytes += size_of_reply(reply);
        self.answers.push_back((to, reply.clone()));
        while self.answers.len() > MAX_ANSWERS || self.bytes > MAX_BYTES {
            self.pop();
        }
    }

    /// Lets the oldest go, if there is one.
    fn pop(&mut self) -> bool {
        let Some((_, reply)) = self.answers.pop_front() else { return false };
        self.first += 1;
        self.bytes -= size_of_reply(&reply);
        true
    }
}

fn size_of_reply(reply: &Reply) -> usize {
    let more = |more: &Option<Box<[u8]>>| more.as_ref().map_or(0, |more| more.len());
    let extra = match reply {
        Reply::Retained { messages, more: rest, .. } => size_of_val(&messages[..]) + more(rest),
        Reply::Subscriptions { filters, more: rest, .. } => {
            filters.iter().map(|filter| size_of_val(filter) + filter.len()).sum::<usize>() + more(rest)
        }
        _ => 0,
    };
    size_of::<(Owner, Reply)>() + extra
}

fn bodies_of(reply: &Reply) -> impl Iterator<Item = BodyRef> {
    let one = match reply {
        Reply::Deliver(delivery) => Some(delivery.body),
        Reply::Direct(direct) => Some(direct.body),
        _ => None,
    };
    let several = match reply {
        Reply::Retained { messages, .. } => &messages[..],
        _ => &[],
    };
    one.into_iter().chain(several.iter().map(|direct| direct.body))
}

#[cfg(test)]
mod tests {
    use mqtt::QoS;
    use partition::{Command, Direct, Entry, Numbered, PartitionId, SlotTable, Tag, Timestamp, entry_header};

    use super::*;

    const LANE: Lane = Lane { frontend: 3, worker: 1 };
    const OWNER: Owner = Owner { frontend: 3, worker: 1, slot: 0, generation: 0 };

    fn opened(partition: &mut Partition, index: u64, incarnation: u64) {
        let opening = Command::Numbered(Numbered::opening(LANE, Incarnation(incarnation))).to_frame();
        let payload = [&entry_header(Timestamp(1))[..], &opening].concat();
        partition.apply(Entry { index, payload: &payload }, &mut Effects::new()).unwrap();
    }

    fn direct(index: u64) -> Reply {
        let (subscription_ids, body) = (Default::default(), BodyRef { index, offset: 9, len: 1 });
        Reply::Direct(Direct { qos: QoS::AtLeastOnce, retain: false, subscription_ids, share: None, body })
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_go() {
        let mut kept = Kept::new();
        for index in 1..=MAX_ANSWERS as u64 + 5 {
            kept.push(OWNER, &direct(index));
        }
        assert_eq!((kept.first, kept.next(), kept.answers.len()), (6, MAX_ANSWERS as u64 + 6, MAX_ANSWERS));
        let filters = vec!["f".repeat(MAX_BYTES / 2).into_boxed_str()];
        let large = Reply::Subscriptions { tag: Tag(1), filters, more: None };
        for _ in 0..3 {
            kept.push(OWNER, &large);
        }
        assert_eq!(kept.answers.len(), 1, "two are more than the bound");
        assert!(kept.pop() && !kept.pop());
        assert_eq!(kept.bytes, 0);
    }

    #[test]
    fn a_lane_that_is_unknown_knows_what_it_has_never_said() {
        let mut partition = Partition::new(PartitionId(0), SlotTable::even(1));
        let undelivered = Undelivered::default();
        assert!(undelivered.after(&partition, LANE, 0).is_none());
        opened(&mut partition, 1, 7);
        assert!(undelivered.after(&partition, LANE, 0).is_some_and(|mut answers| answers.next().is_none()));
        assert!(undelivered.after(&partition, LANE, 1).is_none(), "it cannot have received that");
    }

    #[test]
    fn what_was_kept_for_an_earlier_life_is_nobodys() {
        let mut partition = Partition::new(PartitionId(0), SlotTable::even(1));
        opened(&mut partition, 1, 7);
        let mut undelivered = Undelivered::default();
        let mut kept = Kept { incarnation: Incarnation(7), ..Kept::new() };
        kept.push(OWNER, &direct(1));
        undelivered.lanes.insert(LANE, kept);
        assert_eq!(undelivered.bodies(2).count(), 1);
        assert_eq!(undelivered.bodies(1).count(), 0);
        opened(&mut partition, 2, 8);
        assert!(undelivered.after(&partition, LANE, 0).is_some_and(|mut answers| answers.next().is_none()));
        undelivered.tidy(&partition);
        assert!(undelivered.lanes.is_empty());
    }
}
