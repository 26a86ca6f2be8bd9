//! Reading single values out of a request, and collecting what is wrong with them.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::{Given, Problem};

/// Collects problems while a plan is made.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) problems: Vec<Problem>,
}

/// A number's range and unit, for reading it and for saying what would be right.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub(crate) range: RangeInclusive<u64>,
    pub(crate) unit: &'static str,
}

impl Reading {
    pub(crate) fn refuse(&mut self, given: &Given, expected: impl Display) {
        self.problems.push(Problem {
            place: given.place.clone(),
            text: given.text.clone(),
            expected: expected.to_string(),
        });
    }

    /// The number asked for; `None` where none was, or where it is wrong (which is then a problem).
    pub(crate) fn whole(&mut self, given: Option<&Given>, allowed: &Whole) -> Option<u64> {
        let given = given?;
        match given.text.parse::<u64>() {
            Ok(number) if allowed.range.contains(&number) => Some(number),
            _ => {
                let (low, high) = (allowed.range.start(), allowed.range.end());
                let unit = allowed.unit;
                match *high {
                    u64::MAX => self.refuse(given, format!("give {low} or more {unit}")),
                    _ => self.refuse(given, format!("give a number of {unit} from {low} to {high}")),
                }
                None
            }
        }
    }

    /// One of a list of words; `None` as with [`Reading::whole`].
    pub(crate) fn word<T: Copy>(&mut self, given: Option<&Given>, words: &[(&'static str, T)]) -> Option<T> {
        let given = given?;
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&given.text));
        if found.is_none() {
            let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(given, format!("give one of {}", list.join(", ")));
        }
        found.map(|(_, value)| *value)
    }
}

/// A checked number as the width its range guarantees.
pub(crate) fn narrow<T: TryFrom<u64>>(number: u64) -> Option<T> {
    T::try_from(number).ok()
}
