//! Filters with wildcards, level by level.

use hashbrown::HashTable;

use super::level::Level;

const NONE: u32 = u32::MAX;
const ROOT: u32 = 0;

/// Nodes in one vector, their literal children in one hash table keyed by (node, level).
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    vacant: Vec<u32>,
    children: HashTable<u32>,
    hasher: ahash::RandomState,
}

#[derive(Debug)]
struct Node {
    /// Empty for `+`, which its parent knows as `plus`.
    level: Level,
    parent: u32,
    plus: u32,
    /// The filter that ends here.
    here: u32,
    /// The filter that goes on with `#`.
    rest: u32,
    literal_children: u32,
}

/// Where a filter ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    node: u32,
    /// With `#` after the node.
    rest: bool,
}

impl Default for Trie {
    fn default() -> Self {
        Self {
            nodes: vec![Node::new("", NONE)],
            vacant: Vec::new(),
            children: HashTable::new(),
            hasher: ahash::RandomState::new(),
        }
    }
}

impl Node {
    fn new(level: &str, parent: u32) -> Self {
        Self { level: Level::new(level), parent, plus: NONE, here: NONE, rest: NONE, literal_children: 0 }
    }

    fn is_unused(&self) -> bool {
        self.plus == NONE && self.here == NONE && self.rest == NONE && self.literal_children == 0
    }
}

impl Trie {
    /// The filter's number, where it is held.
    pub(super) fn find(&self, filter: &str) -> Option<u32> {
        let mut node = ROOT;
        for level in filter.split('/') {
            node = match level {
                "#" => return some(self.node(node).rest),
                "+" => some(self.node(node).plus)?,
                _ => self.child(node, level)?,
            };
        }
        some(self.node(node).here)
    }

    /// Holds `filter` as `number`.
    pub(super) fn insert(&mut self, filter: &str, number: u32) -> Place {
        let mut node = ROOT;
        for level in filter.split('/') {
            node = match level {
                "#" => {
                    self.nodes[node as usize].rest = number;
                    return Place { node, rest: true };
                }
                "+" => self.plus_or_new(node),
                _ => self.child_or_new(node, level),
            };
        }
        self.nodes[node as usize].here = number;
        Place { node, rest: false }
    }

    /// Forgets the filter, and the nodes that only it needed.
    pub(super) fn remove(&mut self, place: Place) {
        let mut node = place.node;
        if place.rest {
            self.nodes[node as usize].rest = NONE;
        } else {
            self.nodes[node as usize].here = NONE;
        }
        while node != ROOT && self.node(node).is_unused() {
            let parent = self.node(node).parent;
            if self.node(parent).plus == node {
                self.nodes[parent as usize].plus = NONE;
            } else {
                let hash = self.hash(parent, self.node(node).level.as_bytes());
                if let Ok(entry) = self.children.find_entry(hash, |child| *child == node) {
                    entry.remove();
                }
                self.nodes[parent as usize].literal_children -= 1;
            }
            self.nodes[node as usize].level = Level::EMPTY;
            self.vacant.push(node);
            node = parent;
        }
    }

    /// The filter that ends at `place`, as it was written.
    pub(super) fn text(&self, place: Place) -> String {
        let mut levels = Vec::new();
        if place.rest {
            levels.push("#");
        }
        let mut node = place.node;
        while node != ROOT {
            let parent = self.node(node).parent;
            levels.push(if self.node(parent).plus == node { "+" } else { self.node(node).level.as_str() });
            node = parent;
        }
        levels.reverse();
        levels.join("/")
    }

    /// Calls `found` with every filter that matches, in an order that depends on the filters alone.
    pub(super) fn matches(&self, topic: &str, found: &mut impl FnMut(u32)) {
        self.walk(ROOT, Some(topic), mqtt::literal_levels(topic), found);
    }

