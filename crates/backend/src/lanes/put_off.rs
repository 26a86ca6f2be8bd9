//! Batches that are not run before what they would overtake is settled: taken by their worker's peers, and by the worker
//! as taken.

use std::collections::BTreeMap;

use bytes::Bytes;
use partition::Numbered;

use crate::held::Place;

/// See the module. They count as what has come and is not worked off, so they are bounded with that.
#[derive(Default)]
pub(super) struct PutOff {
    lanes: BTreeMap<Place, Waiting>,
    bytes: usize,
}

struct Waiting {
    /// The worker is to know this batch, and all before, as taken.
    behind: u64,
    batches: Vec<(u64, Bytes)>,
}

impl PutOff {
    /// Bytes of them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many of a lane wait.
    pub fn count(&self, place: Place) -> usize {
        self.lanes.get(&place).map_or(0, |waiting| waiting.batches.len())
    }

    /// Whether `take` would give any.
    pub fn has_settled(&self, is_settled: impl Fn(Place, u64) -> bool) -> bool {
        self.lanes.iter().any(|(place, waiting)| is_settled(*place, waiting.behind))
    }

    /// The first of a lane, or one more behind it.
    pub fn add(&mut self, place: Place, numbered: Numbered, batch: Bytes, behind: u64) {
        self.bytes += batch.len();
        let waiting = self.lanes.entry(place).or_insert_with(|| Waiting { behind, batches: Vec::new() });
        waiting.batches.push((numbered.number, batch));
    }

    /// Keeps a batch of a lane of which some wait, else gives it back.
    pub fn keep(&mut self, place: Place, number: u64, batch: Bytes) -> Option<Bytes> {
        let Some(waiting) = self.lanes.get_mut(&place) else { return Some(batch) };
        self.bytes += batch.len();
        waiting.batches.push((number, batch));
        None
    }

    /// Those of the lanes of which `is_settled` says that nothing stands before them any more.
    pub fn take(&mut self, is_settled: impl Fn(Place, u64) -> bool) -> impl Iterator<Item = (Place, u64, Bytes)> {
        let settled = self.lanes.extract_if(.., |place, waiting| is_settled(*place, waiting.behind));
        let settled: Vec<_> = settled.collect();
        self.bytes -= settled.iter().map(|(_, waiting)| waiting.bytes()).sum::<usize>();
        settled
            .into_iter()
            .flat_map(|(place, waiting)| waiting.batches.into_iter().map(move |(number, batch)| (place, number, batch)))
    }

    /// The worker sends them again, or is gone.
    pub fn forget(&mut self, place: Place) {
        if let Some(waiting) = self.lanes.remove(&place) {
            self.bytes -= waiting.bytes();
        }
    }
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.batches.iter().map(|(_, batch)| batch.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use partition::{Incarnation, Lane};

    use super::*;

    #[test]
    fn a_lane_waits_as_a_whole_and_goes_in_its_order() {
        let mut put_off = PutOff::default();
        let batch = Bytes::from_static(b"batch");
        let lane = Lane { frontend: 1, worker: 1 };
        let numbered = |number| Numbered { number, ..Numbered::opening(lane, Incarnation(1)) };
        assert!(put_off.keep(1, 6, batch.clone()).is_some());
        put_off.add(1, numbered(7), batch.clone(), 5);
        put_off.add(1, numbered(8), batch.clone(), 5);
        assert!(put_off.keep(1, 9, batch.clone()).is_none());
        put_off.add(2, numbered(3), batch.clone(), 2);
        assert_eq!((put_off.count(1), put_off.count(2), put_off.bytes()), (3, 1, 20));
        assert_eq!(put_off.take(|_, behind| behind < 2).count(), 0);
        assert!(!put_off.has_settled(|_, behind| behind < 2) && put_off.has_settled(|place, _| place == 2));
        let settled: Vec<_> = put_off.take(|place, behind| place == 1 && behind <= 5).collect();
        assert_eq!(settled.iter().map(|(_, number, _)| *number).collect::<Vec<_>>(), [7, 8, 9]);
        put_off.forget(2);
        assert_eq!(put_off.bytes(), 0);
    }
}
