//! What is counted for each category of clients: the value of the user property `metriccategory` in their CONNECT.
//!
//! As with all counters, each worker writes its own. A connection refers to those of its category, so that counting a
//! message is a plain store, whatever the number of categories.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mqtt::Connect;

use crate::counters::{CategoryCounters, CategoryTotals, Totals};

/// The name of the user property.
const PROPERTY: &str = "metriccategory";

/// What clients without a category of their own are counted under.
pub const UNCATEGORIZED: &str = "uncategorized";

/// The most categories beside [`UNCATEGORIZED`]; who brings another one is counted there.
const MAX_CATEGORIES: usize = 1000;

/// Bytes. A longer name is none.
const MAX_NAME_BYTES: usize = 64;

/// The category that a client names, if it can be one.
pub(crate) fn category_of(connect: &Connect) -> &str {
    let named = connect.user_properties.iter().find(|(key, _)| key == PROPERTY);
    let name = named.map_or("", |(_, value)| value.as_str());
    if (1..=MAX_NAME_BYTES).contains(&name.len()) { name } else { UNCATEGORIZED }
}

/// The categories of all workers.
#[derive(Default)]
pub(crate) struct Categories(Mutex<BTreeMap<Arc<str>, Vec<Arc<CategoryCounters>>>>);

impl Categories {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Vec<Arc<CategoryCounters>>>> {
        // Nothing panics while the lock is held, so a poisoned map is a whole map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds counters for one worker; `None` if that would be a category too many.
    fn register(&self, name: &str) -> Option<Arc<CategoryCounters>> {
        let mut categories = self.lock();
        if !categories.contains_key(name) {
            let named = categories.len() - usize::from(categories.contains_key(UNCATEGORIZED));
            if name != UNCATEGORIZED && named >= MAX_CATEGORIES {
                return None;
            }
            categories.insert(name.into(), Vec::new());
        }
        let counters = Arc::new(CategoryCounters::default());
        categories.get_mut(name)?.push(Arc::clone(&counters));
        Some(counters)
    }

    /// All workers' counters, added up by category, and into `totals`.
    pub fn read(&self, totals: &mut Totals) -> Vec<(Arc<str>, CategoryTotals)> {
        let categories = self.lock();
        let read = categories.iter().map(|(name, workers)| {
            let mut sum = CategoryTotals::default();
            workers.iter().for_each(|worker| sum.add(worker));
            totals.add_category(&sum);
            (Arc::clone(name), sum)
        });
        read.collect()
    }
}

/// One worker's counters of each category it has met.
pub(crate) struct WorkerCategories {
    pub uncategorized: Arc<CategoryCounters>,
    met: HashMap<Box<str>, Arc<CategoryCounters>, ahash::RandomState>,
}

impl WorkerCategories {
    pub fn new(all: &Categories) -> Self {
        // Never one too many.
        let uncategorized = all.register(UNCATEGORIZED).unwrap_or_default();
        Self { uncategorized, met: HashMap::default() }
    }

    /// The counters of a category; looked up once a CONNECT.
    pub fn counters(&mut self, all: &Categories, name: &str) -> Arc<CategoryCounters> {
        if name == UNCATEGORIZED {
            return Arc::clone(&self.uncategorized);
        }
        if let Some(known) = self.met.get(name) {
            return Arc::clone(known);
        }
        let Some(new) = all.register(name) else { return Arc::clone(&self.uncategorized) };
        self.met.insert(name.into(), Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use mqtt::ProtocolVersion;

    use super::*;

    fn connect(properties: &[(&str, &str)]) -> Connect {
        let properties = properties.iter().map(|(key, value)| (String::from(*key), String::from(*value)));
        Connect { user_properties: properties.collect(), ..Connect::new(ProtocolVersion::V5, "c") }
    }

    #[test]
    fn the_first_property_of_the_name_counts_if_it_is_short_enough() {
        assert_eq!(category_of(&connect(&[])), UNCATEGORIZED);
        assert_eq!(category_of(&connect(&[("metriccategory", "")])), UNCATEGORIZED);
        assert_eq!(category_of(&connect(&[("metriccategory", &"x".repeat(65))])), UNCATEGORIZED);
        let longest = "x".repeat(64);
        assert_eq!(category_of(&connect(&[("metriccategory", &longest)])), longest);
        let two = [("a", "b"), ("metriccategory", "line-1"), ("metriccategory", "line-2")];
        assert_eq!(category_of(&connect(&two)), "line-1");
    }

    #[test]
    fn workers_count_apart_and_are_added_up_by_category() {
        let all = Categories::default();
        let mut workers = [WorkerCategories::new(&all), WorkerCategories::new(&all)];
        for (n, worker) in workers.iter_mut().enumerate() {
            worker.counters(&all, "a").publishes_received.add(1 + n as u64);
            worker.counters(&all, UNCATEGORIZED).publishes_received.add(10);
            worker.counters(&all, "a").publishes_received.add(0);
        }
        let mut totals = Totals::default();
        let read = all.read(&mut totals);
        let read: Vec<_> = read.iter().map(|(name, sum)| (&**name, sum.publishes_received)).collect();
        assert_eq!(read, [("a", 3), (UNCATEGORIZED, 20)]);
        assert_eq!(totals.publishes_received, 23);
    }

    #[test]
    fn the_thousand_and_first_category_is_none() {
        let all = Categories::default();
        let mut worker = WorkerCategories::new(&all);
        for n in 0..MAX_CATEGORIES + 10 {
            worker.counters(&all, &format!("category-{n}")).publishes_sent.add(1);
        }
        // Known ones stay known, to other workers as well.
        WorkerCategories::new(&all).counters(&all, "category-0").publishes_sent.add(1);
        let read = all.read(&mut Totals::default());
        assert_eq!(read.len(), MAX_CATEGORIES + 1);
        let sent = |wanted: &str| read.iter().find(|(name, _)| &**name == wanted).map(|(_, sum)| sum.publishes_sent);
        assert_eq!((sent(UNCATEGORIZED), sent("category-0"), sent("category-1000")), (Some(10), Some(2), None));
    }
}
