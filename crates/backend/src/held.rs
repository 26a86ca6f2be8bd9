//! Acknowledgements of publishes that are nowhere but on their way: a publisher hears that its message of QoS 1 is taken
//! over when every worker that delivers it has it. Then only the end of that worker's process, and of the sessions behind
//! it, can lose the message.

use std::collections::VecDeque;

use partition::Answer;
use smallvec::SmallVec;

/// Place of a way among all.
pub(crate) type Place = usize;

/// Workers that have to take something, and how far each must have come.
pub(crate) type Takers = SmallVec<[(Place, u64); 4]>;

struct Held {
    answer: Answer,
    takers: Takers,
    /// The batches of the publisher's worker that were answered before this one, as a whole.
    answered: u64,
}

/// What one worker's publishers wait for, in its order.
#[derive(Default)]
pub(crate) struct HeldAnswers {
    waiting: VecDeque<Held>,
}

impl HeldAnswers {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn hold(&mut self, answer: Answer, takers: Takers, answered: u64) {
        self.waiting.push_back(Held { answer, takers, answered });
    }

    /// The next that nobody has to be waited for any more; `has_settled` says so of one taker.
    pub fn next(&mut self, has_settled: impl Fn(Place, u64) -> bool) -> Option<Answer> {
        let first = self.waiting.front_mut()?;
        first.takers.retain(|(place, at)| !has_settled(*place, *at));
        let held = self.waiting.pop_front_if(|held| held.takers.is_empty())?;
        Some(held.answer)
    }

    /// Up to which batch all answers are given, if some of what follows are not.
    pub fn answered(&self) -> Option<u64> {
        self.waiting.front().map(|held| held.answered)
    }

    /// The worker asks again, or is gone.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use partition::{Owner, PartitionId, Reply, Tag};

    use super::*;

    fn published(tag: u32) -> Answer {
        let to = Owner { frontend: 1, worker: 0, slot: 0, generation: 0 };
        let reply = Reply::Published { tag: Tag(tag), matched: true };
        Answer { to, from: PartitionId(0), reply, bodies: SmallVec::new() }
    }

    fn tag(answer: Answer) -> u32 {
        match answer.reply {
            Reply::Published { tag, .. } => tag.0,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_publisher_waits_for_every_taker_and_in_its_order() {
        let mut held = HeldAnswers::default();
        held.hold(published(1), Takers::from_slice(&[(0, 5), (1, 7)]), 10);
        held.hold(published(2), Takers::new(), 11);
        assert!(held.next(|place, at| place == 0 && at <= 5).is_none());
        assert_eq!(held.answered(), Some(10));
        assert_eq!(held.next(|place, at| place == 1 && at <= 7).map(tag), Some(1));
        assert_eq!(held.answered(), Some(11));
        assert_eq!(held.next(|_, _| false).map(tag), Some(2));
        assert!(held.is_empty() && held.answered().is_none());
    }
}
