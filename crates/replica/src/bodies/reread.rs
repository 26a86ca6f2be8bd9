//! What was read back from disk, kept for the next reader as far as a budget goes.

use std::collections::{BTreeMap, VecDeque};

/// Values by key, each with a weight in bytes. What was used since it was last passed over stays for another round;
/// the newest stays even when it alone is over the budget.
#[derive(Debug)]
pub(crate) struct Reread<K, V> {
    budget: usize,
    weight: usize,
    values: BTreeMap<K, Kept<V>>,
    order: VecDeque<K>,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    weight: usize,
    used: bool,
}

impl<K: Ord + Copy, V> Reread<K, V> {
    pub(crate) fn new(budget: usize) -> Self {
        Self { budget, weight: 0, values: BTreeMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn lookup(&mut self, key: K) -> Option<&V> {
        let kept = self.values.get_mut(&key)?;
        kept.used = true;
        Some(&kept.value)
    }

    /// Adds what was not there.
    pub(crate) fn insert(&mut self, key: K, value: V, weight: usize) {
        if self.values.insert(key, Kept { value, weight, used: false }).is_none() {
            self.order.push_back(key);
        }
        self.weight += weight;
        while self.weight > self.budget && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else { return };
            match self.values.get_mut(&oldest) {
                Some(kept) if kept.used => {
                    kept.used = false;
                    self.order.push_back(oldest);
                }
                Some(_) if oldest == key => self.order.push_back(oldest),
                _ => self.weight -= self.values.remove(&oldest).map_or(0, |kept| kept.weight),
            }
        }
    }

    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Drops every value whose key does not pass.
    pub(crate) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.order.retain(|key| keep(key));
        self.values.retain(|key, _| keep(key));
        self.weight = self.values.values().map(|kept| kept.weight).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_holds_and_what_is_used_stays() {
        let mut kept = Reread::new(30);
        for key in 0..3 {
            kept.insert(key, key, 10);
        }
        assert_eq!(kept.lookup(0), Some(&0));
        kept.insert(3, 3, 10);
        assert_eq!(kept.lookup(1), None);
        assert_eq!(kept.lookup(0), Some(&0));
        kept.insert(4, 4, 1000);
        assert_eq!(kept.lookup(4), Some(&4), "the newest stays");
        assert_eq!(kept.values.len(), 1);
        kept.insert(5, 5, 10);
        assert_eq!(kept.values.len(), 1);
        kept.retain(|key| *key != 5);
        assert_eq!((kept.weight, kept.order.len()), (0, 0));
    }
}
