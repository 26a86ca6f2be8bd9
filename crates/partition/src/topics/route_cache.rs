//! What the last topics resolved to, as the frontends keep it too.

use hashbrown::HashTable;

use crate::routes::{Resolved, Routes};

/// Topics kept; above, all are forgotten.
const MAX_TOPICS: usize = 16_384;
/// Targets kept over all topics.
const MAX_TARGETS: usize = 262_144;

#[derive(Debug, Default)]
pub(crate) struct RouteCache {
    topics: Vec<(Box<str>, Resolved)>,
    by_topic: HashTable<u32>,
    targets: usize,
    hasher: ahash::RandomState,
}

impl RouteCache {
    pub(crate) fn resolve(&mut self, topic: &str, routes: &Routes) -> &Resolved {
        let hash = self.hasher.hash_one(topic);
        let found = self.by_topic.find(hash, |at| *self.topics[*at as usize].0 == *topic).copied();
        let at = match found {
            Some(at) if routes.vouches_for(&self.topics[at as usize].1) => at,
            Some(at) => {
                let resolved = &mut self.topics[at as usize].1;
                self.targets -= size(resolved);
                routes.resolve(topic, resolved);
                self.targets += size(resolved);
                at
            }
            None => self.add(hash, topic, routes),
        };
        &self.topics[at as usize].1
    }

    fn add(&mut self, hash: u64, topic: &str, routes: &Routes) -> u32 {
        if self.topics.len() >= MAX_TOPICS || self.targets >= MAX_TARGETS {
            self.topics.clear();
            self.by_topic.clear();
            self.targets = 0;
        }
        let mut resolved = Resolved::default();
        routes.resolve(topic, &mut resolved);
        self.targets += size(&resolved);
        let at = self.topics.len() as u32;
        self.topics.push((topic.into(), resolved));
        let (topics, hasher) = (&self.topics, &self.hasher);
        self.by_topic.insert_unique(hash, at, |at| hasher.hash_one(&*topics[*at as usize].0));
        at
    }
}

fn size(resolved: &Resolved) -> usize {
    resolved.targets.len() + resolved.groups.iter().map(|group| group.members.len()).sum::<usize>()
}
