//! Which parts of the log are still referred to, counted per bucket of log indexes.

use std::collections::BTreeMap;

use crate::BODY_BUCKET;

/// References per bucket. The bucket that was counted last is kept beside the map: most changes go there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    buckets: BTreeMap<u64, u64>,
    hot_bucket: u64,
    hot: u64,
}

impl Live {
    pub(crate) fn add(&mut self, index: u64) {
        debug_assert_ne!(index, 0, "what is not logged is not referred to");
        *self.count(index / BODY_BUCKET) += 1;
    }

    pub(crate) fn remove(&mut self, index: u64) {
        let count = self.count(index / BODY_BUCKET);
        debug_assert!(*count > 0, "a reference is given back once");
        *count = count.saturating_sub(1);
    }

    fn count(&mut self, bucket: u64) -> &mut u64 {
        if bucket != self.hot_bucket {
            if self.hot > 0 {
                self.buckets.insert(self.hot_bucket, self.hot);
            }
            self.hot_bucket = bucket;
            self.hot = self.buckets.remove(&bucket).unwrap_or(0);
        }
        &mut self.hot
    }

    /// Buckets with their references, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        let hot = (self.hot > 0).then_some((self.hot_bucket, self.hot));
        let below = self.buckets.range(..self.hot_bucket);
        let above = self.buckets.range(self.hot_bucket..);
        below.map(|(bucket, count)| (*bucket, *count)).chain(hot).chain(above.map(|(b, count)| (*b, *count)))
    }

    /// The first index of the lowest bucket.
    pub(crate) fn first_index(&self) -> Option<u64> {
        self.iter().next().map(|(bucket, _)| bucket * BODY_BUCKET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_counted_in_order_and_forgotten_at_zero() {
        let mut live = Live::default();
        for index in [5000, 1, 1023, 1024, 5001] {
            live.add(index);
        }
        assert_eq!(live.iter().collect::<Vec<_>>(), [(0, 2), (1, 1), (4, 2)]);
        live.remove(1);
        live.remove(1023);
        assert_eq!(live.first_index(), Some(1024));
        live.remove(1024);
        live.remove(5000);
        live.remove(5001);
        assert_eq!(live.first_index(), None);
    }
}