    /// As deep as the topic has levels, which `mqtt::MAX_LEVELS` bounds. No wildcard stands for the first `literal` levels
    /// of `rest`.
    fn walk(&self, node: u32, rest: Option<&str>, literal: usize, found: &mut impl FnMut(u32)) {
        let here = self.node(node);
        let wildcards = literal == 0;
        let below = literal.saturating_sub(1);
        if wildcards && here.rest != NONE {
            found(here.rest);
        }
        let Some(rest) = rest else {
            if here.here != NONE {
                found(here.here);
            }
            return;
        };
        let (level, rest) = match rest.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (rest, None),
        };
        if here.literal_children > 0
            && let Some(child) = self.child(node, level)
        {
            self.walk(child, rest, below, found);
        }
        if wildcards && here.plus != NONE {
            self.walk(here.plus, rest, below, found);
        }
    }

    fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    fn hash(&self, node: u32, level: &[u8]) -> u64 {
        self.hasher.hash_one((node, level))
    }

    fn child(&self, node: u32, level: &str) -> Option<u32> {
        let level = level.as_bytes();
        let is_it = |child: &u32| {
            let child = self.node(*child);
            child.parent == node && child.level.as_bytes() == level
        };
        self.children.find(self.hash(node, level), is_it).copied()
    }

    fn child_or_new(&mut self, node: u32, level: &str) -> u32 {
        if let Some(child) = self.child(node, level) {
            return child;
        }
        let child = self.add(Node::new(level, node));
        let (hash, hasher, nodes) = (self.hash(node, level.as_bytes()), &self.hasher, &self.nodes);
        self.children.insert_unique(hash, child, |child| {
            let child = &nodes[*child as usize];
            hasher.hash_one((child.parent, child.level.as_bytes()))
        });
        self.nodes[node as usize].literal_children += 1;
        child
    }

    fn plus_or_new(&mut self, node: u32) -> u32 {
        if let Some(plus) = some(self.node(node).plus) {
            return plus;
        }
        let plus = self.add(Node::new("", node));
        self.nodes[node as usize].plus = plus;
        plus
    }

    fn add(&mut self, node: Node) -> u32 {
        if let Some(vacant) = self.vacant.pop() {
            self.nodes[vacant as usize] = node;
            return vacant;
        }
        self.nodes.push(node);
        (self.nodes.len() - 1) as u32
    }
}

fn some(number: u32) -> Option<u32> {
    (number != NONE).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILTERS: [&str; 12] =
        ["#", "+", "+/+", "a/#", "a/+", "+/b", "a/+/c", "a//+", "/#", "$SYS/#", "$SYS/+", "+/+/#"];

    fn found(trie: &Trie, topic: &str) -> Vec<u32> {
        let mut all = Vec::new();
        trie.matches(topic, &mut |number| all.push(number));
        all.sort_unstable();
        all
    }

    #[test]
    fn mqtt_4_7_2_1_leading_wildcards_do_not_match_dollar_topics() {
        let mut trie = Trie::default();
        for (number, filter) in FILTERS.iter().enumerate() {
            trie.insert(filter, number as u32);
        }
        assert_eq!(found(&trie, "$SYS/uptime"), [9, 10]);
        assert_eq!(found(&trie, "$SYS"), [9]);
        assert_eq!(found(&trie, "a"), [0, 1, 3]);
    }

    #[test]
    fn wildcards_do_not_find_the_self_check() {
        let mut trie = Trie::default();
        let filters = ["#", "azedge/#", "azedge/dmqtt/+", "azedge/dmqtt/+/#", "azedge/dmqtt/selftest/#", "+/+/+/+"];
        for (number, filter) in filters.iter().enumerate() {
            trie.insert(filter, number as u32);
        }
        assert_eq!(found(&trie, "azedge/dmqtt/selftest/0"), [4]);
        assert_eq!(found(&trie, "azedge/dmqtt/selftest"), [4]);
        assert_eq!(found(&trie, "azedge/dmqtt/selftests/0"), [0, 1, 3, 5]);
    }

    #[test]
    fn what_is_removed_leaves_nothing_behind() {
        let mut trie = Trie::default();
        let places: Vec<_> = FILTERS.iter().enumerate().map(|(i, filter)| trie.insert(filter, i as u32)).collect();
        for (filter, place) in FILTERS.iter().zip(&places) {
            assert_eq!(trie.text(*place), *filter);
        }
        for place in places {
            trie.remove(place);
        }
        assert_eq!((trie.nodes.len() - trie.vacant.len(), trie.children.len()), (1, 0));
    }

    proptest! {
        #[test]
        fn the_trie_and_plain_matching_agree(
            filters in prop::collection::btree_set("(\\$?[ab]|\\+|)(/([ab]|\\+|)){0,3}(/#)?", 0..20),
            below_self_check in prop::collection::btree_set("(azedge|\\+)(/(dmqtt|\\+)(/(selftest|\\+)(/[ab])?)?)?(/#)?", 0..8),
            topic in "\\$?[ab]?(/[ab]?){0,4}|azedge/dmqtt/(selftest|a)(/[ab]){0,2}",
        ) {
            prop_assume!(!topic.is_empty());
            let filters = filters.into_iter().chain(below_self_check).collect::<std::collections::BTreeSet<_>>();
            let filters: Vec<_> = filters.into_iter().filter(|filter| !filter.is_empty()).collect();
            let mut trie = Trie::default();
            for (number, filter) in filters.iter().enumerate() {
                trie.insert(filter, number as u32);
            }
            let expected: Vec<_> =
                (0..filters.len()).filter(|i| mqtt::matches(&filters[*i], &topic)).map(|i| i as u32).collect();
            prop_assert_eq!(found(&trie, &topic), expected);
        }
    }
}
