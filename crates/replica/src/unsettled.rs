//! Publishes of QoS 1 that were passed on without being logged, and that their workers send again if this replica ends
//! now: nothing of the same publisher and topic may be logged behind them until that is over, because what is logged
//! does not come again and they would come behind it.

use std::collections::{BTreeMap, VecDeque};

use ahash::{AHashSet, RandomState};
use partition::{Lane, Origin, Partition, Publish};

/// Publishers and topics that are kept when nothing is noted any more.
const SPARE: usize = 1024;

/// Stands for a publisher and a topic. Two that look alike cost one a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Course(u64);

#[derive(Clone, Copy, Debug)]
struct Passed {
    /// Of its batch.
    number: u64,
    course: Course,
}

/// See the module. Used by the replica that leads; of each lane as much as its worker keeps.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    /// In the order of the batches.
    lanes: BTreeMap<Lane, VecDeque<Passed>>,
    hasher: RandomState,
}

impl Unsettled {
    /// What has to stay in its order with others of the kind: of which publisher and topic a publish of QoS 1 is.
    pub fn course(&self, publish: &Publish<'_>) -> Option<Course> {
        match publish.origin {
            Origin::Client { client_id, .. } if publish.message.qos as u8 == 1 => {
                Some(Course(self.hasher.hash_one((client_id, publish.message.topic))))
            }
            _ => None,
        }
    }

    /// Notes that a publish of batch `number` was passed on.
    pub fn add(&mut self, lane: Lane, number: u64, course: Course) {
        let passed = self.lanes.entry(lane).or_default();
        if passed.back().is_none_or(|last| (last.number, last.course) != (number, course)) {
            passed.push_back(Passed { number, course });
        }
    }

    pub fn has(&self, lane: Lane) -> bool {
        self.lanes.get(&lane).is_some_and(|passed| !passed.is_empty())
    }

    /// The last batch that something is noted of.
    pub fn last(&self, lane: Lane) -> Option<u64> {
        Some(self.lanes.get(&lane)?.back()?.number)
    }

    /// Whether one of `courses` is noted.
    pub fn has_any(&self, lane: Lane, courses: impl Iterator<Item = Course>) -> bool {
        let Some(passed) = self.lanes.get(&lane).filter(|passed| !passed.is_empty()) else { return false };
        let courses: AHashSet<_> = courses.collect();
        passed.iter().any(|passed| courses.contains(&passed.course))
    }

    /// The worker does not send batches up to `number` again.
    pub fn settled(&mut self, lane: Lane, number: u64) {
        let Some(passed) = self.lanes.get_mut(&lane) else { return };
        while passed.pop_front_if(|first| first.number <= number).is_some() {}
        if passed.is_empty() && passed.capacity() > SPARE {
            *passed = VecDeque::new();
        }
    }

    /// The worker sends all again that is not settled, in its order.
    pub fn forget(&mut self, lane: Lane) {
        self.lanes.remove(&lane);
    }

    /// Some times a second: forgets lanes that are no more.
    pub fn tidy(&mut self, partition: &Partition) {
        self.lanes.retain(|lane, _| partition.lane(*lane).is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: Lane = Lane { frontend: 3, worker: 1 };

    #[test]
    fn what_is_settled_goes_up_to_its_batch() {
        let mut unsettled = Unsettled::default();
        for (number, course) in [(4, 1), (4, 1), (4, 2), (7, 1)] {
            unsettled.add(LANE, number, Course(course));
        }
        assert_eq!((unsettled.last(LANE), unsettled.lanes[&LANE].len()), (Some(7), 3));
        assert!(unsettled.has_any(LANE, [Course(2), Course(9)].into_iter()));
        unsettled.settled(LANE, 6);
        assert!(!unsettled.has_any(LANE, [Course(2)].into_iter()) && unsettled.has_any(LANE, [Course(1)].into_iter()));
        unsettled.settled(LANE, 7);
        assert!(!unsettled.has(LANE) && unsettled.last(LANE).is_none());
        unsettled.add(LANE, 8, Course(1));
        unsettled.forget(LANE);
        assert!(!unsettled.has(LANE));
    }
}
