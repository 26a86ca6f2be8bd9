//! Topics of one resource of a rule: those without wildcards by name, the others one by one.

use std::collections::HashMap;

use super::pattern::TopicPattern;

/// Which entries there are, by their number in the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Topics {
    exact: HashMap<Box<str>, u32>,
    patterns: Vec<(TopicPattern, u32)>,
}

impl Topics {
    pub fn add(&mut self, pattern: TopicPattern, entry: u32) {
        match pattern.exact() {
            Some(topic) => {
                self.exact.entry(topic.into()).or_insert(entry);
            }
            None => self.patterns.push((pattern, entry)),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.patterns.is_empty()
    }

    /// An entry that is `text` or else that `fits`.
    pub fn find(&self, text: &str, fits: impl Fn(&TopicPattern) -> bool) -> Option<u32> {
        let by_name = self.exact.get(text).copied();
        by_name.or_else(|| self.patterns.iter().find(|(pattern, _)| fits(pattern)).map(|(_, entry)| *entry))
    }
}
