//! What should not have happened.

use super::record::{Place, Record};

/// One thing that is against a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What the rule had expected, and what was there instead.
    pub text: String,
    /// The entries that show it.
    pub places: Vec<Place>,
}

impl Violation {
    pub fn new(text: impl Into<String>, places: impl IntoIterator<Item = Place>) -> Self {
        Self { text: text.into(), places: places.into_iter().collect() }
    }

    /// For people: what, and the lines of the record that show it.
    pub fn report(&self, rule: &str, record: &Record) -> String {
        format!("{rule}: {}\n{}", self.text, record.excerpt(&self.places))
    }
}
