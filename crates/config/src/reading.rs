//! Reading single values out of what was asked for, and collecting what is wrong with them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::{EffectiveValue, Given, Notice, Origin, Problem, Problems};

/// Collects problems, notices and values while a plan is made.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    found: Vec<Found>,
    untold: usize,
    pub(crate) notices: Vec<Notice>,
    pub(crate) values: Vec<EffectiveValue>,
}

/// Problems that are kept; more are only counted, so that a file of another kind does not fill the screen.
const MAX_PROBLEMS: usize = 1000;

/// A problem and where it belongs in the list.
#[derive(Debug)]
struct Found {
    order: (usize, u32),
    problem: Problem,
}

/// A file in the order of all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) path: String,
    /// From 1; 0 is the command line.
    pub(crate) order: usize,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) file: Arc<File>,
    /// From 1.
    pub(crate) line: u32,
    /// The field, such as `spec.ports[0].port`; empty for the document as a whole.
    pub(crate) path: String,
}

/// A number's range and unit, for reading it and for saying what would be right.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub(crate) range: RangeInclusive<u64>,
    pub(crate) unit: &'static str,
}

impl Spot {
    /// The same file, another place.
    pub(crate) fn moved(&self, line: u32, path: impl Into<String>) -> Self {
        Self { file: self.file.clone(), line, path: path.into() }
    }

    /// As problems and notices name it.
    pub(crate) fn place(&self) -> String {
        let Self { file, line, path } = self;
        let separator = if path.is_empty() { "" } else { " " };
        format!("{}:{line}{separator}{path}", file.path)
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::File { path: self.file.path.clone(), line: self.line }
    }
}

impl Reading {
    pub(crate) fn refuse(&mut self, given: &Given, expected: impl Display) {
        let problem = Problem { place: given.place.clone(), text: given.text.clone(), expected: expected.to_string() };
        self.add(Found { order: (0, given.rank()), problem });
    }

    pub(crate) fn refuse_at(&mut self, spot: &Spot, text: impl Into<String>, expected: impl Display) {
        let problem = Problem { place: spot.place(), text: text.into(), expected: expected.to_string() };
        self.add(Found { order: (spot.file.order, spot.line), problem });
    }

    fn add(&mut self, found: Found) {
        match self.is_full() {
            false => self.found.push(found),
            true => self.untold += 1,
        }
    }

    /// Whether a further problem would only be counted.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_PROBLEMS
    }

    pub(crate) fn notice(&mut self, place: &str, text: impl Display, sentence: impl Display) {
        self.notices.push(Notice(format!("{place} {text}: {sentence}")));
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.found.is_empty()
    }

    /// What was found wrong: the command line first, then file by file, by line.
    pub(crate) fn problems(mut self) -> Problems {
        self.found.sort_by_key(|found| found.order);
        let mut problems: Vec<Problem> = self.found.into_iter().map(|found| found.problem).collect();
        if let (Some(last), 1..) = (problems.last(), self.untold) {
            let (place, text) = (last.place.clone(), "is not the last problem".to_owned());
            problems.push(Problem { place, text, expected: format!("there are {} more", self.untold) });
        }
        Problems(problems)
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
