//! What queue entries have in common besides their message, kept once and counted.

use std::sync::Arc;

use ahash::AHashMap;

use crate::effect::SubscriptionIds;

/// Why an entry stands in its queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) subscription_ids: SubscriptionIds,
    /// The shared subscription it was taken for.
    pub(crate) share: Option<Arc<str>>,
}

/// Number of a link; [`NO_LINK`] says that there is nothing to say.
pub(crate) type LinkId = u32;
pub(crate) const NO_LINK: LinkId = 0;

/// Links with the number of entries that have them.
#[derive(Debug)]
pub(crate) struct Links {
    table: Vec<(Arc<Link>, u64)>,
    vacant: Vec<LinkId>,
    by_link: AHashMap<Arc<Link>, LinkId>,
}

impl Default for Links {
    fn default() -> Self {
        Self { table: vec![(Arc::default(), 0)], vacant: Vec::new(), by_link: AHashMap::new() }
    }
}

impl Links {
    /// The link's number, counted once more.
    pub(crate) fn add(&mut self, subscription_ids: &SubscriptionIds, share: Option<&Arc<str>>) -> LinkId {
        if subscription_ids.is_empty() && share.is_none() {
            return NO_LINK;
        }
        let link = Link { subscription_ids: subscription_ids.clone(), share: share.cloned() };
        if let Some(id) = self.by_link.get(&link) {
            self.table[*id as usize].1 += 1;
            return *id;
        }
        let link = Arc::new(link);
        let id = match self.vacant.pop() {
            Some(id) => {
                self.table[id as usize] = (Arc::clone(&link), 1);
                id
            }
            None => {
                self.table.push((Arc::clone(&link), 1));
                (self.table.len() - 1) as LinkId
            }
        };
        self.by_link.insert(link, id);
        id
    }

    pub(crate) fn remove(&mut self, id: LinkId) {
        if id == NO_LINK {
            return;
        }
        let (link, count) = &mut self.table[id as usize];
        *count -= 1;
        if *count == 0 {
            self.by_link.remove(link);
            *link = Arc::default();
            self.vacant.push(id);
        }
    }

    pub(crate) fn get(&self, id: LinkId) -> &Link {
        &self.table[id as usize].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lives_as_long_as_its_entries() {
        let mut links = Links::default();
        let ids = SubscriptionIds::from_slice(&[1, 2]);
        let id = links.add(&ids, None);
        assert_eq!(links.add(&ids, None), id);
        assert_eq!(links.get(id).subscription_ids, ids);
        links.remove(id);
        links.remove(id);
        assert!(links.by_link.is_empty());
        assert_eq!(links.add(&SubscriptionIds::new(), None), NO_LINK);
        assert_eq!(links.add(&ids, Some(&Arc::from("$share/g/a"))), id, "numbers are used again");
    }
}
