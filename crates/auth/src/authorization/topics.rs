//! Topics of one resource of a rule: those without wildcards by name, the others one by one.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::pattern::{Levels, TopicPattern, levels};

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

    /// An entry that is `text` or else that fits its levels, which are only taken apart where there is something to compare
    /// them with.
    pub fn find<'t>(
        &self,
        text: &'t str,
        apart: &OnceCell<Levels<'t>>,
        fits: impl Fn(&TopicPattern, &Levels<'t>) -> bool,
    ) -> Option<u32> {
        if let Some(entry) = self.exact.get(text) {
            return Some(*entry);
        }
        if self.patterns.is_empty() {
            return None;
        }
        let levels = apart.get_or_init(|| levels(text));
        self.patterns.iter().find(|(pattern, _)| fits(pattern, levels)).map(|(_, entry)| *entry)
    }
}
