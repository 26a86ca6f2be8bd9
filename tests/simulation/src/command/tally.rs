//! What a run amounted to, as its child prints it for its parent.

use std::collections::BTreeMap;
use std::fmt;

use crate::oracle::{Record, What};

/// Begins the line.
const MARK: &str = "= ";

/// Numbers by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub fn of(record: &Record) -> Self {
        let mut tally = Self::default();
        for entry in &record.entries {
            let name = match &entry.what {
                What::Publish { .. } => "publishes",
                What::Received { .. } => "deliveries",
                What::Accepted { .. } => "connections",
                What::Subscribe { .. } => "subscribes",
                _ => continue,
            };
            tally.add(name, 1);
        }
        tally
    }

    pub fn add(&mut self, name: &str, number: u64) {
        *self.0.entry(name.to_owned()).or_default() += number;
    }

    /// The last such line of a child's output.
    pub fn find(output: &str) -> Option<Self> {
        let line = output.lines().rev().find_map(|line| line.strip_prefix(MARK))?;
        let pairs = line.split_whitespace().map(|pair| pair.split_once('='));
        let numbers = pairs.map(|pair| pair.and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?))));
        numbers.collect::<Option<BTreeMap<_, _>>>().map(Self)
    }

    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(name, number)| self.add(name, *number));
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<_> = self.0.iter().map(|(name, number)| format!("{name}={number}")).collect();
        write!(f, "{MARK}{}", pairs.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_is_read_as_it_is_written() {
        let mut tally = Tally::default();
        tally.add("publishes", 3);
        tally.add("turns", 1 << 40);
        let output = format!("something\n= of=1 old=2\n{tally}\nmore\n");
        assert_eq!(Tally::find(&output), Some(tally.clone()));
        tally.merge(&tally.clone());
        assert_eq!(tally.to_string(), "= publishes=6 turns=2199023255552");
        assert_eq!(Tally::find("nothing"), None);
    }
}
